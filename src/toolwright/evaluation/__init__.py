"""Evaluation: what a model or a selector gets right, with intervals."""
