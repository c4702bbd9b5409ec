"""CDK Pipelines with environments whose stacks bear the same names in every account.

A `Stage`'s name is the first part of its stacks' names and that of the pipeline's stage. Here stacks have no such part,
so the pipeline's stage has to be told its name by itself, for which `CodePipeline.add_stage` has no argument, but
`StageDeployment` has. What the pipeline is drawn from are its `waves` and their `stages`.
https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.pipelines.StageDeploymentProps.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import pipelines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from infra.delivery.environments import LoopStage


class EnvironmentsPipeline(pipelines.CodePipeline):
    """A pipeline to which environments are added by `add_environment`."""

    def __init__(self, scope: Construct, construct_id: str, **properties: Any) -> None:
        self._waves: list[pipelines.Wave] = []
        super().__init__(scope, construct_id, **properties)

    @property
    def waves(self) -> list[pipelines.Wave]:
        """The environments, one after the other."""
        return self._waves

    def add_environment(
        self,
        stage: LoopStage,
        *,
        before: Sequence[pipelines.Step] = (),
        after: Sequence[pipelines.Step] = (),
    ) -> None:
        """Deploy an environment after those before it.

        Args:
            stage: its stacks.
            before: steps that must succeed before any of them is deployed.
            after: steps that must succeed when all of them are.
        """
        name = stage.name.capitalize()
        self._waves.append(
            _Wave(
                name,
                pipelines.StageDeployment.from_stage(stage, stage_name=name, pre=list(before), post=list(after)),
            )
        )


class _Wave(pipelines.Wave):
    """One environment."""

    def __init__(self, name: str, deployment: pipelines.StageDeployment) -> None:
        self._stages = [deployment]
        super().__init__(name)

    @property
    def stages(self) -> list[pipelines.StageDeployment]:
        """What is deployed at the same time."""
        return self._stages
