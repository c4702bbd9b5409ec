"""Signatures are those that botocore makes."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from noriba.aws.signing import Keys, Place, sign

AT = datetime(2026, 7, 1, 23, 59, 58, tzinfo=UTC)
PLACE = Place("runtime.sagemaker.eu-west-1.amazonaws.com", "eu-west-1", "sagemaker")
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(
    body=st.binary(max_size=64),
    more=st.dictionaries(st.from_regex(r"x-[a-z]{1,8}", fullmatch=True), st.lists(words).map("  ".join), max_size=3),
    token=st.none() | words,
    secret=words,
)
def test_a_signature_is_the_one_that_botocore_makes(
    body: bytes, more: dict[str, str], token: str | None, secret: str
) -> None:
    path = "/endpoints/noriba-taxi_eta.1/invocations"
    headers = {"content-type": "application/json", **more}
    request = AWSRequest("POST", f"https://{PLACE.host}{path}", headers=dict(headers), data=body)
    with patch("botocore.auth.get_current_datetime", return_value=AT):
        SigV4Auth(Credentials("AKID", secret, token), PLACE.service, PLACE.region).add_auth(request)

    signed = sign(PLACE, Keys("AKID", secret, token), path=path, headers=headers, body=body, at=AT)

    assert signed["authorization"] == request.headers["Authorization"]
    assert signed.get("x-amz-security-token") == token


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(Keys("AKID", "hidden", "hidden"))


@pytest.mark.parametrize("token", [None, "t"])
def test_what_was_given_is_sent(token: str | None) -> None:
    signed = sign(PLACE, Keys("AKID", "s", token), path="/", headers={"accept": "x"}, body=b"", at=AT)

    assert (signed["accept"], signed["host"], signed["x-amz-date"]) == ("x", PLACE.host, "20260701T235958Z")
