"""How an execution of a state machine ends that cannot say so itself."""

from __future__ import annotations

UNSAID = {
    "ABORTED": ("Aborted", "its execution was stopped, and nobody said why"),
    "TIMED_OUT": ("States.Timeout", "its time was up"),
}
"""By status, error and cause of one that was ended from outside, where nobody gave any."""
UNCATCHABLE = ("States.Runtime", "States.DataLimitExceeded")
"""Errors that no state can catch: an execution that fails with one of these has undone and said nothing.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""
COMPLETION_UNTOLD = "CompletionUntoldError"
"""The model serves and is the champion, but its execution could not put that onto the bus."""
LEFT_UNSAID = (*UNCATCHABLE, COMPLETION_UNTOLD)
"""Errors of executions whose end somebody else must tell."""
