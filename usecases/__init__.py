"""One package a use case; `noriba.usecase.load_use_case` finds them by name."""

DEFAULT = "taxi_eta"
"""The one that is meant where a command names none."""
