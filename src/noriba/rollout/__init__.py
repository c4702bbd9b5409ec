"""Champion and challenger: golden requests, health, outcomes, the verdict, and what an experiment shows."""
