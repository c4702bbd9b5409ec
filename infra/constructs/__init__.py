"""One capability a module."""
