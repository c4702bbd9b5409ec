"""A program of somebody's, written with AWS's own Python SDK: trains, deploys, asks, replaces and removes.

    python sdk_core_walk.py NAME IMAGE ROLE BUCKET FIRST_MODEL SECOND_MODEL

Its last line says what it saw, as JSON. It finds its cloud as any AWS client does. It runs by itself: when it is
imported, the SDK warns of many things.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    ContainerDefinition,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    StoppingCondition,
)

INSTANCE = "ml.c7i.large"


def train(name: str, image: str, role: str, bucket: str) -> dict[str, Any]:
    """A training job, waited for."""
    job = TrainingJob.create(
        training_job_name=name,
        hyper_parameters={"epochs": "3"},
        algorithm_specification=AlgorithmSpecification(training_image=image, training_input_mode="File"),
        role_arn=role,
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/models"),
        resource_config=ResourceConfig(instance_type=INSTANCE, instance_count=1, volume_size_in_gb=10),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=60),
    )
    job.wait(poll=1, timeout=60)
    return {"status": job.training_job_status, "artifacts": job.model_artifacts.s3_model_artifacts}


def configure(name: str, image: str, role: str, model_data_url: str) -> EndpointConfig:
    """A model, and a configuration that serves it."""
    container = ContainerDefinition(image=image, model_data_url=model_data_url)
    Model.create(model_name=name, primary_container=container, execution_role_arn=role)
    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name=name,
        instance_type=INSTANCE,
        initial_instance_count=1,
        initial_variant_weight=1.0,
    )
    return EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])


def ask(endpoint: Endpoint) -> str:
    """Which model answers."""
    answer = endpoint.invoke(body=b"1,2", content_type="text/csv")
    return str(json.loads(answer.body.read())["model"])


def serve(name: str, configs: list[EndpointConfig]) -> list[str]:
    """An endpoint under one configuration after the other; the models that answered."""
    first, *others = (config.endpoint_config_name for config in configs)
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=first)
    endpoint.wait_for_status("InService", poll=1, timeout=30)
    answered = [ask(endpoint)]
    for config in others:
        endpoint.endpoint_config_name = config
        endpoint.update()
        endpoint.wait_for_status("InService", poll=1, timeout=30)
        answered.append(ask(endpoint))
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=30)
    return answered


def main() -> None:
    """Walk."""
    name, image, role, bucket, *models = sys.argv[1:]
    trained = train(name, image, role, bucket)
    configs = [configure(f"{name}-{number}", image, role, uri) for number, uri in enumerate(models)]
    answered = serve(name, configs)
    for config in configs:
        config.delete()
        Model.get(model_name=config.endpoint_config_name).delete()
    left = [
        *(one.model_name for one in Model.get_all(name_contains=name)),
        *(one.endpoint_config_name for one in EndpointConfig.get_all(name_contains=name)),
        *(one.endpoint_name for one in Endpoint.get_all(name_contains=name)),
    ]
    sys.stdout.write("\n" + json.dumps({"trained": trained, "answered": answered, "left": left}))


if __name__ == "__main__":
    main()
