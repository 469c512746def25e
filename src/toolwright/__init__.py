"""Toolwright makes language models good at using tools, and proves it."""

__version__ = "0.1.0"
