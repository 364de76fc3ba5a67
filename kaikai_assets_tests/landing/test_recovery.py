"""Kills, lost ledgers and processes at once: the next call repairs, and nothing is landed twice."""

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text

from kaikai_assets.landing.land import recover
from kaikai_assets.ledger.store import Ledger
from kaikai_assets_tests.landing.another_process import DEAD
from kaikai_assets_tests.landing.conftest import Landing
from kaikai_assets_tests.landing.making import PLAIN, put


def content(n: int) -> str:
    return f"id,time,pm25\ns{n},2025-03-01T10:00:00Z,{n}\ns{n},2025-03-02T10:00:00Z,{n}\n"


@pytest.fixture
def elsewhere(landing: Landing, tmp_path: Path) -> list[str]:
    """Command of a process that lands the same inbox."""
    put(tmp_path / "sources" / "plain.yaml", yaml.safe_dump(PLAIN))
    module = "kaikai_assets_tests.landing.another_process"
    return [sys.executable, "-m", module, str(landing.settings.data), str(tmp_path / "sources")]


def killed(command: list[str], point: str) -> None:
    done = subprocess.run([*command, point], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == DEAD, done.stderr


def lose_ledger(landing: Landing) -> Landing:
    """The same data root with the ledger's file removed."""
    for path in landing.settings.data.glob("ledger.sqlite*"):
        path.unlink()
    return Landing(landing.settings, Ledger(landing.settings.ledger_uri), landing.sources)


KILLS = ["half copied", "copied, without sidecar", "copied, not in place", "in raw, not in the ledger"]


@pytest.mark.parametrize("point", [*KILLS, "in the ledger, still in the inbox"])
def test_a_kill_anywhere_is_repaired_by_the_next_call(landing: Landing, elsewhere: list[str], point: str) -> None:
    landing.drop("a.csv", content(1), age_s=20)
    landing.drop("b.csv", content(2), age_s=10)
    killed(elsewhere, point)
    assert landing.waiting() == ["a.csv", "b.csv"]
    given = list(landing.in_raw())
    report = landing.land()
    landing.check_whole()
    assert len(landing.in_raw()) == 2
    assert list(landing.in_raw())[: len(given)] == given
    assert len(report.landed) + len(report.redelivered) == 2
    assert {landed.records for landed in landing.in_raw().values()} == {2}


def test_a_killed_redelivery_or_rejection_is_done_again(landing: Landing, elsewhere: list[str]) -> None:
    landing.drop("a.csv", content(1))
    landing.land()
    landing.drop("b.csv", content(1))
    killed(elsewhere, "noted as redelivered")
    assert landing.land().redelivered == ["b.csv"]
    landing.drop("empty.csv", "")
    killed(elsewhere, "noted as rejected")
    assert [name for name, _reason in landing.land().rejected] == ["empty.csv"]
    landing.check_whole()


def test_rows_that_the_ledger_lost_come_back_with_their_arrival_number(landing: Landing) -> None:
    for n in (1, 2, 3):
        landing.drop(f"{n}.csv", content(n), age_s=10 - n)
    landing.land()
    engine = create_engine(landing.settings.ledger_uri)
    with engine.begin() as connection:
        for table in ("files", "file_days"):
            connection.execute(text(f"DELETE FROM {table} WHERE arrival_seq = 2"))
    engine.dispose()
    landing.drop("2 again.csv", content(2))
    (landed,) = landing.land().landed
    assert (landed.arrival_seq, landed.name) == (2, "2.csv")
    landing.check_whole()


def test_a_lost_ledger_is_made_anew_from_the_sidecars_and_the_sequence_goes_on(landing: Landing) -> None:
    for n in range(1, 6):
        landing.drop(f"{n}.csv", content(n), age_s=10 - n)
    before = landing.land().landed
    fresh = lose_ledger(landing)
    fresh.drop("3 again.csv", content(3), age_s=20)
    fresh.drop("6.csv", content(6), age_s=10)
    report = fresh.land()
    assert report.redelivered == ["3 again.csv"]
    assert [(landed.name, landed.arrival_seq) for landed in report.landed] == [("6.csv", 6)]
    assert list(fresh.in_raw().values()) == [*before, *report.landed]
    fresh.check_whole()


def test_a_ledger_made_anew_knows_all_without_any_new_file(landing: Landing) -> None:
    landing.drop("a.csv", content(1))
    landing.land()
    fresh = lose_ledger(landing)
    assert fresh.land().landed == []
    assert fresh.ledger.landed.files("air")[1]["raw_file"] == landing.in_raw()[1].raw_file
    assert fresh.ledger.landed.unannounced("air") == {date(2025, 3, 1): (1, 1), date(2025, 3, 2): (1, 1)}


def test_a_recovery_that_was_killed_halfway_is_finished(landing: Landing, elsewhere: list[str]) -> None:
    for n in range(1, 6):
        landing.drop(f"{n}.csv", content(n), age_s=10 - n)
    landing.land()
    fresh = lose_ledger(landing)
    killed(elsewhere, "half recovered")
    assert len(fresh.in_ledger()) == 1
    fresh.drop("6.csv", content(6))
    assert [landed.arrival_seq for landed in fresh.land().landed] == [6]
    fresh.check_whole()
    assert recover(fresh.settings, fresh.ledger) == 0


def test_a_number_of_a_killed_call_is_not_given_again(landing: Landing, elsewhere: list[str]) -> None:
    landing.drop("a.csv", content(1))
    killed(elsewhere, "in raw, not in the ledger")
    fresh = lose_ledger(landing)
    fresh.drop("b.csv", content(2))
    fresh.land()
    assert sorted(fresh.in_raw()) == [1, 2]
    fresh.check_whole()


def test_a_file_of_a_killed_call_is_known_even_if_another_takes_its_place(
    landing: Landing, elsewhere: list[str]
) -> None:
    landing.drop("a.csv", content(1))
    landing.land()
    landing.drop("a.csv", content(2))
    killed(elsewhere, "in raw, not in the ledger")
    landing.drop("a.csv", content(3))
    assert [landed.arrival_seq for landed in landing.land().landed] == [3]
    landing.check_whole()
    assert sorted(landing.in_raw()) == [1, 2, 3]


def test_a_ledger_lost_after_a_kill_is_made_anew_whole(landing: Landing, elsewhere: list[str]) -> None:
    for n in (1, 2):
        landing.drop(f"{n}.csv", content(n), age_s=10 - n)
    landing.land()
    landing.drop("3.csv", content(3))
    killed(elsewhere, "in raw, not in the ledger")
    fresh = lose_ledger(landing)
    assert fresh.land().redelivered == ["3.csv"]
    assert sorted(fresh.in_ledger()) == [1, 2, 3]
    fresh.check_whole()


def test_what_killed_calls_left_half_copied_is_swept_away(landing: Landing, elsewhere: list[str]) -> None:
    landing.drop("a.csv", content(1))
    for _ in range(2):
        killed(elsewhere, "half copied")
    assert len(list((landing.settings.raw / ".tmp").iterdir())) >= 1
    landing.land()
    assert not (landing.settings.raw / ".tmp").exists() or not list((landing.settings.raw / ".tmp").iterdir())


def test_a_copy_that_fails_leaves_the_file_where_it_was(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.drop("a.csv", content(1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        report = landing.land()
    assert report.left == [("a.csv", "OSError: No space left on device")]
    assert landing.in_raw() == {}
    assert landing.in_ledger() == {}
    assert len(landing.land().landed) == 1
    landing.check_whole()


def test_a_file_whose_raw_was_removed_stays_a_redelivery(landing: Landing) -> None:
    landing.drop("a.csv", content(1))
    landing.land()
    shutil.rmtree(landing.settings.raw)
    landing.drop("a.csv", content(1))
    assert landing.land().redelivered == ["a.csv"]
    assert landing.in_raw() == {}


def test_processes_that_land_one_inbox_at_once_land_each_file_once(landing: Landing, elsewhere: list[str]) -> None:
    for n in range(40):
        landing.drop(f"{n}.csv", content(n))
    running = [subprocess.Popen(elsewhere, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    mine = landing.land()
    said = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        said.append(out.split())
    landing.check_whole()
    assert sorted(landing.in_raw()) == list(range(1, 41))
    assert len(mine.landed) + sum(int(words[0]) for words in said) == 40
    assert all(words[2] == "0" for words in said)
    assert mine.redelivered == []


def test_the_tick_and_a_new_ledger_in_two_processes_are_no_trouble(landing: Landing, elsewhere: list[str]) -> None:
    landing.drop("a.csv", content(1))
    running = [subprocess.Popen(elsewhere, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in running:
        _out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    landing.check_whole()
    assert list(landing.in_raw()) == [1]
