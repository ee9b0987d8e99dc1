"""Exporters of the one result model (grading/results.py)."""
