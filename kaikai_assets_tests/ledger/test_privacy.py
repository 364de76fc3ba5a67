"""Notes of sensitive domains, on both databases."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kaikai_assets.ledger.store import Ledger

NAME, ALERT = "0" * 31 + "a", "b" * 20
AT = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}" if request.param == "sqlite" else None
    return Ledger(url or request.getfixturevalue("postgres_url"))


def test_a_name_is_forgotten_wherever_it_stands(ledger: Ledger, tmp_path: Path) -> None:
    ledger.landed.note_rejection("ward", NAME, "is refused", AT)
    ledger.landed.note_rejection("ward", ALERT, "is refused too", AT)
    ledger.landed.note_rejection("ward", "other", f"names {NAME} in passing, 100 %", AT)
    assert [row["name"] for row in ledger.privacy.rows_of(NAME)["rejections"]] == [NAME]
    assert ledger.privacy.mentions(NAME) == ["rejections.name", "rejections.reason"]
    assert ledger.privacy.forget(NAME, {ALERT}) == 2
    assert ledger.privacy.mentions(NAME) == []
    (left,) = ledger.journal.read()["rejections"]
    assert left["reason"] == "names erased in passing, 100 %"
    for file in tmp_path.glob("ledger.sqlite*"):
        assert NAME.encode() not in file.read_bytes()


def test_the_audit_and_the_suppressed_are_kept_in_order_and_once(ledger: Ledger) -> None:
    for action in ("trace", "erase"):
        ledger.privacy.note("ward", action, "asked for", {"records": 3}, AT)
        ledger.privacy.suppress("ward", "h", AT)
    said = [(row["action"], row["reason"], row["scope"], row["at"]) for row in ledger.privacy.audit()]
    assert said == [(action, "asked for", {"records": 3}, AT) for action in ("trace", "erase")]
    assert (ledger.privacy.suppressed("ward"), ledger.privacy.suppressed("school")) == ({"h"}, set())
