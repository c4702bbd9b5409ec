"""The laptop cloud of this project started and deployed to: one account with all of it, or those of an organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laptop.organisation import ADMINISTRATOR, find_organisation, keep_organisation, read_guardrails
from laptop.state import ASSEMBLY, PROJECT_ROOT, STATE_DIR, find_cloud
from laptop_cloud.deploy import deploy, synthesize
from laptop_cloud.entrances import ACCESS_ROLE, Entrance
from laptop_cloud.organization import put_in_force
from laptop_cloud.process import CloudError, check_port, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from laptop.organisation import Topology
    from laptop_cloud.deploy import StackOutputs
    from laptop_cloud.process import RunningCloud

_SPREAD = "spread"
"""The word of CDK's context that names the file by which the loop is spread over accounts."""


def make_templates(topology: Topology | None, *, settings: Mapping[str, str]) -> None:
    """Synthesise the loop, for the accounts of a topology or for any one.

    Raises:
        DeployError: see `synthesize`.
    """
    context = {} if topology is None else {_SPREAD: str(topology.file)}
    synthesize(PROJECT_ROOT, ASSEMBLY, environment=settings, context=context)


def start_cloud(topology: Topology | None, *, port: int | None, clock: datetime | None = None) -> RunningCloud:
    """Start the laptop cloud for these accounts, or find it; whoever deploys to it does so from the first account.

    From now on, before anything is deployed, the organisation's guardrails bind its other accounts.

    Raises:
        CloudError: see `start`.
    """
    if topology is None:
        return start(state_dir=STATE_DIR, assembly=ASSEMBLY, port=port, clock=clock)
    organisation = topology.organisation
    cloud = start(
        state_dir=STATE_DIR,
        assembly=ASSEMBLY,
        port=port,
        clock=clock,
        account=organisation.management,
        region=organisation.region,
    )
    keep_organisation(cloud, organisation, STATE_DIR)
    put_in_force(cloud, organisation.accounts.values(), read_guardrails(ASSEMBLY), roles=(ACCESS_ROLE, ADMINISTRATOR))
    return cloud


def deploy_stacks(cloud: RunningCloud, tell: Callable[[str], None]) -> dict[str, StackOutputs]:
    """Deploy what templates were made of; the outputs by stack. `tell` is told what is happening.

    Raises:
        DeployError: see `deploy`.
    """
    # Where guardrails bind root users, accounts are bootstrapped as on AWS: from the one that manages them.
    entrance = Entrance(cloud, None if find_organisation(cloud, STATE_DIR) is None else ACCESS_ROLE)
    return deploy(cloud, ASSEMBLY, lambda line: tell(f"deploying: {line.strip()[:100]}"), entrance=entrance)


def check_place(port: int | None, topology: Topology | None = None) -> RunningCloud | None:
    """See whether a laptop cloud runs, or could run, at a port, before anything that takes time is done.

    Returns:
        The cloud of this project, if it runs.

    Raises:
        CloudError: somebody else listens there, or the cloud of this project runs elsewhere, or for other accounts.
    """
    found = find_cloud()
    if found is None:
        check_port(port)
        return None
    if port not in (None, found.port):
        raise CloudError(f"a laptop cloud runs at {found.endpoint_url}; leave --port out, or stop it: noriba down")
    if find_organisation(found, STATE_DIR) != (topology and topology.organisation):
        raise CloudError(
            f"the laptop cloud at {found.endpoint_url} was started for other accounts, or for one alone. Stop it "
            "first: noriba down; or say the --topology that it was started with, or none"
        )
    return found
