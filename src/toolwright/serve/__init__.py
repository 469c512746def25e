"""Serving Toolwright's parts to other programs."""
