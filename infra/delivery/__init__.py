"""How changes reach the accounts of an organisation: a pipeline, or what GitHub Actions need. See docs/delivery.md."""
