"""What IAM would say: requests of principals, evaluated by `@cloud-copilot/iam-simulate` against the policies.

A tool of tests alone, under a licence that what is shipped could not take on (AGPL): fetched once by the `npm` that
comes with the virtual environment's Node, at the versions and hashes of `package-lock.json`, into `.build`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.infra.package_files import ROOT
from tests.infra.personas.account import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.infra.personas.account import Account, Principal

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
_LOCKED = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Request:
    """A call of AWS's.

    Attributes:
        action: such as `s3:GetObject`.
        resource: its ARN, or `*` where the action knows none.
        context: what else a policy's conditions may ask for.
    """

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@lru_cache
def fetch_simulator() -> Path:
    """The folder with the simulator, which is there after the first time."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _LOCKED)).hexdigest()[:16]
    folder = ROOT / ".build" / f"iam-simulate-{digest}"
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        for name in _LOCKED:
            shutil.copy(HERE / name, scratch)
        command = [f"{BIN}/npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm could not fetch the simulator of policies: {done.stderr}"
        try:
            scratch.rename(folder)
        except OSError:
            # Another test run was as quick.
            shutil.rmtree(scratch)
    return folder


def decide(account: Account, asked: Sequence[tuple[Principal, Request]]) -> list[bool]:
    """Whether each request of each principal is allowed; all in one process of Node.

    The simulator knows of a service's context keys, and drops others: a key that it drops would make a test true for
    the wrong reason, so that fails.
    """
    simulations = [_describe(account, principal, request) for principal, request in asked]
    done = subprocess.run(
        [BIN / "node", HERE / "simulate.mjs", fetch_simulator()],
        input=json.dumps(simulations),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for (_principal, request), answer in zip(asked, answers, strict=True):
        assert answer["errors"] is None, f"{request}: {answer['errors']}"
        assert not set(answer["ignored"]) & request.context.keys(), f"{request}: {answer['ignored']} are ignored"
    return [answer["result"] == "Allowed" for answer in answers]


def _describe(account: Account, principal: Principal, request: Request) -> dict[str, Any]:
    return {
        "request": {
            "principal": principal.arn,
            "action": request.action,
            "resource": {"resource": request.resource, "accountId": ACCOUNT},
            "contextVariables": {
                "aws:PrincipalArn": principal.role,
                "aws:PrincipalAccount": ACCOUNT,
                "aws:SecureTransport": "true",
                **({"s3:TlsVersion": "1.3"} if request.action.startswith("s3:") else {}),
                **request.context,
            },
        },
        "identityPolicies": [
            {"name": f"{principal.name}-{number}", "policy": {"Version": "2012-10-17", **policy}}
            for number, policy in enumerate(principal.policies)
        ],
        "permissionBoundaryPolicies": [] if principal.boundary is None else [_limit(principal)],
        "resourcePolicy": account.resource_policy(request.resource),
        # One account, without an organisation over it.
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }


def _limit(principal: Principal) -> dict[str, Any]:
    return {"name": "boundary", "policy": principal.boundary}
