"""Cairn's harness: builds a lab, runs it in QEMU, judges it from outside, reports points.

layers.txt says which package imports which.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
