"""Who pulls the model's image from elsewhere: a repository's policy, with what stands in it already.

    aws ecr get-repository-policy … | python -m infra.repository_policy FILE > policy.json

The repository is that of CDK's bootstrap, whose policy no template of ours may write, and a bootstrap may write anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.topology import TopologyError, read_topology

if TYPE_CHECKING:
    from infra.topology import Topology

_PULLS = "NoribaPulls"
_REGISTERS = "NoribaRegisters"
_PULLING = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
# The registry finds out the digest when a model is registered from another account.
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-version.html
_REGISTERING = ["ecr:BatchGetImage", "ecr:DescribeImages"]


def write_policy(topology: Topology, given: str) -> str:
    """The policy's text.

    Args:
        topology: whose accounts pull.
        given: what `aws ecr get-repository-policy` answered; nothing where there is no policy.
    """
    before: dict[str, Any] = json.loads(json.loads(given)["policyText"]) if given.strip() else {}
    kept = [one for one in before.get("Statement", []) if one.get("Sid") not in {_PULLS, _REGISTERS}]
    parts, accounts = topology.parts, topology.accounts
    ours = [
        _let_in(_PULLS, [accounts[name].id for name in (parts.staging, parts.rollout)], _PULLING),
        _let_in(_REGISTERS, [accounts[parts.registry].id], _REGISTERING),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [*kept, *ours]}, indent=1)


def _let_in(sid: str, ids: list[str | None], actions: list[str]) -> dict[str, Any]:
    principals = [f"arn:aws:iam::{account_id}:root" for account_id in dict.fromkeys(ids)]
    return {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": principals}, "Action": actions}


if __name__ == "__main__":
    try:
        sys.stdout.write(write_policy(read_topology(Path(sys.argv[1])), sys.stdin.read()))
    except TopologyError as error:
        sys.exit(str(error))
