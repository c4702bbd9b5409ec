"""Deployment guardrails: what `DeploymentConfig` asks of an update, and what SageMaker would refuse of it.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Self

from laptop_cloud.sagemaker.errors import ValidationError
from laptop_cloud.sagemaker.platform import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXCLUSIONS = "https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html"
_EXCLUDED_INSTANCES = "ml.inf1."
_MOST_PERCENT = 50
_STEP_MEMBERS = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_SIZE_MEMBERS = {**_STEP_MEMBERS, "ROLLING": "MaximumBatchSize"}
_LEAST_PERCENT = {"CANARY": 0, "LINEAR": 10, "ROLLING": 5}
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html"""
_PORTIONS = {"CANARY": "canary", "LINEAR": "linear step", "ROLLING": "batch"}


@dataclass(frozen=True)
class Stage:
    """One shift of the traffic, and the bake after it.

    Args:
        active: how many new instances of each variant take requests.
        portion: of the new instances: `canary`, `linear step`, `batch` or `full`.
        bake_s: how long alarms are watched, in the time of AWS.
        bake_member: the request's member that says so.
    """

    active: Mapping[str, int]
    portion: str
    bake_s: int
    bake_member: str

    def activating(self, variant: str) -> str:
        """SageMaker's message while the traffic moves."""
        return f"Activating traffic on {self._capacity(variant)}."

    def baking(self, variant: str) -> str:
        """SageMaker's message during the bake."""
        return (
            f"Baking for {self.bake_s} seconds ({self.bake_member}) with traffic enabled on {self._capacity(variant)}."
        )

    def _capacity(self, variant: str) -> str:
        return f"{self.portion} capacity of {self.active[variant]} instance(s)"


