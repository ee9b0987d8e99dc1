"""Cairn's harness: builds a lab, runs it in QEMU, judges it from outside, reports points."""
