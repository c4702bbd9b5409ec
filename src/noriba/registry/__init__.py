"""From evidence to a candidate that an approver can judge: `gates` → `model_cards` → `candidates`."""
