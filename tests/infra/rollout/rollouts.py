"""A rollout in which all goes well but for what a test says; and what is said in it."""

from __future__ import annotations

import re
from typing import Any

from noriba.records.rollout import RolloutPlan
from noriba.usecase import RolloutPolicy
from tests.infra.executions import EXECUTION_ID, LATE, Answer, Answers, Execution, Failure, answer_function, run_machine

PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/noriba-taxi-eta/7"
ENDPOINT = "noriba-taxi-eta"
MODEL_URI = "s3://models/taxi_eta/training/j/output/model.tar.gz"
GIVEN = {"use_case": "taxi_eta", "endpoint_name": ENDPOINT, "model_package_arn": PACKAGE, "version": 7}
PLAN = RolloutPlan.of(RolloutPolicy(), stages="full")
EXPERIMENT = RolloutPlan.of_experiment(RolloutPolicy(), percent=40, lasts_s=3600)
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/images:1"
GOLDEN = {"requests": 3, "recorded_rows": 5, "feature_fingerprint": "6c6dbf051d9e", "features_declared": True}
REGISTERED = {"Item": {"image_uri": {"S": IMAGE}, "model_data_uri": {"S": MODEL_URI}, "sha256": {"S": "5ea1"}}}
APPROVED = {
    "ModelApprovalStatus": "Approved",
    "LastModifiedTime": "2026-11-21T10:00:00Z",
    "InferenceSpecification": {"Containers": [{"ModelDataUrl": MODEL_URI, "Image": IMAGE}]},
}

# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html: the cause is the SDK's message
MISSING = Failure(
    "SageMaker.SageMakerException", 'Could not find endpoint "arn:…". (Service: SageMaker, Status Code: 400)'
)
THROTTLED = Failure("SageMaker.SageMakerException", "Rate exceeded (Service: SageMaker, Status Code: 400)")

MODEL = f"{ENDPOINT}-v7-a1b2c3"
STAGING = f"{ENDPOINT}-staging-a1b2c3"
SHADOW = f"{ENDPOINT}-shadow-a1b2c3"
CANARY = f"{ENDPOINT}-canary-a1b2c3"
CHAMPION = f"{ENDPOINT}-v6-000000ff"
CONFIGURATION = {
    "EndpointConfigName": CHAMPION,
    "ProductionVariants": [{"VariantName": "v6", "ModelName": CHAMPION}],
}

TAKEN = Failure("DynamoDB.ConditionalCheckFailedException")
OTHER = EXECUTION_ID.replace("execution:execution", "execution:other")
HELD = {"Item": {"execution": {"S": OTHER}}}
ASKING = ["Take the lock", "Who holds the lock?", "Is it still held?"]
LOOKING = [*ASKING, "Look at its holder", "Does its holder run?"]


def say(decision: str, reason: str = "because") -> dict[str, Any]:
    """What the judge answers."""
    error = "ChallengerRejectedError" if decision == "reject" else None
    numbers = {"outcomes": 900, "estimate": -3.0, "lower": -6.0, "upper": -1.0}
    return {"decision": decision, "error": error, "reason": reason, **numbers}


def describe(status: str, config: str = CHAMPION) -> dict[str, Any]:
    said = {"EndpointName": "endpoint-x", "EndpointStatus": status, "EndpointConfigName": config}
    return {**said, "FailureReason": "no capacity"}


def roll_out(definition: dict[str, Any], plan: RolloutPlan | None = PLAN, /, **answers: Any) -> Execution:
    """A rollout to an endpoint that is there, in which all goes well but for what is said."""
    given = GIVEN if plan is None else {**GIVEN, "plan": plan.model_dump(mode="json")}
    said: dict[str, Answers] = {
        "Read package": APPROVED,
        "Read registration": REGISTERED,
        "Look at staging": describe("InService"),
        "Is staging still there?": describe("InService"),
        "Check golden requests": answer_function(GOLDEN),
        "Is there a champion?": describe("InService"),
        "Look at the champion": describe("InService"),
        "Read its configuration": CONFIGURATION,
        "Who is the champion?": {"Item": {"endpoint_config": {"S": CHAMPION}}},
        "Who is the champion now?": {"Item": {"endpoint_config": {"S": CHAMPION}}},
        "Look at the approval again": APPROVED,
        "Look at the approval before the canary": APPROVED,
        "Look at the approval before production": APPROVED,
        "Look at shadow": describe("InService", SHADOW),
        "Await the verdict on shadow": say("promote"),
        "Judge shadow at last": answer_function(say("promote")),
        "Look at canary": describe("InService", CANARY),
        "Look at the next share": describe("InService", CANARY),
        "Await the verdict on canary": LATE,
        "Judge canary at last": answer_function(say("promote")),
        "Is there an endpoint?": describe("InService"),
        "Look at production": describe("InService", MODEL),
        "Look at production after failure": describe("InService"),
    }
    said |= {state_named(definition, name): answer for name, answer in answers.items()}
    return run_machine(definition, given, _speak(definition, said))


def _speak(definition: dict[str, Any], said: dict[str, Answers]) -> dict[str, Answers]:
    """The same answers as a function gives them that stands in SageMaker's place, where one does."""
    orders = [
        name
        for name, state in definition["States"].items()
        if "action" in state.get("Parameters", {}).get("Payload", {})
    ]

    def put(answer: Answer) -> Answer:
        if isinstance(answer, Failure):
            return Failure("EndpointMissingError", answer.cause) if answer == MISSING else answer
        return answer_function(answer)

    for name in orders:
        answer = said.get(name, {})
        said[name] = [put(one) for one in answer] if isinstance(answer, list) else put(answer)
    return said


def state_named(definition: dict[str, Any], name: str) -> str:
    found: str
    [found] = [state for state in definition["States"] if re.sub(r"\W+", "_", state).strip("_").lower() == name]
    return found


def visited_for_the_lock(execution: Execution) -> list[str]:
    """What was visited from the approval to the first thing done under the lock."""
    start, end = (execution.visited.index(state) for state in ("Take the lock", "Look at the approval again"))
    return list(execution.visited[start:end])
