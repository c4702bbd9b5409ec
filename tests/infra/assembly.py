"""A synthesised application as tests read it: resources by type and name, plain text in place of references."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Not the end of a version's, whose 32 small hexadecimal digits may end in eight that are no letters.
_HASH = re.compile(r"(?<![0-9a-f]{24})[0-9A-F]{8}$")
_RULES = "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule"
_HERE = re.compile(r"arn:<AWS::Partition>:([a-z0-9-]+):(?:<AWS::Region>)?:(?:<AWS::AccountId>)?:")


def name_plainly(logical_id: str) -> str:
    """`RawBucket` of `RawBucket672A0DBB`."""
    return _HASH.sub("", logical_id)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Resource:
    """A resource; `properties` hold text such as `<RawBucket.Arn>` where the template refers to something."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]

    @property
    def name(self) -> str:
        return name_plainly(self.logical_id)


@dataclass(frozen=True)
class Statement:
    """A statement of an IAM policy; resources without what is the same everywhere: `sagemaker:endpoint/name`."""

    owner: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Any]
    principal: Any = None

    @classmethod
    def parse(cls, owner: str, document: Mapping[str, Any]) -> Statement:
        return cls(
            owner=owner,
            effect=document["Effect"],
            actions=tuple(as_list(document["Action"])),
            resources=tuple(shorten_arn(resource) for resource in as_list(document.get("Resource", []))),
            conditions=document.get("Condition", {}),
            principal=document.get("Principal"),
        )


def shorten_arn(text: str) -> str:
    """`sagemaker:endpoint/name` of an ARN of this account, `RawBucket/*` of `<RawBucket.Arn>/*`."""
    return re.sub(r"<(\w+)(?:\.\w*Arn)?>", r"\1", _HERE.sub(r"\1:", text))


@dataclass(frozen=True)
class Assembly:
    """The templates of a folder, by stack name without the prefix."""

    path: Path
    prefix: str
    templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, *, prefix: str) -> Assembly:
        found = {
            file.name.removesuffix(".template.json").removeprefix(f"{prefix}-"): json.loads(file.read_text())
            for file in sorted(path.glob("*.template.json"))
        }
        return cls(path, prefix, found)

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        return tuple(
            Resource(
                stack=stack,
                logical_id=logical_id,
                type=body["Type"],
                properties=self.read(body.get("Properties", {})),
                attributes={name: value for name, value in body.items() if name not in {"Type", "Properties"}},
            )
            for stack, template in self.templates.items()
            for logical_id, body in template["Resources"].items()
        )

    def find(self, kind: str, *, stack: str | None = None) -> list[Resource]:
        """The resources of a type such as `AWS::S3::Bucket`, of one stack or of all; there must be some."""
        found = [one for one in self.resources if one.type == kind and stack in {None, one.stack}]
        assert found, f"no {kind} in {self.path}"
        return found

    def one(self, kind: str, name: str) -> Resource:
        [found] = [resource for resource in self.find(kind) if resource.name == name]
        return found

    def by_name(self, kind: str) -> dict[str, Resource]:
        found = self.find(kind)
        named = {resource.name: resource for resource in found}
        assert len(named) == len(found), f"two {kind} of one name"
        return named

    @cached_property
    def exports(self) -> dict[str, str]:
        return {
            output["Export"]["Name"]: self.read(output["Value"])
            for template in self.templates.values()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    @cached_property
    def _buses_of_rules(self) -> dict[str, Any]:
        """The custom bus of every rule that stands on one: their name and ARN hold it too.

        https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1131
        """
        return {
            logical_id: bus
            for template in self.templates.values()
            for logical_id, body in template["Resources"].items()
            if body["Type"] == "AWS::Events::Rule" and (bus := body["Properties"].get("EventBusName"))
        }

    def read(self, value: Any) -> Any:
        """A value of a template with text for its references; an import reads as what is exported."""
        match value:
            case {"Ref": logical_id}:
                bus = self._buses_of_rules.get(logical_id)
                text = f"{self.read(bus)}|" if bus else ""
                text += f"<{name_plainly(logical_id)}>"
            case {"Fn::GetAtt": [logical_id, "Arn"]} if bus := self._buses_of_rules.get(logical_id):
                text = f"{_RULES}/{self.read(bus)}/<{name_plainly(logical_id)}>"
            case {"Fn::GetAtt": [logical_id, attribute]}:
                text = f"<{name_plainly(logical_id)}.{attribute}>"
            case {"Fn::Select": [index, {"Fn::Split": [separator, whole]}]}:
                text = self.read(whole).split(separator)[int(index)]
            case {"Fn::Join": [separator, parts]}:
                text = separator.join(self.read(part) for part in parts)
            case {"Fn::Sub": template}:
                text = re.sub(r"\$\{([\w:]+)\}", r"<\1>", template)
            case {"Fn::ImportValue": name}:
                # Or one that a parameter chooses.
                text = self.exports[name] if isinstance(name, str) else f"<import {self.read(name)}>"
            case dict():
                return {name: self.read(item) for name, item in value.items()}
            case list():
                return [self.read(item) for item in value]
            case _:
                return value
        return text

    def identity_statements(self) -> Iterator[Statement]:
        """What roles may do, the owner being the role."""
        for policy in self.find("AWS::IAM::Policy"):
            [role] = policy.properties["Roles"]
            for document in policy.properties["PolicyDocument"]["Statement"]:
                yield Statement.parse(role.strip("<>"), document)

    def machine(self, name: str) -> dict[str, Any]:
        """The definition of a state machine."""
        resource = self.one("AWS::StepFunctions::StateMachine", name)
        definition: dict[str, Any] = json.loads(resource.properties["DefinitionString"])
        return definition


def read_acknowledgements(
    folder: Path, reports: Iterable[Mapping[str, Any]]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What the templates acknowledge to cdk-nag, and what of it it has found: path and rule."""
    declared = {
        (path.removeprefix("/"), rule)
        for file in folder.glob("*.metadata.json")
        for path, entries in json.loads(file.read_text()).items()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule in entry["data"]
    }
    matched = {
        (finding["acknowledgedAt"], finding["acknowledgedId"])
        for report in reports
        for finding in report["suppressedViolations"]
    }
    return declared, matched
