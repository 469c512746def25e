"""Benchmark and training data, built from the world."""
