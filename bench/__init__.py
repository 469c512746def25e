"""Measurements of speed, side by side with peers in one run; figures are ratios. `make bench` runs them all."""
