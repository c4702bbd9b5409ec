"""Watching what is in production, and deciding when to train again."""
