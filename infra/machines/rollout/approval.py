"""Whether the package is still approved: a rollout may have compared for weeks since somebody let the model in."""

from __future__ import annotations

from infra.machines.rollout.props import SDK
from infra.machines.states import State, call, catch_all, choose, equals

WITHDRAWN = "ApprovalWithdrawnError"


def read_approval(name: str, *, follow: str, catch: str) -> dict[str, State]:
    """The state of that name: the package's status, at `$.again.status`."""
    return {
        name: call(
            f"{SDK}describeModelPackage",
            {"ModelPackageName.$": "$.model_package_arn"},
            follow=follow,
            ResultSelector={"status.$": "$.ModelApprovalStatus"},
            ResultPath="$.again",
            **catch_all(catch),
        )
    }


def confirm_approval(name: str, stage: str, *, follow: str, catch: str) -> dict[str, State]:
    """States from that name on: the rollout goes on where the package is approved, and fails where it is not.

    Args:
        name: of the first state.
        stage: before which it is asked.
        follow: the next state.
        catch: where a failure leads.
    """
    check, withdrawn = f"Is it approved before {stage}?", f"Approval was withdrawn before {stage}"
    return {
        **read_approval(name, follow=check, catch=catch),
        check: choose((equals("$.again.status", "Approved"), follow), otherwise=withdrawn),
        withdrawn: {
            "Type": "Pass",
            "Result": {"Error": WITHDRAWN, "Cause": f"the package was no longer approved before {stage}"},
            "ResultPath": "$.failure",
            "Next": catch,
        },
    }
