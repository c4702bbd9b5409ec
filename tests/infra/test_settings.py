"""Settings: every one can be given on the command line, is checked by name, and arrives where it matters."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from aws_cdk import App

from infra.application import ROOT
from infra.settings import Kept, Settings
from infra.settings_file import SettingsError, read_settings
from noriba.aws.deployment import STACKS
from noriba.datasets.raw import MOST_CHUNK_MEMORY_MIB
from tests.infra.conftest import OVERRIDES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
NEW_ACCOUNT_MEMORY_MB = 3008


def read(file: Path | None = None, **context: object) -> Settings:
    return read_settings(App(context=context).node, file)


def refuse(file: Path | None = None, **context: object) -> str:
    with pytest.raises(SettingsError) as refusal:
        read(file, **context)
    return str(refusal.value)


def test_nothing_has_to_be_set() -> None:
    assert read() == Settings()


def test_every_setting_is_tried_here_with_another_value() -> None:
    changed = Settings.model_validate(OVERRIDES)

    # What was kept is another deployment; see test_kept.
    # And models that answer in functions are another shape; see test_serving_in_functions.
    assert OVERRIDES.keys() == Settings.model_fields.keys() - {"kept", "serving"}
    for name in OVERRIDES:
        assert getattr(changed, name) != getattr(Settings(), name), name


def test_text_from_the_command_line_becomes_what_the_setting_is() -> None:
    settings = read(keep_data="true", production_instances="2", api_requests_per_s="0.5")

    assert settings.keep_data is True
    assert settings.production_instances == 2
    assert settings.api_requests_per_s == 0.5


def test_values_of_cdk_json_need_no_quotes() -> None:
    assert read(keep_data=True, production_instances=2).production_instances == 2


def test_context_that_is_not_ours_is_left_alone() -> None:
    assert read(**{"@aws-cdk/core:checkSecretUsage": True, "availability-zones": ["a"]}) == Settings()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", "Noriba"),
        ("prefix", "1st"),
        ("prefix", "n"),
        ("prefix", "much-too-long-for-the-names-it-is-part-of"),
        ("keep_data", "perhaps"),
        ("log_retention", "90"),
        ("access_log_days", "0"),
        ("archive_days", "-1"),
        ("noncurrent_days", "0"),
        ("container_engine", "finch"),
        ("approver_mfa", "sometimes"),
        ("transform_memory_mb", "512"),
        ("transform_memory_mb", "10241"),
        ("chunks_at_once", "0"),
        ("model_image", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/noriba-model:latest"),
        ("model_image", "docker.io/noriba-model@sha256:" + "5ea1" * 16),
        ("training_instance", "m5.xlarge"),
        ("production_instance", "ml.m5"),
        ("training_hours", "25"),
        ("training_hours", "two"),
        ("production_instances", "0"),
        ("api_logs", "ACCOUNT"),
        ("api_requests_per_s", "0"),
        ("api_burst", "1.5"),
    ],
)
def test_a_bad_value_is_refused_with_the_setting_s_name(name: str, value: str) -> None:
    assert refuse(None, **{name: value}).startswith(f"-c {name}: ")


def families(shape: str) -> set[str]:
    """The families of instances that SageMaker knows for a purpose."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return {name.split(".")[1] for name in model.shape_for(shape).enum}  # type: ignore[attr-defined]  # a text's shape


