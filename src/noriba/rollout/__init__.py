"""The staged replacement of a champion: names, stages, golden requests."""
