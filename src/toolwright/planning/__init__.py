"""Plans: steps that feed each other, as a graph that is checked before anything runs."""
