"""Reports from result files: tables, charts and one page."""
