"""Least privilege, by what was called while all the tests before this file ran: it must be the last one.

Policies allow every call, and what they allow beyond that has a reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laptop_cloud.calls import OTHERS, read_calls
from tests.infra.assembly import Assembly
from tests.laptop.policies import read_grants, read_names
from tests.laptop.unused_grants import UNUSED

if TYPE_CHECKING:
    from laptop_cloud.calls import RecordedCall
    from tests.laptop.loop.conftest import Loop
    from tests.laptop.policies import Grant

PREFIX = "noriba"
REFUSED = {
    ("Approver", action) for action in ("s3:ListBucket", "sagemaker:DeleteEndpoint", "sagemaker:CreateModelPackage")
}
"""By a test that tries what an approver must not do."""
NOT_OURS = "role/cdk-"
"""What `cdk bootstrap` makes to deploy with."""


@pytest.fixture(scope="module")
def grants(loop: Loop) -> list[Grant]:
    """What the roles of the deployed templates may do."""
    cloud = loop.cloud
    cloudformation = loop.session.clients.other("cloudformation")
    names = read_names(cloudformation, prefix=PREFIX, account=cloud.account, region=cloud.region)
    return list(read_grants(Assembly.load(loop.folder / "cdk.out", prefix=PREFIX), names))


@pytest.fixture(scope="module")
def calls(loop: Loop) -> list[RecordedCall]:
    """Those of roles that are in the templates or were made by hand."""
    return [call for call in read_calls(loop.cloud) if call.principal.startswith("role/")]


def test_every_call_of_a_role_is_allowed_by_its_synthesised_policies(
    loop: Loop, grants: list[Grant], calls: list[RecordedCall]
) -> None:
    assert loop
    roles = {grant.principal: grant.role for grant in grants}
    ours = [call for call in calls if not call.principal.startswith(NOT_OURS)]

    assert {call.principal for call in ours} - roles.keys() == set()
    assert not [call for call in ours if call.resource == OTHERS]
    # Both ways: whoever lets nothing through and whoever lets everything through would be found out.
    assert [call for call in ours if call.allowed != any(grant.allows(call) for grant in grants)] == []
    assert {(roles[call.principal], call.action) for call in ours if not call.allowed} <= REFUSED


def test_what_no_call_needed_has_a_reason(
    request: pytest.FixtureRequest, grants: list[Grant], calls: list[RecordedCall]
) -> None:
    if missing := find_missing(request.session):
        pytest.skip(f"it takes all tests of the loop to say what is not used; without {', '.join(sorted(missing))}")
    used = {unite(grant) for grant in grants if any(call.allowed and grant.allows(call) for call in calls)}
    unused = [grant for grant in grants if unite(grant) not in used]

    assert used
    assert sorted(unite(grant) for grant in unused if not any(reason.covers(grant) for reason in UNUSED)) == []
    over = [reason for reason in UNUSED if not any(reason.covers(grant) for grant in grants)]
    assert over == [], "nothing is granted that these are about"
    seen = [
        (reason.why, unite(grant))
        for reason in UNUSED
        for grant in grants
        if reason.covers(grant) and unite(grant) in used and not reason.by_chance
    ]
    assert seen == [], "it is used, so it needs no reason"


def unite(grant: Grant) -> tuple[str, str, str]:
    """Role, action and resource, as if all use cases were one: each takes some of the paths."""
    resource = grant.resource
    for name, other in (("scooter_energy", "taxi_eta"), ("scooter-energy", "taxi-eta"), ("ScooterEnergy", "TaxiEta")):
        resource = resource.replace(name, other)
    return grant.role, grant.action, resource


def find_missing(session: pytest.Session) -> set[str]:
    """Files of this folder of which tests were not chosen or have failed, and so have not called all that they do."""
    here = Path(__file__).parent
    chosen: dict[str, set[str]] = {path.name: set() for path in here.glob("test_*.py")}
    modules: dict[str, Any] = {}
    for item in session.items:
        if isinstance(item, pytest.Function) and item.path.parent == here:
            chosen[item.path.name].add(item.originalname)
            modules[item.path.name] = item.module
    missing = {
        name
        for name, functions in chosen.items()
        if name not in modules or {one for one in vars(modules[name]) if one.startswith("test_")} - functions
    }
    return missing | ({"those that have failed"} if session.testsfailed else set())
