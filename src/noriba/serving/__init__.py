"""From an app's request to its answer: `requests` → the endpoint → `answers`; `problems` when it cannot be."""
