"""From evidence to a candidate that an approver can decide on: `gates` → `model_cards` → `candidates`."""
