"""Duties kept apart: whoever trains a model cannot approve it, by whatever roles they come to act through."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.people.personas import PERSONAS
from noriba.events import NORIBA_EVENTS
from tests.infra.personas.actions import describe_actions
from tests.infra.personas.simulator import Request, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.infra.personas.account import Account, Principal

APPROVING = ("approve a model", "register an approved model", "edit a model's record")
TRAINING = (
    "land a file",
    "write a snapshot",
    "ask for training",
    "decide to train",
    "start TRAIN by hand",
    "try a training run again",
    "start a training job",
    "pass the jobs' role",
    "write a model's artifact",
    "register a candidate",
)
"""Whoever may one of these trains a model, or has a say in what it learns."""


class Influence:
    """Through whom somebody may act: roles to take or to hand over, code to call or to replace, events that wake it.

    More than a chain of roles: whoever calls a function decides what it does, as far as its code lets them. What
    nobody reaches by all of these, nobody reaches by taking one role after another.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.principals: dict[str, Principal] = {
            **{persona: account.person(persona) for persona in PERSONAS},
            **account.roles,
            "app": account.stranger("app"),
        }
        self._by_role = {principal.role: name for name, principal in account.roles.items()}
        self._ways = list(self._list_ways())

    def _list_ways(self) -> Iterable[tuple[Request, str]]:
        """Calls, and the role that acts when one is allowed."""
        for name, taken in self._account.roles.items():
            yield Request("sts:AssumeRole", taken.role), name
            for service in ("sagemaker", "lambda"):
                yield Request("iam:PassRole", taken.role, {"iam:PassedToService": f"{service}.amazonaws.com"}), name
        runs_as = self._find_runners()
        for arn, role in runs_as.items():
            if ":function:" in arn:
                for action in ("InvokeFunction", "UpdateFunctionCode"):
                    yield Request(f"lambda:{action}", arn), role
            else:
                yield Request("states:StartExecution", arn), role
                yield Request("states:RedriveExecution", f"{arn.replace(':stateMachine:', ':execution:')}:1"), role
        bus = self._account.arn("AWS::Events::EventBus", "Bus")
        for (source, kind), woken in self._find_woken(runs_as).items():
            said = {"events:source": [source], "events:detail-type": [kind]}
            for role in woken:
                yield Request("events:PutEvents", bus, said), role

    def _find_runners(self) -> dict[str, str]:
        """The role of each function and each state machine, by ARN."""
        found = {}
        for kind, attribute in (("AWS::Lambda::Function", "Role"), ("AWS::StepFunctions::StateMachine", "RoleArn")):
            for arn, properties in self._account.find(kind):
                found[arn] = self._by_role[properties[attribute]]
        return found

    def _find_woken(self, runs_as: Mapping[str, str]) -> Mapping[tuple[str, str], set[str]]:
        """The roles that an event of ours wakes through rules on the bus, by its source and type."""
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for _arn, properties in self._account.find("AWS::Events::Rule"):
            pattern: Mapping[str, Any] = properties.get("EventPattern", {})
            for event in NORIBA_EVENTS:
                if event.source in pattern.get("source", ()) and event.detail_type() in pattern.get("detail-type", ()):
                    targets = {target["Arn"] for target in properties["Targets"]}
                    found[event.source, event.detail_type()] |= {runs_as[arn] for arn in targets if arn in runs_as}
        return found

    def reach(self, beginning: Iterable[Principal]) -> dict[str, Principal]:
        """Everybody that these may act through, themselves included."""
        reached: dict[str, Principal] = {}
        fresh = {principal.name: principal for principal in beginning}
        while fresh:
            reached |= fresh
            asked = [(principal, request) for principal in fresh.values() for request, _role in self._ways]
            led_to = [role for _principal in fresh for _request, role in self._ways]
            answers = decide(self._account, asked)
            names = {role for role, allowed in zip(led_to, answers, strict=True) if allowed}
            fresh = {name: self.principals[name] for name in names - reached.keys()}
        return reached

    def list_able(self, principals: Iterable[Principal], actions: Sequence[str]) -> set[str]:
        """The names of those who may one of some actions, by its first call."""
        calls = describe_actions(self._account)
        asked = [(principal, calls[action][0]) for principal in principals for action in actions]
        answers = decide(self._account, asked)
        return {principal.name for (principal, _), allowed in zip(asked, answers, strict=True) if allowed}