# https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-type-specifications.html
ARM = {"c6g", "c6gd", "c6gn", "c7g", "c8g", "m6g", "m6gd", "m8g", "r6g", "r6gd", "r7gd", "r8g", "p6e-gb200"}
LOCAL_STORAGE = {
    *("c5d", "c6gd", "m5d", "m6gd", "r5d", "r6gd", "r7gd"),
    *("g4dn", "g5", "g6", "g6e", "g7", "g7e", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
    *("p6e-gb200", "trn1", "trn1n", "trn2", "dl1"),
}


@pytest.mark.parametrize("name", ["training_instance", "staging_instance", "production_instance"])
def test_instances_that_cannot_run_the_image_are_refused_with_the_remedy(name: str) -> None:
    known = families("ProductionVariantInstanceType") | families("TrainingInstanceType")
    assert known > ARM

    for family in sorted(ARM):
        refusal = refuse(None, **{name: f"ml.{family}.xlarge"})
        assert refusal.startswith(f"-c {name}: ")
        assert "ARM processor" in refusal
        assert "such as ml.m5" in refusal
    for family in sorted(known - ARM - LOCAL_STORAGE):
        assert read(None, **{name: f"ml.{family}.xlarge"})


@pytest.mark.parametrize("name", ["training_instance", "staging_instance", "production_instance"])
def test_instances_whose_disks_take_no_key_of_ours_are_refused(name: str) -> None:
    known = families("TrainingInstanceType") | families("ProcessingInstanceType")
    assert known & LOCAL_STORAGE

    for family in sorted(LOCAL_STORAGE - ARM):
        refusal = refuse(None, **{name: f"ml.{family}.xlarge"})
        assert refusal.startswith(f"-c {name}: ")
        assert "disks of its own" in refusal


@pytest.mark.parametrize("address", ["notanemail", "a@b", "two words@example.com", "@example.com", "a@example."])
@pytest.mark.parametrize("name", ["approver_email", "operator_email"])
def test_what_is_no_address_is_refused_before_anything_is_deployed(name: str, address: str) -> None:
    assert name in refuse(None, **{name: address})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("aprover_email", "approver_email"), ("keepdata", "keep_data"), ("production_instnaces", "production_instances")],
)
def test_a_name_that_is_nearly_right_is_told(wrong: str, right: str, tmp_path: Path) -> None:
    file = tmp_path / "noriba.toml"
    file.write_text(f'{wrong} = "x"\n')

    assert refuse(None, **{wrong: "x"}) == f"-c {wrong}: no such setting; did you mean {right}?"
    assert refuse(file) == f"noriba.toml {wrong}: no such setting; did you mean {right}?"


def test_a_name_like_no_other_is_told_what_there_is() -> None:
    assert "there are prefix, approver_email" in refuse(None, ymmv="red")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "noriba.toml"
    file.write_text('prefix = "1st"\ntraining_hours = 99\n')

    told = refuse(file, api_burst="many").splitlines()

    assert [line.split(":")[0] for line in told] == [
        "noriba.toml prefix",
        "noriba.toml training_hours",
        "-c api_burst",
    ]


def test_a_file_holds_for_every_deployment_and_the_command_line_for_one(tmp_path: Path) -> None:
    """A deployment without the e-mails would silently remove the subscriptions."""
    file = tmp_path / "noriba.toml"
    file.write_text('operator_email = "ops@example.com"\nproduction_instances = 2\nkeep_data = true\n')

    settings = read(file, production_instances="3")

    assert (settings.operator_email, settings.keep_data) == ("ops@example.com", True)
    assert settings.production_instances == 3


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path / "noriba.toml") == Settings()


def test_what_is_no_toml_is_told_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "noriba.toml"
    file.write_text("prefix: noriba\n")

    assert refuse(file).startswith("noriba.toml is not TOML: ")


def test_the_example_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    lines = (ROOT / "noriba.example.toml").read_text().splitlines()
    # A setting is a commented line; a description is one in words.
    settings = [line.removeprefix("# ") for line in lines if re.match(r"# (\[?[a-z_]+\]?$|[a-z_]+ = )", line)]
    named = {line.split(" = ")[0].strip("[]") for line in settings}
    file = tmp_path / "noriba.toml"
    # What has no default is shown by an example of it.
    shown = ('@example.com"', '@sha256:…"')
    file.write_text("\n".join(line for line in settings[: settings.index("[kept]")] if not line.endswith(shown)))

    assert named == {*Settings.model_fields, *Kept.model_fields}
    assert read(file) == Settings()


def test_the_prefix_names_the_stacks(assembly: Assembly, customised: Assembly) -> None:
    assert stack_names(assembly) == [f"noriba-{name}" for name in sorted(STACKS)]
    assert stack_names(customised) == [f"trial-{name}" for name in sorted(STACKS)]


def stack_names(assembly: Assembly) -> list[str]:
    artifacts = json.loads((assembly.path / "manifest.json").read_text())["artifacts"]
    return sorted(name for name, a in artifacts.items() if a["type"] == "aws:cloudformation:stack")


