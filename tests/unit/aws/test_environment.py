"""A function's settings come from its environment, once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from noriba.aws.environment import Environment


class Settings(Environment):
    raw_bucket: str
    cooldown_s: float = 60.0


def test_a_field_is_the_variable_of_its_name_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAW_BUCKET", "landing")
    monkeypatch.setenv("COOLDOWN_S", "1.5")

    assert Settings.read() == Settings.model_validate({"RAW_BUCKET": "landing", "COOLDOWN_S": "1.5"})
    assert Settings.read().cooldown_s == 1.5


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAW_BUCKET", raising=False)

    with pytest.raises(ValidationError, match="RAW_BUCKET"):
        Settings.read()


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAW_BUCKET", "landing")

    with pytest.raises(ValidationError, match="frozen"):
        Settings.read().raw_bucket = "another"  # type: ignore[misc]  # that is the point
