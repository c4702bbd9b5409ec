"""What is synthesised: every stack in one account, in the order of the loop; or an organisation, by its topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.packages import Packages
from infra.people.estate import Buckets, Estate, Machines
from infra.settings_file import read_settings
from infra.stacks.data import DataStack
from infra.stacks.events import EventsStack
from infra.stacks.monitoring import MonitoringData, MonitoringStack
from infra.stacks.observations import ObservationsStack, ObservedData
from infra.stacks.operators import OperatorsData, OperatorsStack
from infra.stacks.people import PeopleStack
from infra.stacks.registry import RegistryStack
from infra.stacks.rollout import RolloutData, RolloutStack
from infra.stacks.serving import ServingStack
from infra.stacks.training import TrainingStack
from infra.topology import find_topology_file, read_topology
from noriba.usecase import check_conversion, list_use_cases, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.settings import Settings

ROOT = Path(__file__).parent.parent

# https://docs.aws.amazon.com/cdk/v2/guide/featureflags.html; here rather than in cdk.json, so that tests have them too.
FEATURE_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-lambda:recognizeLayerVersion": True,
    "@aws-cdk/aws-lambda:recognizeVersionProps": True,
    "@aws-cdk/aws-apigateway:usagePlanKeyOrderInsensitiveId": True,
    "@aws-cdk/aws-s3:createDefaultLoggingPolicy": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
    "@aws-cdk/core:target-partitions": ["aws", "aws-cn", "aws-us-gov"],
}


def build_app(
    *,
    context: Mapping[str, object] | None = None,
    outdir: str | None = None,
    settings_file: Path | None = None,
    use_cases: Sequence[str] | None = None,
) -> App:
    """The application, ready to be synthesised: the loop in one account, or what a topology makes of an organisation.

    Args:
        context: settings that stand over cdk.json's and the command line's; for tests.
        outdir: where the assembly goes; CDK's own choice when None.
        settings_file: the deployment's settings; defaults when None.
        use_cases: names of those to deploy; all that are installed when None.

    Raises:
        SettingsError: a setting does not exist or makes no sense.
        TopologyError: the same of a topology.
        UseCaseError: a use case is declared wrongly, or its golden requests do not bring what its features read.
    """
    app = App(context={**FEATURE_FLAGS, **(context or {})}, outdir=outdir, analytics_reporting=False)
    settings = read_settings(app.node, settings_file)
    topology_file = find_topology_file(app.node, ROOT)
    if topology_file is not None:
        _add_organisation(app, topology_file, settings)
    else:
        _add_loop(app, settings, use_cases)
    return app


def _add_organisation(app: App, file: Path, settings: Settings) -> None:
    # Of what these import, the loop needs nothing.
    from infra.organisation.application import add_organisation  # noqa: PLC0415

    add_organisation(app, topology=read_topology(file), settings=settings)


def _add_loop(app: App, settings: Settings, use_cases: Sequence[str] | None) -> None:
    packages = Packages(ROOT, ROOT / ".build")
    declared = [load_use_case(name) for name in use_cases or list_use_cases()]
    for use_case in declared:
        check_conversion(use_case)
    prefix = settings.prefix
    events = EventsStack(app, f"{prefix}-events", settings=settings, packages=packages)
    shared = events.shared
    data = DataStack(app, f"{prefix}-data", shared=shared)
    registry = RegistryStack(app, f"{prefix}-registry", shared=shared, use_cases=declared)
    training = TrainingStack(
        app,
        f"{prefix}-training",
        shared=shared,
        ledger=data.ledger,
        datasets=data.datasets,
        models=registry.models,
        groups=registry.groups,
    )
    serving = ServingStack(
        app,
        f"{prefix}-serving",
        shared=shared,
        ledger=data.ledger,
        models=registry.models,
        use_cases=declared,
    )
    # After serving, though apps are served by what it rolls out: it is told when their outcomes come.
    rollout = RolloutStack(
        app,
        f"{prefix}-rollout",
        shared=shared,
        data=RolloutData(data.ledger, registry.models, serving.outcomes),
        image=training.image,
        use_cases=declared,
    )
    observations = ObservationsStack(
        app,
        f"{prefix}-observations",
        shared=shared,
        data=ObservedData(rollout.captures, serving.outcomes, data.raw, data.ledger),
        use_cases=declared,
    )
    monitoring = MonitoringStack(
        app,
        f"{prefix}-monitoring",
        shared=shared,
        data=MonitoringData(data.ledger, registry.models, observations.access),
        compactor=observations.compactor,
        use_cases=declared,
    )
    operators = OperatorsStack(
        app,
        f"{prefix}-operators",
        shared=shared,
        data=OperatorsData(registry.models, serving.outcomes, observations.access),
        compactor=observations.compactor,
        use_cases=declared,
    )
    estate = Estate(
        shared=shared,
        use_cases=[use_case.name for use_case in declared],
        buckets=Buckets(data.raw, data.datasets, data.quarantine, registry.models, serving.outcomes, rollout.captures),
        ledger=data.ledger,
        observations=observations.access,
        machines=Machines(
            data.ingest, data.settle, training.machine, rollout.machine, rollout.tidy, monitoring.machine
        ),
        compactor=observations.compactor,
        gatherer=observations.gatherer,
        approver=registry.approver,
        why=operators.why,
    )
    PeopleStack(app, f"{prefix}-people", estate=estate)
    Tags.of(app).add("application", prefix)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
