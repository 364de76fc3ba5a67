"""What lands, what waits and what is rejected."""

import json
import os
import stat
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from kaikai_assets.landing import land as land_module
from kaikai_assets.landing import raw
from kaikai_assets.landing.choose import choose_source
from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.settings import Settings
from kaikai_assets_tests.landing.conftest import Landing
from kaikai_assets_tests.landing.making import MAKERS, PACKERS

HEADER = "id,time,pm25\n"
MARCH = HEADER + "s1,2025-03-01T10:00:00Z,1\ns1,2025-03-01T23:59:59Z,2\ns1,2025-03-02T00:00:00Z,3\n"
ROWS = [{"id": "s1", "time": f"2025-03-0{n}T10:00:00Z", "pm25": str(n)} for n in (1, 1, 2)]
DAYS = {date(2025, 3, 1): 2, date(2025, 3, 2): 1}


def changed(landing: Landing, **changes: object) -> Landing:
    settings = Settings.model_validate(landing.settings.model_dump() | changes)
    return Landing(settings, landing.ledger, landing.sources)


def test_a_file_lands_with_its_event_days_and_counts(landing: Landing) -> None:
    content = landing.drop("a.csv", MARCH).read_bytes()
    before = datetime.now(UTC)
    (landed,) = landing.land().landed
    assert (landed.domain, landed.source, landed.kind, landed.name) == ("air", "plain", "readings", "a.csv")
    assert (landed.records, landed.bytes, landed.arrival_seq) == (3, len(content), 1)
    assert landed.days == DAYS
    assert before <= landed.arrived_at <= datetime.now(UTC)
    assert landing.in_raw() == {1: landed}
    assert (landing.settings.raw / landed.raw_file).read_bytes() == content
    assert landing.ledger.landed.unannounced("air") == {date(2025, 3, 1): (1, 2), date(2025, 3, 2): (1, 1)}
    landing.check_whole()


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("form", MAKERS)
def test_every_format_lands_as_it_came(landing: Landing, form: str, packed: str) -> None:
    content = PACKERS[packed](MAKERS[form](ROWS))
    landing.drop(f"x.{form}{packed}", content)
    (landed,) = landing.land().landed
    assert landed.days == DAYS
    assert (landing.settings.raw / landed.raw_file).read_bytes() == content
    landing.check_whole()


def test_records_without_a_usable_time_count_for_the_arrival_day(landing: Landing) -> None:
    times = ["soon", "", "2019-12-31T23:59:59Z", "1970-01-01", "9999-01-01", "0001-01-01", "2025-03-01"]
    landing.drop("a.csv", HEADER + "".join(f"s1,{text},1\n" for text in times) + "s1\n")
    (landed,) = landing.land().landed
    assert landed.days == {date(2025, 3, 1): 1, landed.arrived_at.date(): 7}
    assert landed.records == 8


def test_a_snapshot_lands_on_its_arrival_day(landing: Landing) -> None:
    landing.drop("registry/sensors.csv", "id,name\ns1,Médina\ns2,Plateau\n")
    (landed,) = landing.land().landed
    assert (landed.kind, landed.days) == ("snapshot", {landed.arrived_at.date(): 2})


def test_files_arrive_in_the_order_in_which_they_were_written(landing: Landing) -> None:
    for name, age in [("b.csv", 30), ("deep/er/c.csv", 20), ("a.csv", 10)]:
        landing.drop(name, HEADER + f"s1,2025-03-01,{age}\n", age_s=age)
    landed = landing.land().landed
    assert [(each.name, each.arrival_seq) for each in landed] == [("b.csv", 1), ("c.csv", 2), ("a.csv", 3)]
    landing.check_whole()


def test_a_header_without_records_lands_and_has_no_days(landing: Landing) -> None:
    landing.drop("a.csv", HEADER)
    (landed,) = landing.land().landed
    assert (landed.records, landed.days) == (0, {})
    landing.check_whole()


def test_the_same_content_again_is_noted_and_not_landed_twice(landing: Landing) -> None:
    landing.drop("a.csv", MARCH)
    landing.land()
    landing.drop("again/b.csv", MARCH)
    landing.drop("plain/c.csv", MARCH)
    report = landing.land()
    assert (report.landed, sorted(report.redelivered)) == ([], ["again/b.csv", "plain/c.csv"])
    assert list(landing.in_raw()) == [1]
    landing.check_whole()


