"""Run every bench: `python -m bench`."""

from bench import coreset, planning, selection

selection.main([])
planning.main()
coreset.main([])
