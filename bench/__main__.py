"""Run every bench: `python -m bench`."""

from bench import selection

selection.main([])
