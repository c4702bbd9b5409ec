"""What was known is known on, whatever becomes of the ledger."""

from __future__ import annotations

from botocore.exceptions import ClientError

from noriba.aws.remembered import Remembered

FOR_S = 10.0


class FakeLedger:
    """Says what it holds, or that it cannot; how often it was asked, and what was warned of."""

    def __init__(self, value: str | None) -> None:
        self.value, self.fails, self.asked, self.now_s = value, False, 0, 0.0
        self.warnings: list[str] = []

    def read(self) -> str | None:
        self.asked += 1
        if self.fails:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem")
        return self.value


def remember(ledger: FakeLedger) -> Remembered[str]:
    return Remembered(
        ledger.read,
        for_s=FOR_S,
        clock=lambda: ledger.now_s,
        warn=ledger.warnings.append,
        ignorance="nobody knows",
    )


def test_an_answer_is_believed_for_a_while_and_then_asked_for_anew() -> None:
    ledger = FakeLedger("first")
    remembered = remember(ledger)

    assert [remembered.find() for _ in range(3)] == ["first"] * 3
    ledger.value, ledger.now_s = None, FOR_S

    assert ledger.asked == 1
    assert remembered.find() is None


def test_where_the_ledger_cannot_be_asked_the_last_answer_stands_and_it_is_not_asked_at_once_again() -> None:
    ledger = FakeLedger("first")
    remembered = remember(ledger)
    remembered.find()
    ledger.fails, ledger.now_s = True, FOR_S

    assert [remembered.find() for _ in range(3)] == ["first"] * 3
    assert ledger.asked == 2
    assert [warning.partition(":")[0] for warning in ledger.warnings] == ["nobody knows"]
    ledger.fails, ledger.value, ledger.now_s = False, "second", 2 * FOR_S
    assert remembered.find() == "second"


def test_where_nothing_was_known_or_what_was_known_is_wrong_nobody_knows() -> None:
    ledger = FakeLedger("first")
    remembered, never = remember(ledger), remember(ledger)
    remembered.find()
    ledger.fails = True

    remembered.forget()

    assert remembered.find() is None
    assert never.find() is None


def test_what_stands_there_and_cannot_be_is_no_answer_and_no_failure() -> None:
    said = iter(["7", "spoilt"])
    warnings: list[str] = []
    remembered = Remembered(
        lambda: int(next(said)),
        for_s=0.0,
        clock=lambda: 0.0,
        warn=warnings.append,
        ignorance="nobody knows",
    )

    assert [remembered.find(), remembered.find()] == [7, None]
    assert len(warnings) == 1
