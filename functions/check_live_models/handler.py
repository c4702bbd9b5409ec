"""Before a deployment lets apps meet its code: can the models in production still be asked?

CloudFormation asks, as of a resource of its own; a refusal here undoes the deployment while the old code still answers.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html

While it undoes one it asks again, with the former properties. What is refused then stays half undone
(UPDATE_ROLLBACK_FAILED), so the way back is always free.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-update-rollback-failed
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from noriba.aws.custom_resources import answer_cloudformation, is_rolled_back
from noriba.aws.endpoints import ModelRefusedError, ModelUnavailableError, NoModelError
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.invoked import open_endpoint
from noriba.aws.live_models import LiveModels
from noriba.errors import NoribaError
from noriba.records.metrics import LIVE_MODELS_ASKED, LIVE_MODELS_REFUSED
from noriba.records.names import name_endpoint
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.usecase import UseCase


class Settings(Environment):
    """Environment of this function."""

    resource_prefix: str
    models_bucket: str
    model_function: str | None = None
    """That has the models, where no endpoint of SageMaker's runs."""


class UnaskableModelError(NoribaError):
    """The code to be deployed cannot ask a model in production; apps would be answered 502."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Create and Update check; Delete has nothing to undo, and what is undone is not asked about.

    A fault of AWS's is no answer: it raises, and Lambda, which CloudFormation has asked to call back, tries twice more.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    refusal = None
    if event["RequestType"] != "Delete" and not is_rolled_back(load_dependencies()[1].cloudformation, event):
        try:
            check_all()
        except UnaskableModelError as error:
            logger.exception("the deployment is refused")
            refusal = str(error)
    answer_cloudformation(event, resource_id="live-models", refusal=refusal)


def check_all() -> None:
    """Ask the models of every use case.

    Raises:
        UnaskableModelError: one of them cannot be asked.
    """
    for name in list_use_cases():
        try:
            check(load_use_case(name))
            count(name, {LIVE_MODELS_ASKED: 1})
        except NoModelError:
            logger.info("no model in production", extra={"use_case": name})
        except ModelUnavailableError:
            # No reason to keep new code away: it may be what fixes the model.
            logger.exception("model unavailable", extra={"use_case": name})
        except AWS_FAULTS:
            raise
        except ModelRefusedError as error:
            count(name, {LIVE_MODELS_REFUSED: 1})
            raise UnaskableModelError(
                f"{name}: the model in production could not be asked any more: {error}. Keep the inputs that its "
                "features read until a model trained on the new ones is in production, then deploy without them"
            ) from error
        except Exception as error:  # code that fails on a golden request would fail on an app's
            raise UnaskableModelError(f"{name}: the model in production could not be asked: {error!r}") from error


def check(use_case: UseCase) -> None:
    """Ask the golden requests, by the way that an app's requests go."""
    settings, clients = load_dependencies()
    name = name_endpoint(use_case.name, prefix=settings.resource_prefix)
    endpoint = open_endpoint(clients, use_case=use_case.name, name=name, function=settings.model_function)
    models = LiveModels.of(endpoint, clients, models_bucket=settings.models_bucket, warn=logger.warning)
    for body in use_case.golden_requests:
        models.ask(use_case, use_case.request.model_validate(body), inference_id=str(uuid.uuid4()))
