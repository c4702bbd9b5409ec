"""What goes from one account of the loop to another, read out of the templates: `python -m infra.arrows FILE`.

The table of docs/topology.md. It is made of the owners' side, since without that nothing crosses: policies of buckets,
tables, keys, buses and groups, and whom roles trust. Events that rules bring to another account's bus are named one by
one. An image is the exception: the repository is that of CDK's bootstrap, so its row comes from who pulls.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.application import build_app
from infra.topology import SPREAD, read_topology

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from infra.topology import Topology

_HEAD = ("from", "to", "what", "may")
_OWNED = {
    "AWS::S3::BucketPolicy": ("PolicyDocument", "bucket"),
    "AWS::DynamoDB::Table": ("ResourcePolicy", "table"),
    "AWS::KMS::Key": ("KeyPolicy", "key"),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupPolicy", "model package group"),
    "AWS::Events::EventBusPolicy": ("Statement", "bus"),
    "AWS::IAM::Role": ("AssumeRolePolicyDocument", "role"),
}
_ROLE = re.compile(r":iam::(\d{12}):role/([a-z0-9-]+?)-?\*$")
_ACCOUNT = re.compile(r":iam::(\d{12}):root$")
_BUS = re.compile(r":events:[a-z0-9-]+:(\d{12}):event-bus/")
_IMAGE = re.compile(r":ecr:[a-z0-9-]+:(\d{12}):repository/")


class Arrow(NamedTuple):
    """One thing that somebody may do in another account."""

    source: str
    target: str
    what: str
    action: str


def find_arrows(folder: Path, accounts: Mapping[str, str]) -> list[Arrow]:
    """All arrows of an assembly, sorted.

    Args:
        folder: what was synthesised.
        accounts: names by id.
    """
    found: set[Arrow] = set()
    for name, account, template in _read_templates(folder):
        home = accounts[account]
        for logical_id, resource in template["Resources"].items():
            found |= set(_find_admitted(home, logical_id, resource, accounts))
            found |= set(_find_forwarded(home, resource, accounts))
            found |= set(_find_images(f"{home}: `{name}`", account, resource, accounts))
    return sorted(found)


def draw_table(arrows: Iterable[Arrow]) -> str:
    """A row for each pair and thing."""
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for arrow in arrows:
        rows[arrow[:3]].append(f"`{arrow.action}`")
    lines = [_HEAD, ("---",) * len(_HEAD), *((*what, ", ".join(actions)) for what, actions in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw(topology_file: Path) -> str:
    """The table of a topology's loop."""
    topology = read_topology(topology_file)
    with tempfile.TemporaryDirectory() as folder:
        build_app(context={SPREAD: str(topology_file.absolute())}, outdir=folder).synth()
        return draw_table(find_arrows(Path(folder), name_accounts(topology)))


def name_accounts(topology: Topology) -> dict[str, str]:
    """Names by id, of those whose id is known."""
    return {account.id: name for name, account in topology.accounts.items() if account.id is not None}


def _read_templates(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for artifact_id, artifact in manifest["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack":
            account = artifact["environment"].removeprefix("aws://").partition("/")[0]
            template = json.loads((folder / artifact["properties"]["templateFile"]).read_text(encoding="utf-8"))
            yield artifact["properties"].get("stackName", artifact_id), account, template


def _find_admitted(
    home: str, logical_id: str, resource: Mapping[str, Any], accounts: Mapping[str, str]
) -> Iterator[Arrow]:
    """Who is let in by what a resource's policy says."""
    entry, kind = _OWNED.get(resource["Type"], ("", ""))
    policy = resource["Properties"].get(entry) or {}
    if "PolicyDocument" in policy:
        policy = policy["PolicyDocument"]
    statements = policy if isinstance(policy, list) else policy.get("Statement", [policy] if policy else [])
    for statement in statements:
        if statement.get("Effect") != "Allow":
            continue
        for who in _list_others(home, statement, accounts):
            for action in _as_list(statement["Action"]):
                yield Arrow(who, f"{home}: {kind} `{_name(logical_id, kind)}`", _say_when(statement), action)


def _list_others(home: str, statement: Mapping[str, Any], accounts: Mapping[str, str]) -> Iterator[str]:
    """By the roles that a condition names, or else by account."""
    patterns = _as_list(statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn", []))
    principal = statement.get("Principal", {})
    named = _as_list(principal.get("AWS", [])) if isinstance(principal, dict) else [principal]
    for text in map(_flatten, patterns or named):
        match = _ROLE.search(text) or _ACCOUNT.search(text)
        if match is None:
            raise ValueError(f"in the account {home}, somebody is let in who cannot be told: {text}")
        if match[1] not in accounts:
            raise ValueError(f"in the account {home}, somebody of {match[1]} is let in, which is none of the topology")
        if accounts[match[1]] == home:
            continue
        who = f"`{match[2]}`" if match.re is _ROLE else "whoever may by a policy of theirs"
        yield f"{accounts[match[1]]}: {who}"


def _say_when(statement: Mapping[str, Any]) -> str:
    """What narrows it: objects of a bucket by prefix, kinds of events."""
    keys = {tail for text in map(_flatten, _as_list(statement.get("Resource", []))) if (tail := text.partition("/")[2])}
    conditions = statement.get("Condition", {})
    kinds = conditions.get("ForAllValues:StringEquals", {}).get("events:detail-type", [])
    status = conditions.get("StringEquals", {}).get("sagemaker:ModelApprovalStatus", [])
    if kinds or status:
        return ", ".join(f"`{one}`" for one in (*kinds, *status))
    return ", ".join(f"`{key}`" for key in sorted(keys) if ":" not in key)


def _find_forwarded(home: str, resource: Mapping[str, Any], accounts: Mapping[str, str]) -> Iterator[Arrow]:
    """Events that a rule brings elsewhere."""
    if resource["Type"] != "AWS::Events::Rule":
        return
    for target in resource["Properties"]["Targets"]:
        match = _BUS.search(_flatten(target["Arn"]))
        if match is not None and (other := accounts.get(match[1], home)) != home:
            pattern = resource["Properties"]["EventPattern"]
            for kind in pattern["detail-type"]:
                yield Arrow(f"{home}: a rule", f"{other}: bus", f"`{kind}`", "events:PutEvents")


def _find_images(who: str, account: str, resource: Mapping[str, Any], accounts: Mapping[str, str]) -> Iterator[Arrow]:
    """Images that are pulled from elsewhere."""
    if resource["Type"] != "AWS::IAM::Policy":
        return
    for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
        for text in map(_flatten, _as_list(statement["Resource"])):
            match = _IMAGE.search(text)
            if match is not None and match[1] != account:
                for action in _as_list(statement["Action"]):
                    yield Arrow(
                        who, f"{accounts[match[1]]}: repository of CDK's bootstrap", "the model's image", action
                    )


def _name(logical_id: str, kind: str) -> str:
    """A resource's name as its construct has it, without CDK's hash."""
    if kind == "bus":
        return "noriba"
    return re.sub(r"(Bucket)?(Policy)?[0-9A-F]{8}$", "", logical_id) or logical_id


def _flatten(value: Any) -> str:
    """A text, with what only a deployment knows in angle brackets."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_flatten, parts))
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return f"<{name}>"
    return "<?>"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    sys.stdout.write(draw(Path(sys.argv[1])))
