"""Comparisons with what a user would otherwise run, each a module: `python -m benchmarks.NAME`."""
