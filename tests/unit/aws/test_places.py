"""Which account is asked about which part of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from noriba.aws.places import PARTS, Places, ProfilesError, read_profiles
from tests.unit.accounts import DEFAULT, configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA, SERVING = "444444444444", "777777777777"


@pytest.fixture
def _accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws():
        configure(tmp_path, monkeypatch, {"acme-data": DATA, "acme-serving": SERVING, "other-data": DATA})
        yield


@given(
    st.dictionaries(st.sampled_from(PARTS), st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)),
    st.sampled_from([" ", ",", ", ", "\n", "  ,"]),
)
def test_profiles_are_read_as_they_are_written(profiles: dict[str, str], between: str) -> None:
    written = between.join(f"{part}={profile}" for part, profile in profiles.items())

    assert read_profiles(written) == profiles


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bus=acme-data", "there is no part 'bus'; there are events, data, registry, training"),
        ("data", "'data' names no profile; write data=PROFILE"),
        ("data=", "'data=' names no profile; write data=PROFILE"),
        ("data=one data=two", "data has two profiles, one and two; leave one out"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ProfilesError, match=f"NORIBA_PROFILES: {said}"):
        read_profiles(text)


@pytest.mark.usefixtures("_accounts")
def test_without_profiles_there_is_one_account_with_all_parts() -> None:
    places = Places()

    [place] = places.all
    assert (place.account, place.parts, place.profile, place.guests) == (DEFAULT, PARTS, None, ())
    assert {places.at(part) for part in PARTS} == {places.only}


@pytest.mark.usefixtures("_accounts")
def test_each_part_is_asked_in_its_account_and_one_that_is_not_named_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NORIBA_PROFILES", "data=acme-data serving=acme-serving,monitoring=acme-serving")
    places = Places()

    found = {place.account: place.parts for place in places.all}
    assert found == {
        DEFAULT: ("events", "registry", "training", "staging", "rollout", "observations", "operators", "people"),
        DATA: ("data",),
        SERVING: ("serving", "monitoring"),
    }
    assert [place.account for place in places.all if place.guests] == [DATA, SERVING]
    assert places.at("data").sts.get_caller_identity()["Account"] == DATA
    assert places.at("serving") is places.at("monitoring")
    with pytest.raises(ProfilesError, match="say which part is meant"):
        _ = places.only


@pytest.mark.usefixtures("_accounts")
def test_an_account_that_two_profiles_reach_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    named = " ".join(f"{part}={'acme-data' if part == 'data' else 'other-data'}" for part in PARTS)
    monkeypatch.setenv("NORIBA_PROFILES", named)

    [place] = Places().all
    assert (place.account, set(place.parts)) == (DATA, set(PARTS))


@pytest.mark.usefixtures("_accounts")
def test_parts_for_which_nobody_has_credentials_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("NORIBA_PROFILES", "data=acme-data")

    places = Places()

    [place] = places.all
    assert (place.account, place.parts) == (DATA, ("data",))
    with pytest.raises(ProfilesError, match=r"names no profile for serving, .*; add serving=PROFILE"):
        places.at("serving")


@pytest.mark.usefixtures("_accounts")
def test_staging_and_people_go_with_others_unless_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIBA_PROFILES", "rollout=acme-serving events=acme-data")
    places = Places()
    monkeypatch.setenv("NORIBA_PROFILES", "rollout=acme-serving staging=acme-data")
    apart = Places()

    assert places.at("staging") is places.at("rollout")
    assert places.at("people") is places.at("events")
    assert apart.at("staging") is not apart.at("rollout")


@pytest.mark.usefixtures("_accounts")
def test_a_profile_that_is_not_there_is_told_with_its_part_and_what_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIBA_PROFILES", "data=acme-date")

    with pytest.raises(ProfilesError, match=r"has data=acme-date, .* aws configure sso --profile acme-date"):
        Places().at("data")


@pytest.mark.usefixtures("_accounts")
def test_an_environment_that_is_given_stands_over_the_process_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a laptop's: its own addresses and credentials, whatever the shell has."""
    config = tmp_path / "laptop"
    config.write_text("[profile acme-data]\naws_access_key_id = 888888888888\naws_secret_access_key = x\n")
    monkeypatch.setenv("NORIBA_PROFILES", "data=nobody")
    environment = {
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": "999999999999",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "NORIBA_PROFILES": "data=acme-data",
    }
    places = Places(environment)

    for part in ("data", "serving"):
        meta = places.at(part).s3.meta
        assert (meta.endpoint_url, meta.region_name) == ("http://127.0.0.1:1", "eu-west-1")