@pytest.fixture(scope="module")
def influence(account: Account) -> Influence:
    return Influence(account)


def test_whoever_trained_a_model_cannot_approve_it_not_even_through_a_chain_of_roles(influence: Influence) -> None:
    able = influence.list_able(influence.principals.values(), TRAINING)
    assert able >= {"data-engineer", "data-scientist", "ml-engineer", "TrainRole", "JobsRole", "RegisterCandidateRole"}

    reached = influence.reach(influence.principals[name] for name in able)

    # The walk goes somewhere: from a question to the decision, to TRAIN, to its jobs and to the registrar.
    assert reached.keys() >= {"DecideRetrainingRole", "TrainRole", "JobsRole", "RegisterCandidateRole"}
    assert influence.list_able(reached.values(), APPROVING) == set()


def test_only_the_approver_comes_to_approve_and_through_nothing_but_the_role(influence: Influence) -> None:
    everybody = influence.principals.values()
    assert influence.list_able(everybody, APPROVING) == {"Approver"}
    assert influence.reach([influence.principals["approver"]]).keys() == {"approver", "Approver"}

    people = [influence.principals[persona] for persona in PERSONAS if persona != "approver"]
    reached = influence.reach([*people, influence.principals["app"]])

    assert "Approver" not in reached


def test_whoever_approves_trains_nothing(influence: Influence) -> None:
    reached = influence.reach([influence.principals["approver"]])

    assert influence.list_able(reached.values(), TRAINING) == set()


EVERYTHING_OF_SAGEMAKER = {
    "Statement": [
        {"Effect": "Allow", "Action": ["sagemaker:*", "sts:AssumeRole", "iam:PassRole"], "Resource": "*"},
    ]
}


def test_what_else_an_owner_attaches_gives_no_approval_away(influence: Influence) -> None:
    """Such as all of SageMaker, and every role of the account that may be taken."""
    trained = [influence.principals[name] for name in PERSONAS if name not in {"approver", "administrator"}]
    generous = [with_policy(principal, EVERYTHING_OF_SAGEMAKER) for principal in trained]
    ways = [*APPROVING, "take the approver's role", "pass any other role"]

    assert influence.list_able(generous, ways) == set()
    assert influence.list_able(influence.reach(generous).values(), APPROVING) == set()
    # It is the refusals that hold.
    unguarded = [without_refusals(principal) for principal in generous]
    for way in ways:
        assert influence.list_able(unguarded, [way]) == {principal.name for principal in trained}, way


def test_an_administrator_with_all_objects_of_the_account_reads_no_trip(influence: Influence) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}]}
    generous = with_policy(influence.principals["administrator"], everything)
    trips = (
        "read raw trips",
        "read the quarantine",
        "read a snapshot's rows",
        "read captures",
        "read what apps reported",
    )

    assert influence.list_able([generous], trips) == set()
    assert influence.list_able([without_refusals(generous)], trips) == {"administrator"}


def test_an_approver_with_all_of_sagemaker_trains_nothing(influence: Influence) -> None:
    generous = with_policy(influence.principals["approver"], EVERYTHING_OF_SAGEMAKER)

    assert influence.list_able([generous], ["start a training job", "pass the jobs' role", "ask for training"]) == set()
    assert influence.list_able([without_refusals(generous)], ["start a training job"]) == {"approver"}


def with_policy(principal: Principal, policy: dict[str, Any]) -> Principal:
    return replace(principal, policies=[*principal.policies, policy])


def without_refusals(principal: Principal) -> Principal:
    policies = json.loads(json.dumps(principal.policies))
    for policy in policies:
        policy["Statement"] = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    return replace(principal, policies=policies)
