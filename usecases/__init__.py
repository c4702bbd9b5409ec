"""One package a use case; `noriba.usecase.load_use_case` finds them by name."""
