"""Noriba: machine-learning models from data to production on AWS, event by event."""

__version__ = "0.1.0"
