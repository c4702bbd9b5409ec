"""The trail sees every account and region, and what it wrote stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.infra.assembly import Statement

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

TRAIL = "arn:aws:cloudtrail:ap-northeast-1:111111111111:trail/noriba-organisation"


def test_the_trail_sees_everything_and_can_be_checked(organisation: Assembly) -> None:
    [trail] = organisation.find("AWS::CloudTrail::Trail")

    for property_ in (
        *("IsLogging", "IsOrganizationTrail", "IsMultiRegionTrail", "IncludeGlobalServiceEvents"),
        "EnableLogFileValidation",
    ):
        assert trail.properties[property_] is True, property_
    assert TRAIL.endswith(trail.properties["TrailName"])


def test_the_trail_writes_into_the_bucket_and_by_the_key_of_the_other_account(organisation: Assembly) -> None:
    [trail] = organisation.find("AWS::CloudTrail::Trail")
    bucket = organisation.one("AWS::S3::Bucket", "Bucket")
    [alias] = organisation.find("AWS::KMS::Alias")

    assert trail.properties["S3BucketName"] == bucket.properties["BucketName"] == "noriba-trail-o-exampleorg1"
    assert trail.properties["KMSKeyId"] == f"arn:aws:kms:ap-northeast-1:222222222222:{alias.properties['AliasName']}"
    assert alias.properties["TargetKeyId"] == "<Key.Arn>"
    assert (trail.stack, bucket.stack, alias.stack) == ("trail", "trail-logs", "trail-logs")


def test_nobody_deletes_what_the_trail_wrote_for_as_long_as_the_file_says(
    organisation: Assembly, changed: Assembly
) -> None:
    for found, days in ((organisation, 1), (changed, 3653)):
        bucket = found.one("AWS::S3::Bucket", "Bucket")

        assert bucket.properties["ObjectLockEnabled"] is True
        retention = bucket.properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        assert retention == {"Mode": "COMPLIANCE", "Days": days}
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
        # A bucket that a failed deployment leaves is empty, and keeps its one name from the next.
        assert bucket.attributes["DeletionPolicy"] == "RetainExceptOnCreate"


def test_cloudtrail_takes_the_role_of_its_log_without_a_condition(organisation: Assembly) -> None:
    """It says neither its account nor its trail there.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    """
    [trust] = organisation.one("AWS::IAM::Role", "LogsRole").properties["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    assert "Condition" not in trust


def test_nothing_in_the_bucket_expires(organisation: Assembly) -> None:
    bucket = organisation.one("AWS::S3::Bucket", "Bucket")

    for rule in bucket.properties["LifecycleConfiguration"]["Rules"]:
        assert not [name for name in rule if "Expiration" in name], rule


def test_only_this_trail_writes_into_the_bucket(organisation: Assembly) -> None:
    [policy] = [p for p in organisation.find("AWS::S3::BucketPolicy") if p.properties["Bucket"] == "<Bucket>"]
    allowed = [
        Statement.parse("bucket", document)
        for document in policy.properties["PolicyDocument"]["Statement"]
        if document["Effect"] == "Allow"
    ]

    for statement in allowed:
        assert statement.principal == {"Service": "cloudtrail.amazonaws.com"}
        assert statement.conditions["StringEquals"]["aws:SourceArn"] == TRAIL
    assert {(s.actions, s.resources) for s in allowed} == {
        (("s3:GetBucketAcl",), ("Bucket",)),
        (("s3:PutObject",), ("Bucket/AWSLogs/111111111111/*", "Bucket/AWSLogs/o-exampleorg1/*")),
    }


def test_only_this_trail_encrypts_with_the_key(organisation: Assembly) -> None:
    [key] = [k for k in organisation.find("AWS::KMS::Key") if k.stack == "trail-logs"]
    [owner, *services] = key.properties["KeyPolicy"]["Statement"]

    assert owner["Principal"]["AWS"].endswith(":root")
    assert [s["Action"] for s in services] == ["kms:GenerateDataKey*", ["kms:Decrypt", "kms:DescribeKey"]]
    for statement in services:
        assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceArn": TRAIL}


def test_the_trail_may_write_its_own_streams_of_its_log_group(organisation: Assembly) -> None:
    [policy] = [p for p in organisation.find("AWS::IAM::ManagedPolicy") if p.stack == "trail"]
    [statement] = policy.properties["PolicyDocument"]["Statement"]
    [trail] = organisation.find("AWS::CloudTrail::Trail")
    group = "arn:<AWS::Partition>:logs:ap-northeast-1:111111111111:log-group:<Logs>:log-stream:"

    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == [f"{group}111111111111_CloudTrail_ap-northeast-1*", f"{group}o-exampleorg1_*"]
    # Without it, CloudTrail refuses the group.
    assert policy.logical_id in trail.attributes["DependsOn"]
