"""Then: will SageMaker take the image?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.constructs.model_image import DOCKER_MANIFEST, OTHER_MANIFESTS
from infra.machines.states import (
    State,
    call,
    catch_all,
    choose,
    equals,
)
from infra.machines.training.jobs import FIND_KEY

if TYPE_CHECKING:
    from infra.machines.training.props import TrainingProps

_UNFIT = "the image has the manifests {}, and SageMaker takes Docker manifests alone; {}"


def check_image(props: TrainingProps) -> dict[str, State]:
    """States that see whether SageMaker will take the image: it would refuse only after training and approval."""
    by_digest = props.image_tag.startswith("sha256:")
    remedy = _remove_published(props) if by_digest else _remove_built(props)
    return {
        "Look at the image": call(
            "arn:aws:states:::aws-sdk:ecr:batchGetImage",
            {
                # Of whose registry: another account may have built it.
                **({"RegistryId": props.image_uri.partition(".")[0]} if by_digest else {}),
                "RepositoryName": props.image_repository,
                "ImageIds": [{"ImageDigest" if by_digest else "ImageTag": props.image_tag}],
                "AcceptedMediaTypes": [DOCKER_MANIFEST, *OTHER_MANIFESTS],
            },
            follow="Will SageMaker take it?",
            # Not the manifest itself: its layers would travel along.
            ResultSelector={"kinds.$": "$.Images[*].ImageManifestMediaType"},
            ResultPath="$.image",
            **catch_all("Release the lock after failure"),
        ),
        "Will SageMaker take it?": choose(
            (equals("$.image.kinds[0]", DOCKER_MANIFEST), FIND_KEY if props.registry_key else "Train"),
            otherwise="Unfit image",
        ),
        "Unfit image": {
            "Type": "Pass",
            "Parameters": {
                "Error": "UnfitImageError",
                "Cause.$": f"States.Format('{_UNFIT}', States.JsonToString($.image.kinds), '{remedy}')",
            },
            "ResultPath": "$.failure",
            "Next": "Release the lock after failure",
        },
    }


def _remove_built(props: TrainingProps) -> str:
    # `cdk deploy` builds no image that the registry or this computer's engine already has under its tag.
    # https://github.com/aws/aws-cdk/blob/main/packages/cdk-assets/lib/private/handlers/container-images.ts
    return (
        f"remove it with `aws ecr batch-delete-image --repository-name {props.image_repository} --image-ids "
        f"imageTag={props.image_tag}` and `docker image rm cdkasset-{props.image_tag}` (or podman), then run "
        "`cdk deploy` again; with Podman, set CDK_DOCKER=podman, BUILDAH_FORMAT=docker and container_engine=podman"
    )


def _remove_published(props: TrainingProps) -> str:
    # What is published has a tag of what it is made of, under which nothing is built a second time.
    return (
        f"remove it with `aws ecr batch-delete-image --repository-name {props.image_repository} --image-ids "
        f"imageDigest={props.image_tag}` in account {props.image_uri.partition('.')[0]}, and build it again: "
        "`python -m infra.delivery.publish`"
    )
