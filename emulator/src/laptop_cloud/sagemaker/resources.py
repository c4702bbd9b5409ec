"""SageMaker's CloudFormation resource types.

`Ref`, attributes and which changes replace a resource are those of
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SageMaker.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from laptop_cloud import ministack_seams
from laptop_cloud.sagemaker.errors import ApiError, UnsupportedError, ValidationError
from laptop_cloud.sagemaker.group_policies import check_policy
from laptop_cloud.sagemaker.scopes import current_scope
from laptop_cloud.sagemaker.shapes import coerce, service_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botocore.model import StructureShape

    from laptop_cloud.sagemaker.service import Service

    Properties = dict[str, Any]
    Made = tuple[str, Properties]

_NAME_LENGTH = 63
_PREFIX = "AWS::SageMaker::"
_POLICY = "ModelPackageGroupPolicy"
_OF_UPDATES = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig")
"""Properties of `AWS::SageMaker::Endpoint` that mean nothing before there is something to update."""


@dataclass(frozen=True)
class _ResourceType:
    """A resource type whose properties are the members of its `Create…` operation.

    Args:
        service: SageMaker.
        noun: the type's last part, which its operations and members are made of.
        attributes: what `Fn::GetAtt` gives, members of the `Describe…` answer.
    """

    service: Service
    noun: str
    attributes: tuple[str, ...]

    @property
    def name_member(self) -> str:
        return f"{self.noun}Name"

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Made:
        generated = ministack_seams.generated_name(stack_name, logical_id, max_length=_NAME_LENGTH)
        shape = cast("StructureShape", service_model().operation_model(f"Create{self.noun}").input_shape)
        params: Properties = coerce(shape, {self.name_member: generated, **properties})
        if unknown := params.keys() - shape.members.keys():
            raise UnsupportedError(
                f"The laptop cloud does not support {', '.join(sorted(unknown))} of {_PREFIX}{self.noun}."
            )
        self._call("Create", params)
        return self._made(params[self.name_member])

    def delete(self, physical_id: str, _properties: Properties) -> None:
        name = physical_id.rpartition("/")[2]
        try:
            self._call("Describe", {self.name_member: name})
        except ValidationError:
            return
        self._call("Delete", {self.name_member: name})

    def retag(self, physical_id: str, old: Properties, new: Properties) -> None:
        before, after = ({tag["Key"] for tag in props.get("Tags", [])} for props in (old, new))
        scope = current_scope()
        if removed := sorted(before - after):
            self.service.call(scope, "DeleteTags", {"ResourceArn": physical_id, "TagKeys": removed})
        if new.get("Tags"):
            self.service.call(scope, "AddTags", {"ResourceArn": physical_id, "Tags": new["Tags"]})

    def update(self, physical_id: str, old: Properties, new: Properties, _stack_name: str) -> Made:
        """Change the tags, all that can change without replacement."""
        self.retag(physical_id, old, new)
        return self._made(physical_id.rpartition("/")[2])

    def _made(self, name: str) -> Made:
        description = self._call("Describe", {self.name_member: name})
        # CloudFormation's attributes are text.
        attributes = {attribute: str(description[attribute]) for attribute in self.attributes}
        return description[f"{self.noun}Arn"], attributes

    def _call(self, verb: str, params: Properties) -> dict[str, Any]:
        return self.service.call(current_scope(), verb + self.noun, params)


class _GroupType(_ResourceType):
    """A group has a policy too, which is no member of its `Create…` operation."""

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Made:
        policy = _write_policy(properties)
        rest = {name: value for name, value in properties.items() if name != _POLICY}
        made = super().create(logical_id, rest, stack_name)
        self._set_policy(made[0], None, policy)
        return made

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Made:
        self._set_policy(physical_id, _write_policy(old), _write_policy(new))
        return super().update(physical_id, old, new, stack_name)

    def _set_policy(self, arn: str, old: str | None, new: str | None) -> None:
        group = {self.name_member: arn.rpartition("/")[2]}
        if new is not None:
            self.service.call(current_scope(), f"Put{_POLICY}", {**group, "ResourcePolicy": new})
        elif old is not None:
            self.service.call(current_scope(), f"Delete{_POLICY}", group)


def _write_policy(properties: Properties) -> str | None:
    given = properties.get(_POLICY)
    if given is None:
        return None
    policy = given if isinstance(given, str) else json.dumps(given)
    check_policy(policy)
    return policy


class _EndpointType(_ResourceType):
    """An endpoint is made, changed or gone only when its servers are."""

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Made:
        first = {name: value for name, value in properties.items() if name not in _OF_UPDATES}
        made = super().create(logical_id, first, stack_name)
        self._await_service(made[0])
        return made

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Made:
        name = physical_id.rpartition("/")[2]
        if old["EndpointConfigName"] != new["EndpointConfigName"]:
            shape = service_model().operation_model("UpdateEndpoint").input_shape
            given = {k: v for k, v in {**new, "EndpointName": name}.items() if k != "Tags"}
            self._call("Update", coerce(cast("StructureShape", shape), given))
            self._await_service(physical_id)
        return super().update(physical_id, old, new, stack_name)

    def delete(self, physical_id: str, properties: Properties) -> None:
        name = physical_id.rpartition("/")[2]
        self.service.endpoints.wait(current_scope(), name)
        super().delete(physical_id, properties)
        self.service.endpoints.wait(current_scope(), name)

    def _await_service(self, arn: str) -> None:
        description = self.service.endpoints.wait(current_scope(), arn.rpartition("/")[2])
        if description is None or description.get("FailureReason"):
            reason = description["FailureReason"] if description else "it was deleted"
            raise ApiError("ValidationException", f"Endpoint {arn} is not in service: {reason}")


def install_resources(service: Service) -> None:
    """Let templates make SageMaker resources."""
    group_attributes = ("ModelPackageGroupArn", "CreationTime", "ModelPackageGroupStatus")
    group = _GroupType(service, "ModelPackageGroup", group_attributes)
    _register(group, ["ModelPackageGroupName", "ModelPackageGroupDescription"])
    _register(_ResourceType(service, "Model", ("ModelName",)), _all_but_tags("Model"))
    _register(_ResourceType(service, "EndpointConfig", ("EndpointConfigName",)), _all_but_tags("EndpointConfig"))
    _register(_EndpointType(service, "Endpoint", ("EndpointName",)), ["EndpointName"])


def _register(resource_type: _ResourceType, replacing: Sequence[str]) -> None:
    ministack_seams.register_resource_type(
        _PREFIX + resource_type.noun,
        resource_type.create,
        resource_type.delete,
        resource_type.update,
        replacing_properties=replacing,
    )


def _all_but_tags(noun: str) -> list[str]:
    shape = cast("StructureShape", service_model().operation_model(f"Create{noun}").input_shape)
    return [name for name in shape.members if name != "Tags"]
