"""The grading: the command, pytest, items and points, results and reports, submissions."""
