"""Benchmarks: each module has `run()`, which compares things side by side in one run and prints ratios.

The machines are noisy: read the ratios, not the milliseconds.
"""