def test_one_call_meets_the_same_content_twice(landing: Landing) -> None:
    landing.drop("a.csv", MARCH, age_s=20)
    landing.drop("b.csv", MARCH, age_s=10)
    report = landing.land()
    assert ([landed.name for landed in report.landed], report.redelivered) == (["a.csv"], ["b.csv"])
    landing.check_whole()


def test_the_same_content_of_another_source_is_another_file(landing: Landing) -> None:
    landing.sources = dict(landing.sources) | {
        "twin": landing.sources["plain"].model_copy(update={"source": "twin", "match": "folder"})
    }
    landing.drop("a.csv", MARCH)
    landing.drop("twin/a.csv", MARCH)
    assert sorted(landed.source for landed in landing.land().landed) == ["plain", "twin"]


def test_the_same_content_of_another_entity_is_another_file(landing: Landing) -> None:
    by_name = landing.sources["plain"].model_validate(
        landing.sources["plain"].model_dump(by_alias=True) | {"entity": {"from_name": r"(\d+)"}}
    )
    landing.sources = {"plain": by_name}
    for name in ("s1.csv", "s2.csv", "s 2.csv"):
        landing.drop(name, "time,pm25\n2025-03-01,1\n", age_s=10)
    landing.drop("copy of s1.csv", "time,pm25\n2025-03-01,1\n")
    report = landing.land()
    assert len(report.landed) == 2
    assert len(report.redelivered) == 2


def test_files_wait_until_nobody_has_written_to_them_for_a_while(landing: Landing) -> None:
    patient = changed(landing, settle_s=60.0)
    patient.drop("new.csv", MARCH)
    patient.drop("old.csv", HEADER, age_s=100)
    report = patient.land()
    assert ([landed.name for landed in report.landed], report.unsettled) == (["old.csv"], ["new.csv"])
    assert patient.waiting() == ["new.csv"]
    patient.drop("new.csv", MARCH, age_s=61)
    assert [landed.name for landed in patient.land().landed] == ["new.csv"]


def test_a_clock_ahead_where_the_file_was_made_does_not_keep_it_waiting(landing: Landing) -> None:
    landing.drop("a.csv", MARCH, age_s=-1_000_000)
    assert len(landing.land().landed) == 1


@pytest.mark.parametrize(
    "name", [".a.csv", "a.csv.tmp", "a.csv.part", "a.csv.PART", ".rsync/a.csv", "deep/.partial/er/a.csv", ".DS_Store"]
)
def test_unfinished_and_hidden_files_are_left_alone(landing: Landing, name: str) -> None:
    landing.drop(name, MARCH)
    report = landing.land()
    assert (report.landed, report.rejected, report.left, report.unsettled) == ([], [], [], [])
    assert landing.waiting() == [name]


