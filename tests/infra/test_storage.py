"""Data at rest: encrypted, versioned, private, recoverable; kept or thrown away as the owner says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly, Resource

DATA = {
    "RawBucket",
    "DatasetsBucket",
    "QuarantineBucket",
    "ModelsBucket",
    "OutcomesBucket",
    "CapturesBucket",
    "ObservationsBucket",
}
HOLD_PLACES = ("CapturesBucket", "ObservationsBucket")
LOGS = "AccessLogsBucket"
STATEFUL = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SageMaker::ModelPackageGroup")


@pytest.fixture(scope="session")
def buckets(assembly: Assembly) -> dict[str, Resource]:
    return assembly.by_name("AWS::S3::Bucket")


def encryption(bucket: Resource) -> Any:
    [rule] = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule


def test_captures_hold_places_and_go_after_the_days_that_are_set(
    buckets: dict[str, Resource], customised: Assembly
) -> None:
    def days(bucket: Resource) -> int | None:
        rule, *_scratch = bucket.properties["LifecycleConfiguration"]["Rules"]
        found: int | None = rule.get("ExpirationInDays")
        return found

    def days_more(bucket: Resource) -> int:
        """S3 makes what expires noncurrent: it can be read as long as it is that."""
        rule, *_scratch = bucket.properties["LifecycleConfiguration"]["Rules"]
        found: int = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        return found

    assert {name: days_more(buckets[name]) for name in HOLD_PLACES} == dict.fromkeys(HOLD_PLACES, 1)
    assert {name: days(buckets[name]) for name in DATA} == {**dict.fromkeys(DATA), **dict.fromkeys(HOLD_PLACES, 90)}
    assert {days(customised.by_name("AWS::S3::Bucket")[name]) for name in HOLD_PLACES} == {30}


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [
        ("CapturesBucket", ["comparisons/", "live/"]),
        ("ObservationsBucket", ["predictions/", "answers/", "outcomes/", "measurements/", "reports/", "results/"]),
    ],
)
def test_what_is_overwritten_again_and_again_is_not_kept(
    buckets: dict[str, Resource], name: str, prefixes: list[str]
) -> None:
    _all, *scratch = buckets[name].properties["LifecycleConfiguration"]["Rules"]

    assert [rule["Prefix"] for rule in scratch] == prefixes
    assert all(rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1} for rule in scratch)
    assert {rule["Prefix"] for rule in scratch if rule.get("ExpirationInDays") == 1} == {"results/"} & {*prefixes}


def test_there_are_exactly_the_buckets_of_the_loop(buckets: dict[str, Resource]) -> None:
    assert buckets.keys() == {*DATA, LOGS}


@pytest.mark.parametrize("name", sorted(DATA))
def test_data_are_encrypted_with_the_project_key(buckets: dict[str, Resource], name: str) -> None:
    rule = encryption(buckets[name])

    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "<Key.Arn>"}
    assert rule["BucketKeyEnabled"] is True  # else every object costs a request to KMS


def test_access_logs_are_encrypted_by_s3_because_log_delivery_cannot_use_a_key_of_ours(
    buckets: dict[str, Resource],
) -> None:
    assert encryption(buckets[LOGS]) == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


@pytest.mark.parametrize("name", sorted({*DATA, LOGS}))
def test_every_bucket_is_versioned_private_and_without_acls(buckets: dict[str, Resource], name: str) -> None:
    properties = buckets[name].properties

    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize("name", sorted({*DATA, LOGS}))
@pytest.mark.parametrize(
    "condition",
    [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": 1.2}}],
    ids=["plain text", "old TLS"],
)
def test_every_bucket_refuses_unsafe_transport(assembly: Assembly, name: str, condition: dict[str, Any]) -> None:
    [policy] = [p for p in assembly.find("AWS::S3::BucketPolicy") if p.properties["Bucket"] == f"<{name}>"]
    refusals = [s for s in policy.properties["PolicyDocument"]["Statement"] if s.get("Condition") == condition]

    assert refusals == [
        {
            "Action": "s3:*",
            "Condition": condition,
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Resource": [f"<{name}.Arn>", f"<{name}.Arn>/*"],
        }
    ]


def test_accesses_are_logged_each_bucket_under_its_own_prefix(buckets: dict[str, Resource]) -> None:
    targets = {name: buckets[name].properties["LoggingConfiguration"] for name in DATA}

    assert {target["DestinationBucketName"] for target in targets.values()} == {f"<{LOGS}>"}
    assert len({target["LogFilePrefix"] for target in targets.values()}) == len(DATA)
    assert "LoggingConfiguration" not in buckets[LOGS].properties


def test_only_s3_on_behalf_of_this_account_writes_access_logs(assembly: Assembly) -> None:
    policy = assembly.one("AWS::S3::BucketPolicy", "AccessLogsBucketPolicy")
    allowed = [s for s in policy.properties["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]

    assert allowed == [
        {
            "Action": "s3:PutObject",
            "Condition": {"StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"}},
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Resource": f"<{LOGS}.Arn>/*",
        }
    ]


def test_what_lands_and_what_happened_is_announced_and_nothing_else(buckets: dict[str, Resource]) -> None:
    announcing = {name for name, bucket in buckets.items() if "NotificationConfiguration" in bucket.properties}

    assert announcing == {"RawBucket", "OutcomesBucket"}
    assert buckets["RawBucket"].properties["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }


def test_nothing_is_made_by_a_hidden_function(assembly: Assembly) -> None:
    ours = {function.stack for function in assembly.find("AWS::Lambda::Function")}
    custom = {r.type for r in assembly.resources if r.type.startswith(("Custom::", "AWS::CloudFormation::Custom"))}

    # Whose function is ours, in its folder.
    assert custom == {"Custom::LiveModelsChecked"}
    assert "events" not in ours  # where CDK would put its helpers


def test_the_ledger_is_encrypted_and_recoverable_to_any_second(assembly: Assembly) -> None:
    [ledger] = assembly.find("AWS::DynamoDB::Table")

    assert ledger.properties["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": "<Key.Arn>",
    }
    assert ledger.properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert ledger.properties["BillingMode"] == "PAY_PER_REQUEST"


def test_the_ledger_is_keyed_as_the_library_writes_it(assembly: Assembly) -> None:
    [ledger] = assembly.find("AWS::DynamoDB::Table")

    assert ledger.properties["KeySchema"] == [
        {"AttributeName": "use_case", "KeyType": "HASH"},
        {"AttributeName": "entry", "KeyType": "RANGE"},
    ]


@pytest.mark.parametrize("kind", STATEFUL)
def test_a_first_try_leaves_nothing_behind(assembly: Assembly, kind: str) -> None:
    assert {r.attributes["DeletionPolicy"] for r in assembly.find(kind)} == {"Delete"}


@pytest.mark.parametrize("kind", STATEFUL)
def test_data_that_must_be_kept_outlive_their_stacks(customised: Assembly, kind: str) -> None:
    for resource in customised.find(kind):
        assert resource.attributes["DeletionPolicy"] == "Retain", resource.logical_id
        assert resource.attributes["UpdateReplacePolicy"] == "Retain", resource.logical_id


def test_logs_end_with_their_stack_and_their_time(assembly: Assembly, customised: Assembly) -> None:
    assert {group.properties["RetentionInDays"] for group in assembly.find("AWS::Logs::LogGroup")} == {90}
    assert {group.properties["RetentionInDays"] for group in customised.find("AWS::Logs::LogGroup")} == {7}
    assert {group.attributes["DeletionPolicy"] for group in customised.find("AWS::Logs::LogGroup")} == {"Delete"}


@pytest.mark.parametrize(("name", "folder"), [("OutcomeArchive", "outcomes"), ("MetricArchive", "metrics")])
def test_what_is_observed_arrives_a_line_each_in_a_folder_for_each_hour_and_encrypted(
    assembly: Assembly, name: str, folder: str
) -> None:
    stream = assembly.one("AWS::KinesisFirehose::DeliveryStream", f"{name}Stream").properties
    destination = stream["ExtendedS3DestinationConfiguration"]
    [processor] = destination["ProcessingConfiguration"]["Processors"]

    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {
        "KeyType": "CUSTOMER_MANAGED_CMK",
        "KeyARN": "<Key.Arn>",
    }
    assert destination["BucketARN"] == "<OutcomesBucket.Arn>"
    assert destination["Prefix"] == f"{folder}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/"
    assert destination["ErrorOutputPrefix"].startswith("failed/")
    assert destination["CloudWatchLoggingOptions"]["Enabled"] is True
    assert processor["Type"] == "AppendDelimiterToRecord"
    assert processor["Parameters"] == [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}]