@dataclass(frozen=True)
class Guardrails:
    """How an update shifts traffic. Without a configuration: all at once, and nothing is watched.

    Args:
        routing: `ALL_AT_ONCE`, `CANARY` or `LINEAR`; `ROLLING` where instances are replaced batch by batch.
        step_type: of the first (canary) or of every step: `INSTANCE_COUNT` or `CAPACITY_PERCENT`.
        step_value: its size.
        wait_s: the bake after each step but the last.
        termination_wait_s: the bake after the last, before the old fleet goes.
        timeout_s: how long the whole deployment may take, if that is limited.
        alarms: names of the CloudWatch alarms that call a deployment back.
    """

    routing: str = "ALL_AT_ONCE"
    step_type: str = "CAPACITY_PERCENT"
    step_value: int = 100
    wait_s: int = 0
    termination_wait_s: int = 0
    timeout_s: int | None = None
    alarms: tuple[str, ...] = ()

    @classmethod
    def of(cls, operation: str, config: Mapping[str, Any]) -> Self:
        """What a `DeploymentConfig` asks for.

        Args:
            operation: that it is given to.
            config: valid by the service model.

        Raises:
            ValidationError: SageMaker refuses it.
            UnsupportedError: the laptop cloud does not do it.
        """
        if {"BlueGreenUpdatePolicy", "RollingUpdatePolicy"} <= config.keys():
            raise ValidationError("Only one update policy should be used in the deployment configuration.")
        rollback = config.get("AutoRollbackConfiguration", {})
        alarms = tuple(alarm["AlarmName"] for alarm in rollback.get("Alarms", []) if "AlarmName" in alarm)
        if rolling := config.get("RollingUpdatePolicy"):
            return cls(alarms=alarms, **_rolling_of(operation, rolling))
        policy = config.get("BlueGreenUpdatePolicy")
        if policy is None:
            return cls(alarms=alarms)
        routing = policy["TrafficRoutingConfiguration"]
        step = _step_of(routing)
        return cls(
            routing["Type"],
            step.get("Type", "CAPACITY_PERCENT"),
            step.get("Value", 100),
            routing["WaitIntervalInSeconds"],
            policy.get("TerminationWaitInSeconds", 0),
            policy.get("MaximumExecutionTimeoutInSeconds"),
            alarms,
        )

    @property
    def rolling(self) -> bool:
        """Whether old instances go as new ones come, batch by batch."""
        return self.routing == "ROLLING"

    def check(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Refuse what these guardrails cannot do for a change from one endpoint configuration to another.

        Raises:
            ValidationError: with the reason.
        """
        _check_exclusions(old, new)
        if self.rolling:
            _check_rolling_exclusions(old, new)
        counts = {variant["VariantName"]: variant["InitialInstanceCount"] for variant in new["ProductionVariants"]}
        for name, count in counts.items():
            self._check_step(name, count)
        waits = sum(stage.bake_s for stage in self.stages(counts))
        if self.timeout_s is not None and self.timeout_s <= waits:
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html
            raise ValidationError(
                f"MaximumExecutionTimeoutInSeconds must be larger than the total waiting time, {waits} seconds."
            )

    def stages(self, counts: Mapping[str, int]) -> list[Stage]:
        """The shifts of the traffic, in order; the last activates every instance.

        Args:
            counts: new instances of each variant.
        """
        # A rolling update bakes after each of its batches, and keeps no old fleet to wait for.
        wait_s, member = (
            (self.wait_s, "WaitIntervalInSeconds")
            if self.rolling
            else (self.termination_wait_s, "TerminationWaitInSeconds")
        )
        last = Stage(dict(counts), "full", wait_s, member)
        if self.routing == "ALL_AT_ONCE":
            return [last]
        steps = {name: self._instances(count) for name, count in counts.items()}
        shifts = 1 if self.routing == "CANARY" else max(ceil(counts[name] / step) for name, step in steps.items()) - 1
        return [
            *(
                Stage(
                    {name: min(step * number, counts[name]) for name, step in steps.items()},
                    _PORTIONS[self.routing],
                    self.wait_s,
                    "WaitIntervalInSeconds",
                )
                for number in range(1, shifts + 1)
            ),
            last,
        ]

    def _instances(self, count: int) -> int:
        if self.step_type == "INSTANCE_COUNT":
            return self.step_value
        return ceil(count * self.step_value / 100)

    def _check_step(self, variant: str, count: int) -> None:
        """Hold a step to the share of a variant's instances that SageMaker allows.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-canary.html
        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-linear.html
        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html
        """
        member = _SIZE_MEMBERS.get(self.routing)
        if member is None:
            return
        asked = self.step_value if self.step_type == "CAPACITY_PERCENT" else 100 * self.step_value / count
        least = _LEAST_PERCENT[self.routing]
        # Traffic is turned on by whole instances, so a variant of one has no part that could go first.
        if not least <= asked <= _MOST_PERCENT or count == 1:
            limits = f"{least}-{_MOST_PERCENT}%" if least else f"less than or equal to {_MOST_PERCENT}%"
            raise ValidationError(
                f"{member} must be {limits} of the variant's total instance count; variant {variant} has {count}."
            )


def _step_of(routing: Mapping[str, Any]) -> dict[str, Any]:
    member = _STEP_MEMBERS.get(routing["Type"])
    for other in {*_STEP_MEMBERS.values()} - {member}:
        if other in routing:
            raise ValidationError(f"{other} does not go with traffic routing of type {routing['Type']}.")
    if member is None:
        return {}
    if member not in routing:
        raise ValidationError(f"{member} is required for traffic routing of type {routing['Type']}.")
    step: dict[str, Any] = routing[member]
    return step


def _rolling_of(operation: str, policy: dict[str, Any]) -> dict[str, Any]:
    # All at once is how SageMaker rolls back unless told otherwise, and here the only way.
    back = policy.get("RollbackMaximumBatchSize", {"Type": "CAPACITY_PERCENT", "Value": 100})
    if (back["Type"], back["Value"]) != ("CAPACITY_PERCENT", 100):
        refuse(operation, policy, ["RollbackMaximumBatchSize"])
    return {
        "routing": "ROLLING",
        "step_type": policy["MaximumBatchSize"]["Type"],
        "step_value": policy["MaximumBatchSize"]["Value"],
        "wait_s": policy["WaitIntervalInSeconds"],
        "timeout_s": policy.get("MaximumExecutionTimeoutInSeconds"),
    }


def _check_rolling_exclusions(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Rolling updates exclude endpoints of several variants besides, and a shadow is a second one.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
    """
    for config in (old, new):
        if len(config["ProductionVariants"]) + len(config.get("ShadowProductionVariants", [])) > 1:
            raise ValidationError(f"Rolling deployments do not support multi-variant endpoints. See {_EXCLUSIONS}")


def _check_exclusions(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse the endpoints that deployment guardrails exclude.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
    For excluded instances SageMaker shifts all at once and watches nothing; that a guard was asked for and is not there
    must not go unnoticed here. Containers of the Marketplace, Elastic Inference and serverless endpoints are not to be
    had on the laptop at all. Several variants are no obstacle to a blue/green deployment, and shadows are not named.
    """
    before, after = ({one["VariantName"] for one in config["ProductionVariants"]} for config in (old, new))
    if before != after:
        raise ValidationError(
            "With deployment guardrails, the new endpoint configuration must have the same variant names as the old: "
            f"{_list(before)}, not {_list(after)}. See {_EXCLUSIONS}"
        )
    for config in (old, new):
        for variant in (*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])):
            if variant["InstanceType"].startswith(_EXCLUDED_INSTANCES):
                raise ValidationError(
                    f"Deployment guardrails do not support {variant['InstanceType']} of variant "
                    f"{variant['VariantName']}. See {_EXCLUSIONS}"
                )


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))
