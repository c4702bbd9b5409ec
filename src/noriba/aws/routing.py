"""Which variant a request goes to while a rollout has two models in production, and the champion for the other one.

SageMaker splits requests at random, by weight. A request that names its subject is sent to the subject's variant
instead. A challenger that learned other features than the code declares gets those as well, in the shadow too. And
where one of two models fails, the champion is asked once more: a challenger that falls over in production costs an app
some milliseconds, and no answer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noriba.aws.endpoints import (
    ImplausibleAnswerError,
    ModelRefusedError,
    ModelUnavailableError,
    NoModelError,
)
from noriba.aws.live_means import LiveMeans
from noriba.aws.remembered import Remembered, tell_time_s
from noriba.records.plausibility import find_answer_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.endpoints import EndpointReply
    from noriba.aws.ledger_reading import RequestLedger, RolloutTraffic
    from noriba.aws.live_models import LiveModels
    from noriba.usecase import PredictionRequest, UseCase

KNOWN_S = 10.0
"""How long what is known of a rollout is believed: subjects meet a new share so much later."""
STRETCH_KNOWN_S = 300.0
"""It changes once an hour, by little."""


class Traffic:
    """The requests of one use case.

    Args:
        models: in production.
        open_ledger: called when it is first needed.
        declared: the fingerprint of the features that the code declares, which every request brings.
        warn: told why the champion was asked for another model, or why the ledger could not be asked.
    """

    def __init__(
        self,
        models: LiveModels,
        open_ledger: Callable[[], RequestLedger],
        *,
        declared: str,
        warn: Callable[[str], None],
    ) -> None:
        self._models, self._declared, self._warn = models, declared, warn
        # What a rollout means for requests; an answer by weight is better than none.
        self._rollout = Remembered(
            lambda: self._look(open_ledger()),
            for_s=KNOWN_S,
            clock=time.monotonic,
            warn=warn,
            ignorance="nobody knows whether two models are in production",
        )
        self._live = LiveMeans(open_ledger, warn=warn)
        # How far intervals are stretched; as the model was trained, where nobody has ever known.
        self._stretch = Remembered(
            lambda: open_ledger().read_stretch(),
            for_s=STRETCH_KNOWN_S,
            clock=tell_time_s,
            warn=warn,
            ignorance="nobody knows how far intervals are to be stretched",
        )

    def ask(self, use_case: UseCase, request: PredictionRequest, *, inference_id: str) -> EndpointReply:
        """Ask the model that answers this request's subject; any, by weight, where there is one model or no subject.

        Raises:
            NoModelError, ModelUnavailableError, ModelRefusedError: see `LiveModels.ask`.
            ImplausibleAnswerError: what a model answered is no prediction for these rows.
        """
        rollout = self._rollout.find()
        split = None if request.subject is None or rollout is None else rollout.split
        group = None if split is None or request.subject is None else split.find_group(request.subject)
        variant = None if split is None or group is None else split.pick(group)
        try:
            return self._ask(use_case, request, inference_id, variant=variant, group=group)
        except NoModelError:
            if variant is None:
                raise
            # The rollout has gone on: one of its two models is there no more.
            self._rollout.forget()
            return self._ask(use_case, request, inference_id)
        except (ModelUnavailableError, ModelRefusedError, ImplausibleAnswerError) as error:
            if split is None:
                # A canary may have begun since somebody looked.
                self._rollout.forget()
                rollout = self._rollout.find()
            instead = None if rollout is None else rollout.split
            if instead is None or variant == instead.champion:
                raise
            self._warn(f"the champion is asked instead: {error}")
            try:
                return self._ask(use_case, request, inference_id, variant=instead.champion, group=group)
            except NoModelError:
                # It answers under another configuration by now; why the first attempt failed is what counts.
                self._rollout.forget()
                raise error from None

    def _look(self, ledger: RequestLedger) -> RolloutTraffic:
        rollout = ledger.read_rollout_traffic()
        # In the shadow it gets whatever requests bring, and nobody hears that it misses something.
        if rollout.feature_fingerprint not in {None, self._declared}:
            self._models.expect(rollout.feature_fingerprint)
        return rollout

    def _ask(
        self,
        use_case: UseCase,
        request: PredictionRequest,
        inference_id: str,
        *,
        variant: str | None = None,
        group: int | None = None,
    ) -> EndpointReply:
        # Whichever model answers knows whether it is meant.
        stretch = self._stretch.find()
        reply = self._models.ask(
            use_case,
            request,
            inference_id=inference_id,
            variant=variant,
            group=group,
            stretch=stretch,
            live=self._live.find(use_case),
        )
        fault = find_answer_fault(reply.answer, rows=len(request.candidate_ids()))
        if fault is not None:
            raise ImplausibleAnswerError(f"version {reply.model_version}: {fault}")
        return reply
