"""What the pipeline runs: the README's own commands, each in a build of its own with what it needs and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam

from infra.topology import DELIVERY, ORGANISATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.delivery.scope import Scope

# Ubuntu, which `scripts/install_debian_packages` is written for; runtimes are named, since defaults change.
# https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html
BUILD_IMAGE = codebuild.LinuxBuildImage.STANDARD_7_0
RUNTIMES = {"python": "3.12", "nodejs": "22"}
# Tests are of a computer without AWS; by these, commands would go to an account and not to the laptop cloud.
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
OF_AWS = (
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_REGION", "AWS_DEFAULT_REGION"),
)
IMAGE_FOLDER = "model-image"
IMAGE_FILE = f"{IMAGE_FOLDER}/uri"
_PROFILE = "staging"
PUSH = (
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    *("ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage"),
    *("ecr:UploadLayerPart", "ecr:BatchGetImage"),
    # And what is looked at: is it there already, and what is wrong with it?
    *("ecr:DescribeImages", "ecr:DescribeImageScanFindings", "ecr:StartImageScan"),
)


def describe_runtimes() -> codebuild.BuildSpec:
    """What every build begins with."""
    return codebuild.BuildSpec.from_object(
        {"version": "0.2", "phases": {"install": {"runtime-versions": dict(RUNTIMES)}}}
    )


def let_publish(shared: Scope) -> list[iam.PolicyStatement]:
    """What `python -m infra.delivery.publish` needs."""
    home = f"{shared.topology.regions.home}:{shared.find_id(shared.delivery.account)}"
    repository = f"arn:{shared.topology.partition}:ecr:{home}:repository/{shared.image_repository}"
    return [
        iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        iam.PolicyStatement(actions=list(PUSH), resources=[repository]),
    ]


@dataclass(frozen=True)
class Builds:
    """The builds of one pipeline.

    Attributes:
        shared: the delivery.
        source: the repository.
        connection: what it is cloned by.
    """

    shared: Scope
    source: pipelines.CodePipelineSource
    connection: str

    def test(self) -> pipelines.CodeBuildStep:
        """All of `make test`: what is left out here, nobody runs before production."""
        stripped = " ".join(f"-u {name}" for name in OF_AWS)
        return self._build(
            "Test",
            ["scripts/install_debian_packages", f"env {stripped} make test"],
            # Four processors and 8 GB; a quarter of an hour on two.
            build_environment=codebuild.BuildEnvironment(compute_type=codebuild.ComputeType.MEDIUM),
            timeout=Duration.hours(1),
        )

    def image(self) -> pipelines.FileSet:
        """Build the image, push it, let it be scanned, and hand its digest on in a file; the one build with Docker."""
        step = self._build(
            "Image",
            [
                "make setup",
                f".venv/bin/python -m infra.delivery.publish {self.shared.image_uri} --into {IMAGE_FILE}",
            ],
            build_environment=codebuild.BuildEnvironment(privileged=True),
            # Before Docker 23, nothing else knows `--output`.
            env={"DOCKER_BUILDKIT": "1"},
            statements=let_publish(self.shared),
            timeout=Duration.hours(1),
        )
        return step.add_output_directory(IMAGE_FOLDER)

    def synth(self, *, topology_file: str, image: pipelines.FileSet, after: pipelines.Step) -> pipelines.CodeBuildStep:
        """Synthesise with that image, under cdk-nag: a finding without a reason ends it."""
        context = f"-c {ORGANISATION}={topology_file} -c {DELIVERY}=pipeline -c model_image=$(cat {IMAGE_FILE})"
        step = self._build(
            "Synth",
            [f'make synth ARGS="{context}"'],
            additional_inputs={IMAGE_FOLDER: image},
            primary_output_directory="cdk.out",
        )
        step.add_step_dependency(after)
        return step

    def integration_test(self, *, role: iam.Role, prefix: str, use_cases: Sequence[str]) -> pipelines.CodeBuildStep:
        """Ask staging's API for a prediction of each use case: key, function, endpoint and model, over HTTPS.

        Args:
            role: that of the build, which the role in staging's account trusts.
            prefix: of the deployment in staging.
            use_cases: those that must answer.
        """
        profile = {"role_arn": self.shared.asker_arn, "credential_source": "EcsContainer"}
        return self._build(
            "IntegrationTest",
            [
                "make setup",
                *(f"aws configure set profile.{_PROFILE}.{name} {value}" for name, value in profile.items()),
                f"export AWS_PROFILE={_PROFILE}",
                *(f".venv/bin/noriba predict --prefix {prefix} --use-case {name} --json" for name in use_cases),
            ],
            role=role,
        )

    def _build(
        self,
        name: str,
        commands: Sequence[str],
        *,
        statements: Sequence[iam.PolicyStatement] = (),
        timeout: Duration | None = None,
        **properties: Any,
    ) -> pipelines.CodeBuildStep:
        # An action's prefix must be that of the connection's ARN, and CDK knows the former one alone.
        # https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
        clone = iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[self.connection])
        return pipelines.CodeBuildStep(
            name,
            input=self.source,
            commands=list(commands),
            role_policy_statements=[clone, *statements],
            timeout=timeout or Duration.minutes(30),
            **properties,
        )
