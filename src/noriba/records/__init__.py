"""What travels between stages: frozen records, written by one stage and read by others.

Stages do not know each other; they know these.
"""
