"""An organisation on the laptop: each part of the loop in an account of its own, by one topology for AWS and here."""

from __future__ import annotations

import configparser
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from laptop_cloud.callers import describe_caller
from noriba.aws.places import PARTS, PROFILES, Part
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from laptop_cloud.process import RunningCloud

ENTERPRISE = "enterprise"
"""The word for the checkout's own topology."""
EXAMPLE = "topology.example.toml"
GUARDRAILS = "guardrails.json"
"""What the application writes beside the templates: the service control policies of these accounts, by name."""
ADMINISTRATOR = "Administrator"
"""The role by which commands work in an account: it may do everything, and guardrails bind it as anybody."""
_HOME = "laptop"
"""The profile of the management account, from which the role is taken."""

AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]


class TopologyError(NoribaError):
    """A topology that cannot be deployed on a laptop; the message names the entry, and what to write there."""


class Organisation(BaseModel):
    """What the laptop needs of a topology.

    Attributes:
        management: the account that deploys into the others, which trust it.
        region: where everything is.
        accounts: the ids of those that have a part of the loop, by name.
        parts: part of the loop → name of its account.
    """

    model_config = ConfigDict(frozen=True)

    management: AccountId
    region: str
    accounts: dict[str, AccountId]
    parts: dict[Part, str]

    def find_profile(self, part: Part) -> str:
        """The profile of AWS's configuration by which a part is asked."""
        return _name_profile(self.parts[part])


@dataclass(frozen=True)
class Topology:
    """A topology's file, and what the laptop needs of it."""

    file: Path
    organisation: Organisation


class _Record(BaseModel):
    """Which cloud is for which organisation; the folder may have had another one before."""

    started_at: AwareDatetime
    organisation: Organisation


def read_topology(named: str, root: Path) -> Topology:
    """What `--topology` names: a file, or `enterprise` for the checkout's own, or its example where it has none.

    Args:
        named: the word.
        root: the checkout.

    Raises:
        TopologyError: there is no such file, or it makes no sense.
    """
    file = Path(named).absolute()
    if named == ENTERPRISE:
        own = root / f"{ENTERPRISE}.toml"
        file = own if own.is_file() else root / EXAMPLE
    if not file.is_file():
        raise TopologyError(f"--topology {named}: there is no file {file}; copy {EXAMPLE} to it, or say {ENTERPRISE}")
    return Topology(file, read_organisation(file))


def read_organisation(file: Path) -> Organisation:
    """The accounts of a topology; the rest of the file is checked when templates are made of it.

    Raises:
        TopologyError: an entry is missing or makes no sense.
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopologyError(f"{file.name} is not TOML: {error}") from error
    try:
        parts = {part: given["parts"][part] for part in PARTS if part != "people"}
        ids = {name: given["accounts"][name].get("id") for name in dict.fromkeys(parts.values())}
        management, region = given["organisation"]["management"], given["regions"]["home"]
    except (KeyError, TypeError, AttributeError) as error:
        raise TopologyError(f"{file.name} lacks the entry {error}; {EXAMPLE} shows it") from error
    for name, account in ids.items():
        if account is None:
            raise TopologyError(f"{file.name} accounts.{name}.id: is missing; on the laptop any twelve digits will do")
    try:
        return Organisation(management=management, region=region, accounts=ids, parts=parts)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise TopologyError(f"{file.name} {'; '.join(faults)}") from error


def keep_organisation(cloud: RunningCloud, organisation: Organisation, folder: Path) -> None:
    """Write the profiles of an organisation, and that this cloud is for it."""
    config = configparser.ConfigParser()
    place = {"region": organisation.region, "endpoint_url": cloud.endpoint_url}
    caller = describe_caller(organisation.management, organisation.region)
    home = {
        "aws_access_key_id": caller["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": caller["AWS_SECRET_ACCESS_KEY"],
        **place,
    }
    config[f"profile {_HOME}"] = home
    for name, account in organisation.accounts.items():
        role = {"role_arn": f"arn:aws:iam::{account}:role/{ADMINISTRATOR}", "source_profile": _HOME, **place}
        config[f"profile {_name_profile(name)}"] = home if account == organisation.management else role
    with _config(folder).open("w", encoding="utf-8") as file:
        config.write(file)
    _config(folder).chmod(0o600)
    record = _Record(started_at=cloud.started_at, organisation=organisation)
    _record(folder).write_text(record.model_dump_json(indent=2), encoding="utf-8")


def read_guardrails(assembly: Path) -> dict[str, dict[str, Any]]:
    """The guardrails of the accounts that templates were made for, by name."""
    guardrails: dict[str, dict[str, Any]] = json.loads((assembly / GUARDRAILS).read_text(encoding="utf-8"))
    return guardrails


def find_organisation(cloud: RunningCloud, folder: Path) -> Organisation | None:
    """The organisation that a cloud is for; None where all is in its one account."""
    try:
        record = _Record.model_validate_json(_record(folder).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
    return record.organisation if record.started_at == cloud.started_at else None


def describe_environment(cloud: RunningCloud, folder: Path) -> dict[str, str]:
    """The variables that send every AWS client to a cloud, and Noriba's to the account of each part."""
    organisation = find_organisation(cloud, folder)
    if organisation is None:
        return cloud.environment
    profiles = " ".join(f"{part}={organisation.find_profile(part)}" for part in organisation.parts)
    return {**cloud.environment, "AWS_CONFIG_FILE": str(_config(folder)), PROFILES: profiles}


def _name_profile(account: str) -> str:
    return f"laptop-{account}"


def _config(folder: Path) -> Path:
    return folder / "aws.config"


def _record(folder: Path) -> Path:
    return folder / "organisation.json"
