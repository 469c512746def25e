"""Run every bench: `python -m bench`."""

from bench import planning, selection

selection.main([])
planning.main()
