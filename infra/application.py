"""What is synthesised: the loop in one account, or spread over several; or an organisation, by its topology."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.nist import check_by_nist
from infra.organisation.names import name_guardrail
from infra.organisation.policies import make_service_control_policies
from infra.packages import Packages
from infra.people.estate import Buckets, Estate, Machines
from infra.places import ManyAccounts, OneAccount, Places, see_use_cases
from infra.settings_file import SettingsError, read_settings
from infra.stacks.data import DataStack
from infra.stacks.monitoring import MonitoringData, MonitoringStack
from infra.stacks.observations import ObservationsStack, ObservedData
from infra.stacks.operators import OperatorsData, OperatorsStack
from infra.stacks.people import PeopleStack
from infra.stacks.registry import RegistryStack
from infra.stacks.rollout import RolloutData, RolloutStack
from infra.stacks.serving import ServingStack
from infra.stacks.staging import StagingData, StagingStack
from infra.stacks.training import TrainingData, TrainingStack
from infra.topology import ORGANISATION, SPREAD, find_topology_file, read_topology
from noriba.usecase import check_conversion, list_use_cases, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.settings import Settings
    from infra.topology import Topology
    from noriba.usecase import UseCase

ROOT = Path(__file__).parent.parent
GUARDRAILS = "guardrails.json"
"""Beside templates for several accounts: the service control policies of these, by name, for who tries them out."""

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
    organisation, spread = (find_topology_file(app.node, ROOT, named_by=name) for name in (ORGANISATION, SPREAD))
    if organisation is not None:
        _add_organisation(app, organisation, settings)
        return app
    packages = Packages(ROOT, ROOT / ".build")
    places: Places
    if spread is None:
        places = OneAccount(app, settings=settings, packages=packages)
    else:
        if settings.serves_in_functions:
            raise SettingsError(
                'serving: functions answer where the whole loop has one account; over several, write "endpoint"'
            )
        topology = read_topology(spread)
        see_use_cases(topology, use_cases or list_use_cases())
        _write_guardrails(Path(app.outdir), topology, settings)
        places = ManyAccounts(app, settings=settings, packages=packages, topology=topology)
    declared = [load_use_case(name) for name in use_cases or list_use_cases()]
    for use_case in declared:
        check_conversion(use_case)
    add_loop(app, places, declared)
    return app


def _add_organisation(app: App, file: Path, settings: Settings) -> None:
    # Of what these import, the loop needs nothing.
    from infra.organisation.application import add_organisation  # noqa: PLC0415

    add_organisation(app, topology=read_topology(file), settings=settings)


def _write_guardrails(folder: Path, topology: Topology, settings: Settings) -> None:
    policies = make_service_control_policies(topology, prefix=settings.prefix)
    named = {name_guardrail(name, prefix=settings.prefix): document for name, document in policies.items()}
    (folder / GUARDRAILS).write_text(json.dumps(named), encoding="utf-8")


def add_loop(app: App, places: Places, use_cases: Sequence[UseCase]) -> None:
    """The loop's stacks, each in the account of its part, in the order of the loop."""
    hub = places.find("events")
    prefix = hub.settings.prefix
    data = DataStack(app, f"{prefix}-data", shared=places.find("data"))
    registry = RegistryStack(app, f"{prefix}-registry", shared=places.find("registry"), use_cases=use_cases)
    groups = list(registry.groups.values())
    training = TrainingStack(
        app,
        f"{prefix}-training",
        shared=places.find("training"),
        data=TrainingData(
            ledger=data.ledger,
            datasets=data.datasets,
            models=registry.models,
            groups=registry.groups,
            registry=places.find("registry"),
            monitoring=places.find("monitoring"),
        ),
    )
    serving = ServingStack(
        app,
        f"{prefix}-serving",
        shared=places.find("serving"),
        ledger=data.ledger,
        models=registry.models,
        use_cases=use_cases,
    )
    staging = None
    if places.find("staging") is not places.find("rollout"):
        staging = StagingStack(
            app,
            f"{prefix}-staging",
            shared=places.find("staging"),
            data=StagingData(models=registry.models, groups=groups, production=places.find("rollout")),
            image=training.image,
            use_cases=use_cases,
        ).props
    # After serving, though apps are served by what it rolls out: it is told when their outcomes come.
    rollout = RolloutStack(
        app,
        f"{prefix}-rollout",
        shared=places.find("rollout"),
        data=RolloutData(
            ledger=data.ledger,
            models=registry.models,
            groups=registry.groups,
            registry=places.find("registry"),
            outcomes=serving.outcomes,
            staging=staging,
            asker=serving.asker,
        ),
        image=training.image,
        use_cases=use_cases,
    )
    observations = ObservationsStack(
        app,
        f"{prefix}-observations",
        shared=places.find("observations"),
        data=ObservedData(rollout.captures, serving.outcomes, data.raw, data.ledger),
        use_cases=use_cases,
    )
    monitoring = MonitoringStack(
        app,
        f"{prefix}-monitoring",
        shared=places.find("monitoring"),
        data=MonitoringData(
            ledger=data.ledger, models=registry.models, groups=groups, observations=observations.access
        ),
        compactor=observations.compactor,
        use_cases=use_cases,
    )
    operators = OperatorsStack(
        app,
        f"{prefix}-operators",
        shared=places.find("operators"),
        data=OperatorsData(
            models=registry.models,
            groups=groups,
            outcomes=serving.outcomes,
            observations=observations.access,
            asker=serving.asker,
        ),
        compactor=observations.compactor,
        use_cases=use_cases,
    )
    places.connect()
    estate = Estate(
        shared=hub,
        use_cases=[use_case.name for use_case in use_cases],
        buckets=Buckets(data.raw, data.datasets, data.quarantine, registry.models, serving.outcomes, rollout.captures),
        ledger=data.ledger,
        observations=observations.access,
        shown=observations.shown,
        machines=Machines(
            data.ingest, data.settle, training.machine, rollout.machine, rollout.tidy, monitoring.machine
        ),
        compactor=observations.compactor,
        gatherer=observations.gatherer,
        approver=registry.approver,
        why=operators.why,
    )
    for name, shared in places.list_accounts().items():
        PeopleStack(
            app,
            f"{prefix}-people{name and f'-{name}'}",
            estate=replace(estate, shared=shared),
            working_here=places.list_personas(name),
        )
    Tags.of(app).add("application", prefix)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    if not isinstance(places, OneAccount):
        Validations.of(app).add_plugins(check_by_nist(app))