def test_the_prefix_names_everything_that_has_a_fixed_name(customised: Assembly) -> None:
    [group] = customised.find("AWS::SageMaker::ModelPackageGroup")
    [bus] = customised.find("AWS::Events::EventBus")
    [rule] = [r for r in customised.find("AWS::Events::Rule") if r.name == "ApprovedTaxiEtaRule"]
    predict = customised.one("AWS::Lambda::Function", "PredictFunction")

    assert group.properties["ModelPackageGroupName"] == "trial-taxi-eta"
    assert bus.properties["Name"] == "trial"
    assert '"endpoint_name":"trial-taxi-eta"' in rule.properties["Targets"][0]["InputTransformer"]["InputTemplate"]
    assert predict.properties["Environment"]["Variables"]["RESOURCE_PREFIX"] == "trial"


def test_no_trace_of_the_default_prefix_is_left(customised: Assembly) -> None:
    resources = [resource.properties for resource in customised.resources]

    # Sources of events and descriptions are the product's, not the deployment's.
    assert "noriba-" not in json.dumps(resources)


def test_everything_is_tagged_with_the_prefix(assembly: Assembly, customised: Assembly) -> None:
    for found, prefix in ((assembly, "noriba"), (customised, "trial")):
        for bucket in found.find("AWS::S3::Bucket"):
            assert {"Key": "application", "Value": prefix} in bucket.properties["Tags"]


def states(assembly: Assembly, machine: str) -> dict[str, Any]:
    found: dict[str, Any] = assembly.machine(machine)["States"]
    return found


def test_whether_outcomes_say_when_they_were_reaches_the_judge(assembly: Assembly, customised: Assembly) -> None:
    said = [
        found.one("AWS::Lambda::Function", "JudgeRolloutFunction").properties["Environment"]["Variables"]
        for found in (assembly, customised)
    ]

    assert [variables["TRUST_OUTCOME_TIMES"] for variables in said] == ["false", "true"]


def test_a_chunk_is_transformed_in_as_much_memory_as_asked_and_in_what_a_new_account_may_have(
    assembly: Assembly, customised: Assembly
) -> None:
    usual, changed = (
        found.one("AWS::Lambda::Function", "TransformFeaturesFunction").properties for found in (assembly, customised)
    )

    assert MOST_CHUNK_MEMORY_MIB < usual["MemorySize"] <= NEW_ACCOUNT_MEMORY_MB
    assert changed["MemorySize"] == 3538


def test_no_function_asks_for_more_memory_than_a_new_account_may_have(assembly: Assembly) -> None:
    asked = {f.name: f.properties["MemorySize"] for f in assembly.find("AWS::Lambda::Function")}

    assert max(asked.values()) <= NEW_ACCOUNT_MEMORY_MB, asked


def test_training_runs_where_and_for_as_long_as_it_may(assembly: Assembly, customised: Assembly) -> None:
    usual, changed = (states(found, "TrainMachine")["Train"]["Parameters"] for found in (assembly, customised))

    assert usual["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"
    assert usual["StoppingCondition"] == {"MaxRuntimeInSeconds": 2 * 3600}
    assert changed["ResourceConfig"]["InstanceType"] == "ml.m5.4xlarge"
    assert changed["StoppingCondition"] == {"MaxRuntimeInSeconds": 5 * 3600}
    # Two jobs one after the other, and what it takes to start them.
    assert customised.machine("TrainMachine")["TimeoutSeconds"] == (2 * 5 + 1) * 3600


def test_staging_and_production_run_on_their_own_instances(assembly: Assembly, customised: Assembly) -> None:
    def variants(found: Assembly) -> list[tuple[str, int]]:
        configurations = (
            states(found, "RolloutMachine")[f"Configure {stage}"]["Parameters"] for stage in ("staging", "production")
        )
        return [
            (variant["InstanceType"], variant["InitialInstanceCount"])
            for configuration in configurations
            for variant in configuration["ProductionVariants"]
        ]

    assert variants(assembly) == [("ml.m5.large", 1), ("ml.m5.large", 1)]
    assert variants(customised) == [("ml.c5.large", 1), ("ml.c5.2xlarge", 3)]


def test_access_logs_are_kept_as_long_as_asked(assembly: Assembly, customised: Assembly) -> None:
    def days(found: Assembly) -> int:
        bucket = found.one("AWS::S3::Bucket", "AccessLogsBucket").properties
        [rule] = bucket["LifecycleConfiguration"]["Rules"]
        expiration: int = rule["ExpirationInDays"]
        return expiration

    assert days(assembly) == 90
    assert days(customised) == 7
