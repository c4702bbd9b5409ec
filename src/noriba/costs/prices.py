"""A price table, as a file keeps it: dated, with its source."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from pathlib import Path


_OWN = resources.files("noriba.costs").joinpath("prices.toml")


class PricesUnreadableError(NoribaError):
    """A price table is not there, is no TOML, or lacks a price."""


class UnitPrices(BaseModel):
    """US dollars; the unit stands in the name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_requests_million: float = Field(ge=0)
    function_calls_million: float = Field(ge=0)
    function_gb_second: float = Field(ge=0)
    snapshot_gb_second: float = Field(ge=0)
    bus_events_million: float = Field(ge=0)
    stream_gb: float = Field(ge=0)
    divided_gb: float = Field(ge=0)
    divided_objects_thousand: float = Field(ge=0)
    divided_hour: float = Field(ge=0)
    storage_gb_month: float = Field(ge=0)
    storage_puts_thousand: float = Field(ge=0)
    table_reads_million: float = Field(ge=0)
    table_writes_million: float = Field(ge=0)
    logs_gb: float = Field(ge=0)
    alarm_month: float = Field(ge=0)
    composite_alarm_month: float = Field(ge=0)
    metric_month: float = Field(ge=0)
    dashboard_month: float = Field(ge=0)
    metric_reads_thousand: float = Field(ge=0)
    transitions_thousand: float = Field(ge=0)
    query_tb: float = Field(ge=0)
    key_month: float = Field(ge=0)
    transfer_out_gb: float = Field(ge=0)


class Prices(BaseModel):
    """List prices of one region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    as_of: str = Field(pattern=r"^\d{4}-\d{2}$", description="year and month in which they were noted")
    source: str
    instance_hour: dict[str, Annotated[float, Field(ge=0)]] = Field(description="US dollars an hour, by instance type")
    price: UnitPrices

    def of_instance(self, instance: str) -> float:
        """US dollars for an hour of an instance.

        Raises:
            PricesUnreadableError: the table does not have it; the message says how to add it.
        """
        if instance not in self.instance_hour:
            known = ", ".join(self.instance_hour)
            if not instance.startswith("ml."):
                raise PricesUnreadableError(f"{instance} is no instance of SageMaker; these begin with ml.")
            raise PricesUnreadableError(
                f"no price of {instance} in the table of {self.region} (it has {known}); copy {_OWN}, add "
                f'"{instance}" under [instance_hour], and name the file with --prices'
            )
        return self.instance_hour[instance]


def read_prices(path: Path | None = None) -> Prices:
    """The table of a file; the one that comes with the library when None.

    Raises:
        PricesUnreadableError: there is no such file, it is no TOML, or a price is missing or none.
    """
    try:
        text = (path or _OWN).read_text(encoding="utf-8")
        return Prices.model_validate(tomllib.loads(text))
    except OSError as error:
        raise PricesUnreadableError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PricesUnreadableError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise PricesUnreadableError(f"{path}: {wrong}") from error
