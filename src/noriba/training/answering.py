"""A model asked over the wire: the body of an invocation in, a status and the body of an answer out.

Whoever serves a model says the same: the container behind an endpoint, and a function that answers by itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from noriba.errors import FeatureMismatchError
from noriba.records.inference import (
    Invocation,
    ModelAnswer,
    Refusal,
    decode_invocation,
    encode_answer,
    encode_refusal,
)
from noriba.training.bundles import load_bundle
from noriba.training.doubts import find_doubts
from noriba.training.experience import read_experience
from noriba.training.explanations import MOST_CONTRIBUTIONS, explain

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.records.experience import Experience
    from noriba.training.models import Predictor

OK, BAD_REQUEST, OTHER_FEATURES = 200, 400, 424


class Answerer:
    """One model; without experience, it doubts nothing.

    Attributes:
        predictor: the model in memory.
        bundle_digest: of its bundle.
    """

    def __init__(self, predictor: Predictor, bundle_digest: str, experience: Experience | None = None) -> None:
        self.predictor = predictor
        self.bundle_digest = bundle_digest
        self._experience = experience

    @classmethod
    def load(cls, bundle: Path) -> Self:
        """The model of a bundle's folder.

        Raises:
            CorruptBundleError: a file is missing, changed, added, or of another format.
        """
        model, digest = load_bundle(bundle)
        return cls(model.load(), digest, read_experience(bundle))

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation: 400 for a body that is no table, 424 for columns of other features."""
        try:
            said = self._say(decode_invocation(body))
        except FeatureMismatchError as error:
            return OTHER_FEATURES, encode_refusal(Refusal(str(error), self.predictor.model.feature_fingerprint))
        except ValueError as error:
            return BAD_REQUEST, explain_error(str(error))
        return OK, encode_answer(said)

    def _say(self, asked: Invocation) -> ModelAnswer:
        model, wanted = self.predictor.model, asked.wanted
        columns = self.predictor.pick(asked.columns)
        answers = self.predictor.predict_features(columns)
        most = wanted.contributions or MOST_CONTRIBUTIONS
        explanations = explain(self.predictor, columns, most=most) if wanted.explain else ()
        doubts = (
            ()
            if wanted.humility is None or self._experience is None
            else find_doubts(model, self._experience, columns, answers, wanted.humility)
        )
        # Doubts are about what the model makes of a request, not about what outcomes have taught since.
        if wanted.stretch is not None and wanted.stretch.bundle_digest == self.bundle_digest:
            answers = answers.stretch(wanted.stretch.factor)
        low, value, high = (tuple(column.tolist()) for column in (answers.low, answers.value, answers.high))
        return ModelAnswer(low, value, high, model.claimed_coverage, self.bundle_digest, explanations, doubts)


def explain_error(message: str) -> bytes:
    """The body of an answer that is none."""
    return json.dumps({"error": message}).encode()
