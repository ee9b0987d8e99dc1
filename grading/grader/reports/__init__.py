"""Exporters of the one result model (grading/grader/results.py)."""
