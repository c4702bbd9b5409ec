"""Models that functions answer with: what SageMaker would know of endpoints, configurations and models."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries
from noriba.records.hosting import HostedConfiguration, HostedEndpoint, HostedModel

T = TypeVar("T", bound=BaseModel)


class HostingEntries(Entries):
    """Each under its name, as one document."""

    def read_hosted_endpoint(self, name: str) -> HostedEndpoint | None:
        """What answers under an endpoint's name; None where nothing does."""
        return self._read(f"{entries.HOSTED_ENDPOINT}{name}", HostedEndpoint)

    def read_hosted_configuration(self, name: str) -> HostedConfiguration | None:
        """A configuration."""
        return self._read(f"{entries.HOSTED_CONFIGURATION}{name}", HostedConfiguration)

    def read_hosted_model(self, name: str) -> HostedModel | None:
        """A model."""
        return self._read(f"{entries.HOSTED_MODEL}{name}", HostedModel)

    def read_registered_model(self, package_arn: str) -> HostedModel | None:
        """What a package held when it was registered."""
        found = self._get(f"{entries.REGISTERED}{package_arn}")
        return HostedModel.model_validate({**found, "package_arn": package_arn}) if found else None

    def keep_hosted(self, kind: str, name: str, document: HostedEndpoint | HostedConfiguration | HostedModel) -> None:
        """Write one of them, over what was there: whoever makes the same once more has made it."""
        self._table.put_item(Item={**self._key(f"{kind}{name}"), entries.DOCUMENT: document.model_dump_json()})

    def forget_hosted(self, kind: str, name: str) -> None:
        """Remove one of them, if it is there."""
        self._table.delete_item(Key=self._key(f"{kind}{name}"))

    def list_hosted(self, kind: str, *, prefix: str) -> list[str]:
        """Names of one kind that begin so."""
        return [item["entry"].removeprefix(kind) for item in self._query(f"{kind}{prefix}")]

    def _read(self, entry: str, document: type[T]) -> T | None:
        # Whoever asks models may see nothing else of any entry.
        found = self._get(entry, only=(entries.DOCUMENT,))
        return document.model_validate_json(found[entries.DOCUMENT]) if found else None
