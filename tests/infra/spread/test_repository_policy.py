"""The policy of the image's repository: what stood there stays, and asking twice changes nothing."""

from __future__ import annotations

import json

from infra.repository_policy import write_policy
from tests.infra.topology.example import read_example

BOOTSTRAP = {
    "Sid": "LambdaECRImageRetrievalPolicy",
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}


def answer(policy: str) -> str:
    """As `aws ecr get-repository-policy` prints it."""
    return json.dumps({"registryId": "555555555555", "policyText": policy})


def test_accounts_pull_and_the_registry_looks() -> None:
    [pulls, registers] = json.loads(write_policy(read_example(), ""))["Statement"]

    assert pulls["Principal"] == {"AWS": ["arn:aws:iam::666666666666:root", "arn:aws:iam::777777777777:root"]}
    assert "ecr:GetDownloadUrlForLayer" in pulls["Action"]
    assert registers["Principal"] == {"AWS": ["arn:aws:iam::333333333333:root"]}
    assert registers["Action"] == ["ecr:BatchGetImage", "ecr:DescribeImages"]


def test_what_the_bootstrap_wrote_stays_and_a_second_time_is_the_same() -> None:
    first = write_policy(read_example(), answer(json.dumps({"Version": "2012-10-17", "Statement": [BOOTSTRAP]})))

    assert json.loads(first)["Statement"][0] == BOOTSTRAP
    assert write_policy(read_example(), answer(first)) == first