REFUSED = {
    "empty.csv": (b"", "empty file"),
    "blank.csv": (b"\n\n", "empty file"),
    "header.csv": (b"ID,timestamp,pm25\n1,2,3\n", "nearest is 'plain', lacking 'id', 'time' (nearest: 'timestamp')"),
    "missing.csv": (b"id,time\n1,2\n", "lacking 'pm25'"),
    "twice.csv": (b"id,time,pm25,pm25\n1,2,3,4\n", "header repeats column 'pm25'"),
    "plain/wrong.csv": (b"a,b\n1,2\n", "header differs; nearest is 'plain', lacking 'id', 'time', 'pm25'"),
    "latin.csv": ("id,time,pm25\nThiès,,\n".encode("latin-1"), "not utf-8 text: byte 16 is 0xe8"),
    "utf16.csv": (MARCH.encode("utf-16"), "not utf-8 text"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\x00\x00", "not utf-8 text"),
    "cut.csv.gz": (PACKERS[".gz"](MARCH.encode() * 50)[:-9], "damaged: cannot unpack"),
    "cut.csv.zst": (PACKERS[".zst"](MARCH.encode() * 50)[:-9], "damaged: cannot unpack"),
    "cut.json": (b'[{"id": 1, "time":', "not JSON"),
    "other.json": (b'{"a": 1, "id": 2}', "lacking 'time'"),
    "deep.json": (b"[" * 10_000 + b"]" * 10_000, "nested more than 64 deep"),
    "empty.ndjson": (b"", "empty file"),
    "text.parquet": (b"id,time,pm25\n", "not Parquet"),
    "text.xlsx": (b"id,time,pm25\n", "not a readable workbook"),
    "manual.pdf": (b"%PDF-1.4", "no source reads files with a name that ends like this one"),
    "reason.json": (b"nothing", "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_taken_is_rejected_with_the_reason_beside_it(landing: Landing, name: str) -> None:
    content, reason = REFUSED[name]
    landing.drop(name, content)
    report = landing.land()
    ((rejected, why),) = report.rejected
    assert rejected == name
    assert reason in why
    assert landing.rejected() == {name: why}
    (folder,) = landing.settings.rejected.glob("air/*")
    (kept,) = (path for path in folder.iterdir() if path.name != "reason.json")
    assert kept.read_bytes() == content
    assert kept.name.endswith(Path(name).name)
    landing.check_whole()


def test_rejected_files_never_stop_the_others(landing: Landing) -> None:
    for name, (content, _reason) in REFUSED.items():
        landing.drop(name, content)
    landing.drop("zz.csv", MARCH)
    landing.drop("aa.csv", MARCH + "s2,2025-03-01,1\n")
    report = landing.land()
    assert sorted(landed.name for landed in report.landed) == ["aa.csv", "zz.csv"]
    assert sorted(landing.rejected()) == sorted(REFUSED)
    landing.check_whole()


def test_a_rejected_file_that_comes_again_is_rejected_again(landing: Landing) -> None:
    for _ in range(2):
        landing.drop("empty.csv", "")
        assert len(landing.land().rejected) == 1
    assert len(list(landing.settings.rejected.glob("air/*/empty.csv"))) == 2


def test_a_reason_says_when(landing: Landing) -> None:
    landing.drop("empty.csv", "")
    landing.land()
    (path,) = landing.settings.rejected.glob("air/*/reason.json")
    content = json.loads(path.read_text("utf-8"))
    assert set(content) == {"name", "reason", "rejected_at"}
    assert datetime.fromisoformat(content["rejected_at"]).utcoffset() is not None


def test_files_larger_than_allowed_are_rejected(landing: Landing) -> None:
    small = changed(landing, max_unpacked_bytes=len(MARCH))
    small.drop("a.csv", MARCH)
    small.drop("b.csv", MARCH + " ")
    small.drop("c.csv.gz", PACKERS[".gz"](MARCH.encode() * 1000))
    report = small.land()
    assert [landed.name for landed in report.landed] == ["a.csv"]
    assert {name: why.partition(":")[0] for name, why in report.rejected} == dict.fromkeys(
        ["b.csv", "c.csv.gz"], "too large"
    )


def test_a_tick_leaves_large_files_for_a_run(landing: Landing) -> None:
    busy = changed(landing, tick_bytes=len(MARCH))
    busy.drop("a.csv", MARCH)
    busy.drop("b.csv", MARCH + "s2,2025-03-01,1\n")
    report = busy.land(tick=True)
    assert [landed.name for landed in report.landed] == ["a.csv"]
    assert report.left == [("b.csv", "large: landed by the next run")]
    assert [landed.name for landed in busy.land().landed] == ["b.csv"]


def test_a_tick_ends_when_its_time_is_up(landing: Landing) -> None:
    hurried = changed(landing, tick_s=1e-9)
    hurried.drop("a.csv", MARCH)
    assert hurried.land(tick=True).left == [("a.csv", "the tick's time is up")]
    assert len(hurried.land().landed) == 1


def test_a_tick_does_not_wait_for_another_process(landing: Landing) -> None:
    landing.drop("a.csv", MARCH)
    with FileLock(landing.settings.data / "landing.lock"):
        report = landing.land(tick=True)
    assert report.left == [("air", "another process is landing")]
    assert len(landing.land(tick=True).landed) == 1


@pytest.mark.parametrize("link", ["to a file", "to a folder", "to nothing"])
def test_links_are_not_followed(landing: Landing, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(MARCH)
    target = {"to a file": outside / "secret.csv", "to a folder": outside, "to nothing": outside / "none.csv"}[link]
    landing.inbox.mkdir(parents=True)
    (landing.inbox / "link.csv").symlink_to(target)
    report = landing.land()
    assert report.landed == []
    assert landing.rejected() == {"link.csv": "not a regular file; links out of the inbox are not followed"}
    assert (outside / "secret.csv").read_text() == MARCH
    assert landing.waiting() == []


def test_a_pipe_is_rejected_and_never_read(landing: Landing) -> None:
    landing.inbox.mkdir(parents=True)
    os.mkfifo(landing.inbox / "pipe.csv")
    landing.land()
    assert list(landing.rejected()) == ["pipe.csv"]
    (kept,) = landing.settings.rejected.glob("air/*/pipe.csv")
    assert stat.S_ISFIFO(kept.stat().st_mode)


def test_a_file_that_grows_between_calls_lands_again_as_what_it_is_then(landing: Landing) -> None:
    landing.drop("a.csv", MARCH)
    landing.land()
    landing.drop("a.csv", MARCH + "s1,2025-03-02T12:00:00Z,4\n")
    (landed,) = landing.land().landed
    assert (landed.arrival_seq, landed.records) == (2, 4)
    landing.check_whole()


def test_a_file_written_to_while_it_is_read_waits(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    path = landing.drop("a.csv", MARCH)

    def meanwhile(*args: object, **kwargs: object) -> dict[date, int]:
        counted = count_days(*args, **kwargs)  # type: ignore[arg-type]
        with path.open("a") as file:
            file.write("s1,2025-03-02T12:00:00Z,4\n")
        return counted

    with monkeypatch.context() as patch:
        patch.setattr(land_module, "count_days", meanwhile)
        report = landing.land()
    assert (report.landed, report.rejected, report.unsettled) == ([], [], ["a.csv"])
    assert landing.in_raw() == {}
    (landed,) = landing.land().landed
    assert landed.records == 4
    landing.check_whole()


def test_a_file_that_cannot_be_read_because_it_is_being_written_waits(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landing.drop("a.csv", "")

    def meanwhile(*_: object) -> None:
        path.write_text(MARCH)
        raise UnreadableFile("empty file")

    with monkeypatch.context() as patch:
        patch.setattr(land_module, "choose_source", meanwhile)
        report = landing.land()
    assert (report.rejected, report.unsettled) == ([], ["a.csv"])
    assert len(landing.land().landed) == 1


def test_what_is_written_after_a_file_was_copied_is_not_removed(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landing.drop("a.csv", MARCH, age_s=10)
    keep = raw.put

    def meanwhile(*args: object) -> None:
        keep(*args)  # type: ignore[arg-type]
        path.write_text(MARCH + "s1,2025-03-02T12:00:00Z,4\n")

    with monkeypatch.context() as patch:
        patch.setattr(raw, "put", meanwhile)
        assert [landed.records for landed in landing.land().landed] == [3]
    assert [landed.records for landed in landing.land().landed] == [4]
    landing.check_whole()


def test_a_file_that_disappears_meanwhile_is_no_error(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = landing.drop("a.csv", MARCH, age_s=10)
    landing.drop("b.csv", MARCH)

    def meanwhile(path: Path, *args: object) -> object:
        path.unlink() if path == gone else None
        return choose_source(path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(land_module, "choose_source", meanwhile)
    report = landing.land()
    assert [landed.name for landed in report.landed] == ["b.csv"]
    assert report.left == [("a.csv", "FileNotFoundError: No such file or directory")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_left_and_named(landing: Landing) -> None:
    landing.drop("a.csv", MARCH).chmod(0)
    landing.drop("b.csv", MARCH)
    report = landing.land()
    assert report.left == [("a.csv", "PermissionError: Permission denied")]
    assert len(report.landed) == 1


def test_an_inbox_that_is_not_there_yet_is_made(landing: Landing) -> None:
    report = landing.land()
    assert landing.inbox.is_dir()
    assert (report.landed, report.records) == ([], 0)


def test_columns_may_come_in_any_order_and_beside_others(landing: Landing) -> None:
    landing.drop("a.csv", "note,pm25,time,id\nx,1,2025-03-01,s1\n")
    (landed,) = landing.land().landed
    assert landed.days == {date(2025, 3, 1): 1}


def test_reports_of_several_calls_add_up(landing: Landing) -> None:
    landing.drop("a.csv", MARCH)
    landing.drop("empty.csv", "")
    report = landing.land()
    landing.drop("b.csv", MARCH)
    landing.drop("c.csv", HEADER + "s1,2025-03-01,1\n")
    report.add(landing.land())
    assert (len(report.landed), report.records, report.redelivered, len(report.rejected)) == (2, 4, ["b.csv"], 1)


def test_landing_many_small_files_is_quick(landing: Landing) -> None:
    for n in range(60):
        landing.drop(f"{n:03}.csv", HEADER + f"s1,2025-03-01,{n}\n")
    started = time.monotonic()
    assert len(landing.land().landed) == 60
    assert time.monotonic() - started < 30
    landing.check_whole()
