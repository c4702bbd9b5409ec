"""Where the parts of a deployment are: all in one account, or each in its own, which a profile of AWS's reaches."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from noriba.aws.clients import Clients, NoSuchProfileError
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Part: TypeAlias = Literal[
    "events",
    "data",
    "registry",
    "training",
    "staging",
    "rollout",
    "serving",
    "observations",
    "monitoring",
    "operators",
    "people",
]
"""A part of the loop: what stands in one account, under one stack's name."""
PARTS: tuple[Part, ...] = get_args(Part)
EVERYWHERE: tuple[Part, ...] = ("events", "people")
"""Parts that have a stack in every account of a deployment; the one in the part's own is the one that others tell."""
_FOLLOWS: dict[Part, Part] = {"staging": "rollout", "people": "events"}
"""Where a part is that is not named: staging where ROLLOUT makes it, people's policies where everybody is told."""
PROFILES = "NORIBA_PROFILES"
"""The variable: `data=acme-data training=acme-development …`."""


class ProfilesError(NoribaError):
    """`NORIBA_PROFILES` says what cannot be followed; the message says what to write instead."""


def read_profiles(text: str) -> dict[Part, str]:
    """The profile of each part that is named: `data=acme-data, training=acme-development`, by commas or spaces.

    Raises:
        ProfilesError: there is no such part, it is named twice, or its profile is missing.
    """
    found: dict[Part, str] = {}
    for entry in re.split(r"[\s,]+", text.strip()) if text.strip() else ():
        name, _, profile = entry.partition("=")
        part = next((one for one in PARTS if one == name), None)
        if part is None:
            raise ProfilesError(f"{PROFILES}: there is no part {name!r}; there are {', '.join(PARTS)}")
        if not profile:
            raise ProfilesError(f"{PROFILES}: {entry!r} names no profile; write {part}=PROFILE")
        if found.get(part, profile) != profile:
            raise ProfilesError(f"{PROFILES}: {part} has two profiles, {found[part]} and {profile}; leave one out")
        found[part] = profile
    return found


@dataclass(frozen=True)
class Place:
    """One account of a deployment.

    Attributes:
        parts: what stands there.
        profile: by which it is reached; None for what the environment says by itself.
        clients: of its services.
    """

    parts: tuple[Part, ...]
    profile: str | None
    clients: Clients

    @property
    def guests(self) -> tuple[Part, ...]:
        """Parts of other accounts that have a stack there besides."""
        return tuple(part for part in EVERYWHERE if part not in self.parts)

    @cached_property
    def account(self) -> str:
        """Its twelve digits."""
        return self.clients.sts.get_caller_identity()["Account"]


class Places:
    """Who is asked about which part.

    Args:
        environment: as AWS's own variables and `NORIBA_PROFILES` would say it; the process's environment when None.

    Raises:
        ProfilesError: see `read_profiles`.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment
        self._profiles = read_profiles((os.environ if environment is None else environment).get(PROFILES, ""))
        for part, other in _FOLLOWS.items():
            if other in self._profiles:
                self._profiles.setdefault(part, self._profiles[other])
        self._clients: dict[str, Clients] = {}

    def at(self, part: Part) -> Clients:
        """Clients in the account of a part.

        Raises:
            ProfilesError: AWS's configuration has no such profile; or the part has none, and the environment no other
                credentials.
        """
        profile = self._profiles.get(part)
        if profile is None and not self._reaches_others:
            raise ProfilesError(
                f"{PROFILES} names no profile for {part}, and the environment has no other credentials; add "
                f"{part}=PROFILE"
            )
        if profile is None:
            return self._default
        if profile not in self._clients:
            self._clients[profile] = self._open(part, profile)
        return self._clients[profile]

    @property
    def are_several(self) -> bool:
        """Whether parts are asked with profiles of their own."""
        return bool(self._profiles)

    def describe(self, part: Part) -> str:
        """Who is asked about a part, for a message."""
        profile = self._profiles.get(part)
        return "what the environment says by itself" if profile is None else f"the profile {profile}"

    @property
    def only(self) -> Clients:
        """Clients for whatever part, where all is asked with the same credentials.

        Raises:
            ProfilesError: parts have profiles of their own.
        """
        if self.are_several:
            raise ProfilesError(f"{PROFILES} spreads the parts over accounts; say which part is meant")
        return self.at("data")

    @cached_property
    def all(self) -> tuple[Place, ...]:
        """Every account once, in the order of the parts, even where two profiles reach the same one.

        Where some parts are named and the environment has no credentials for the others, those are left out: not
        everybody works in every account.
        """
        by_profile: dict[str | None, list[Part]] = {}
        for part in PARTS:
            by_profile.setdefault(self._profiles.get(part), []).append(part)
        places = [
            Place(tuple(parts), profile, self.at(parts[0]))
            for profile, parts in by_profile.items()
            if profile is not None or self._reaches_others
        ]
        return tuple(places) if len(by_profile) == 1 else tuple(_unite(places))

    @cached_property
    def _default(self) -> Clients:
        return Clients() if self._environment is None else Clients.to(self._environment)

    @cached_property
    def _reaches_others(self) -> bool:
        """Whether anybody can be asked about parts that have no profile; where none has, AWS says what is missing."""
        return not self.are_several or self._default.have_credentials

    def _open(self, part: Part, profile: str) -> Clients:
        try:
            return Clients.of_profile(profile, environment=self._environment)
        except NoSuchProfileError as error:
            raise ProfilesError(
                f"{PROFILES} has {part}={profile}, and AWS's configuration has no profile {profile}. Make one: "
                f"aws configure sso --profile {profile}; or name another"
            ) from error


def _unite(places: Iterable[Place]) -> list[Place]:
    """One place for each account, with the profile of the first that reaches it."""
    found: dict[str, Place] = {}
    for place in places:
        first = found.get(place.account, place)
        parts = place.parts if first is place else (*first.parts, *place.parts)
        found[place.account] = Place(parts, first.profile, first.clients)
    return list(found.values())
