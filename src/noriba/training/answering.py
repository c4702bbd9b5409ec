"""A model asked over the wire: the body of an invocation in, a status and the body of an answer out.

Whoever serves a model says the same: the container behind an endpoint, and a function that answers by itself.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from noriba.errors import FeatureMismatchError
from noriba.records.inference import (
    ModelAnswer,
    Refusal,
    decode_invocation,
    encode_answer,
    encode_refusal,
)
from noriba.records.packed import is_packed, pack_answer, unpack_table
from noriba.training.bundles import load_bundle
from noriba.training.doubts import Humility
from noriba.training.experience import read_experience
from noriba.training.explanations import MOST_CONTRIBUTIONS, explain
from noriba.training.forest import Forest

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Columns
    from noriba.records.experience import Experience
    from noriba.records.wanted import Wanted
    from noriba.training.models import Predictor

OK, BAD_REQUEST, OTHER_FEATURES = 200, 400, 424
_LAYOUTS = 64


class Answerer:
    """One model; without experience, it doubts nothing.

    Attributes:
        predictor: the model in memory.
        bundle_digest: of its bundle.
    """

    def __init__(self, predictor: Predictor, bundle_digest: str, experience: Experience | None = None) -> None:
        self.predictor = predictor
        self.bundle_digest = bundle_digest
        self._humility = None if experience is None else Humility(predictor.model, experience)
        self._find_order = lru_cache(_LAYOUTS)(self._order)

    @classmethod
    def load(cls, bundle: Path) -> Self:
        """The model of a bundle's folder.

        Raises:
            CorruptBundleError: a file is missing, changed, added, or of another format.
        """
        model, digest = load_bundle(bundle)
        return cls(model.load(), digest, read_experience(bundle))

    def compile(self) -> None:
        """Make machine code of the trees, and answer by it from now on: seconds of work, which any thread may do.

        Raises:
            UncompilableError: the trees are of a kind that it cannot be made of; the model answers as before.
        """
        # Numba takes a third of a second to load, and whoever answers by LightGBM's library has no use for it.
        from noriba.training.compiled import CompiledForest  # noqa: PLC0415

        boosters = self.predictor.boosters
        boosters.answer_by(CompiledForest(Forest.of(self.predictor.model.boosters.texts)))

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation: 400 for a body that is no table, 424 for columns of other features.

        What is asked as a packed table is answered as one, and what is asked as JSON as JSON.
        """
        try:
            if is_packed(body):
                table = unpack_table(body)
                order = self._find_order(table.layout.columns)
                given = (table.columns[place] for place in order)
                said = self._say(dict(zip(self.predictor.names, given, strict=True)), table.layout.wanted)
                return OK, pack_answer(said)
            asked = decode_invocation(body)
            return OK, encode_answer(self._say(self.predictor.pick(asked.columns), asked.wanted))
        except FeatureMismatchError as error:
            return OTHER_FEATURES, encode_refusal(Refusal(str(error), self.predictor.model.feature_fingerprint))
        except ValueError as error:
            return BAD_REQUEST, explain_error(str(error))

    def _order(self, identities: tuple[str, ...]) -> tuple[int, ...]:
        """Where in a table the columns are that the model reads."""
        self.predictor.check(identities)
        return tuple(identities.index(identity) for identity in self.predictor.model.feature_identities)

    def _say(self, columns: Columns, wanted: Wanted) -> ModelAnswer:
        matrix, _names = self.predictor.tabulate(columns)
        answers = self.predictor.predict_matrix(matrix)
        most = wanted.contributions or MOST_CONTRIBUTIONS
        explanations = explain(self.predictor, columns, most=most) if wanted.explain else ()
        doubts = (
            ()
            if wanted.humility is None or self._humility is None
            else self._humility.find_doubts(columns, matrix, answers, wanted.humility)
        )
        # Doubts are about what the model makes of a request, not about what outcomes have taught since.
        if wanted.stretch is not None and wanted.stretch.bundle_digest == self.bundle_digest:
            answers = answers.stretch(wanted.stretch.factor)
        low, value, high = (tuple(column.tolist()) for column in (answers.low, answers.value, answers.high))
        coverage = self.predictor.model.claimed_coverage
        return ModelAnswer(low, value, high, coverage, self.bundle_digest, explanations, doubts)


def explain_error(message: str) -> bytes:
    """The body of an answer that is none."""
    return json.dumps({"error": message}).encode()
