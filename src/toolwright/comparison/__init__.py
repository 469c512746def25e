"""Comparison of training methods, cell by cell."""
