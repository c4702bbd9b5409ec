"""Why a model answered as it did: asked again what it was asked, it says what its answer is made of.

Whoever has the model's library asks its bundle; others ask the endpoint, as long as the model stands behind it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from noriba.aws.endpoints import ImplausibleAnswerError, ModelRefusedError, ModelUnavailableError, NoModelError
from noriba.errors import NoribaError
from noriba.features import as_column
from noriba.records.inference import encode_columns
from noriba.records.names import VARIANT_FORMAT
from noriba.records.wanted import Wanted
from noriba.usecase import MOST_EXPLAINED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.aws.endpoints import Askable, EndpointReply
    from noriba.aws.registry import ModelPackage
    from noriba.features import Column
    from noriba.records.artifacts import ModelArtifact
    from noriba.records.explanations import Doubt, Explanation
    from noriba.usecase import HumilityPolicy

ALL_CONTRIBUTIONS = 10_000
"""More than any model has columns."""
ON_ONE_S_OWN_MACHINE = "`noriba why` asks its bundle on your machine"


class UnexplainedError(NoribaError):
    """A model does not say why it answered so; the message says what is in the way."""


@dataclass(frozen=True)
class Reasons:
    """Why a model answers as it does, an entry a row.

    Attributes:
        values: the medians, in the label's unit.
        explanations: what each is made of.
        doubts: of each, where any row has one.
    """

    values: tuple[float, ...]
    explanations: tuple[Explanation, ...]
    doubts: tuple[tuple[Doubt, ...], ...]


class Reasoner(Protocol):
    """Who asks a model again."""

    def reason(
        self, package: ModelPackage, artifact: ModelArtifact, rows: Sequence[Mapping[str, float | None]]
    ) -> Reasons:
        """Ask a registered model.

        Args:
            package: which one.
            artifact: what it was registered with, or is said to be.
            rows: what it was asked, by feature's identity; None for what was not known.

        Raises:
            UnexplainedError: it does not say.
        """


def to_columns(rows: Sequence[Mapping[str, float | None]]) -> dict[str, Column]:
    """Rows as columns, of shape (n,) each."""
    return {name: as_column([math.nan if (value := row[name]) is None else value for row in rows]) for name in rows[0]}


class LiveReasoner:
    """Asks models behind an endpoint.

    Args:
        endpoint: of production.
        humility: when a model doubts; never, when None.
        until_s: of the monotonic clock; later, the model is not asked, so that the rest can be told in time.
    """

    def __init__(self, endpoint: Askable, humility: HumilityPolicy | None, *, until_s: float = math.inf) -> None:
        self._endpoint, self._humility, self._until_s = endpoint, humility, until_s

    def reason(
        self, package: ModelPackage, artifact: ModelArtifact, rows: Sequence[Mapping[str, float | None]]
    ) -> Reasons:
        """Ask the variant of that version; see `Reasoner`. The artifact is not looked at: the endpoint has its own."""
        del artifact
        if len(rows) > MOST_EXPLAINED:
            raise UnexplainedError(
                f"{len(rows)} candidates are more than a model in production explains at once ({MOST_EXPLAINED}); name "
                f"one of them, or {ON_ONE_S_OWN_MACHINE}"
            )
        if time.monotonic() > self._until_s:
            raise UnexplainedError(
                f"no time was left to ask the model in production; ask again in a moment, or {ON_ONE_S_OWN_MACHINE}"
            )
        answer = self._ask(package.version, rows).answer
        if answer.bundle_digest != package.metadata.get("bundle_digest", answer.bundle_digest):
            raise UnexplainedError(
                "the model in production is not the bundle that was registered; find out who changed it"
            )
        if not answer.explanations:
            raise UnexplainedError("the model's container is of before there were explanations")
        return Reasons(answer.value, answer.explanations, answer.doubts)

    def _ask(self, version: int, rows: Sequence[Mapping[str, float | None]]) -> EndpointReply:
        wanted = Wanted(explain=True, contributions=ALL_CONTRIBUTIONS, humility=self._humility)
        body = encode_columns(to_columns(rows), wanted=wanted)
        try:
            # Without an id: what is captured of this is joined to nothing, and counted nowhere.
            return self._endpoint.ask(body, inference_id=None, variant=VARIANT_FORMAT.format(version))
        except NoModelError as error:
            raise UnexplainedError(
                f"version {version} answers no requests in production now; {ON_ONE_S_OWN_MACHINE}"
            ) from error
        except ModelUnavailableError as error:
            raise UnexplainedError("the model in production did not answer; ask again in a moment") from error
        except (ModelRefusedError, ImplausibleAnswerError) as error:
            raise UnexplainedError(f"the model in production does not take what was captured: {error}") from error
