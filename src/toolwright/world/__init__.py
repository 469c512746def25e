"""The executable world: domain files, and the engine that runs their tools on SQLite."""
