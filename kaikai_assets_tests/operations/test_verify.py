"""``verify`` is clean for what is right, and names table, day and column of whatever was changed behind its back."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.build.steps import Domain
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing import raw
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.operations.scratch import rebuilt
from kaikai_assets.operations.verification import Verification
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now
from kaikai_assets_tests.end_to_end.product import again, build, drop
from kaikai_assets_tests.end_to_end.test_command_line import kaikai
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file
from kaikai_assets_tests.operations.damage import DAYS, change_warehouse, execute, lake_files, rewrite

TABLES = [AIR.bronze, *AIR.contracts]


def told(found: Verification) -> list[str]:
    return [str(difference) for difference in found.differences]


def everything(root: Path) -> dict[str, bytes]:
    """Bytes of all files of a data root but the ledger's, which opening it may touch."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("ledger.sqlite"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_what_was_built_is_what_a_rebuild_makes_and_nothing_is_left_behind(built: Platform) -> None:
    before, ledger = everything(built.settings.data), built.ledger.targets.built()
    found = verify(built, AIR)
    assert told(found) == []
    assert found.clean
    assert found.files == 4
    published = [f"warehouse {table.replace('/', '.')}" for table in AIR.published]
    assert {name: c.parts for name, c in found.tables.items()} == {
        name: 1 if any(whole in name for whole in ("sensors", "alerts", "comparison")) else 3
        for name in [*TABLES, *published, "accounts"]
    }
    assert all(compared.equal == compared.parts for compared in found.tables.values())
    assert (found.pending, found.meanwhile) == (set(), set())
    assert everything(built.settings.data) == before
    assert built.ledger.targets.built() == ledger


def plus_one(column: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    first = pl.int_range(pl.len()) == 0
    return lambda frame: frame.with_columns(pl.when(first).then(pl.col(column) + 1).otherwise(pl.col(column)))


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("silver/air_measurements", "temperature"),
        ("gold/air_hourly", "pm25_mean"),
        ("gold/air_daily", "humidity_mean"),
    ],
)
def test_a_value_flipped_in_a_lake_file_is_named_by_table_day_key_and_column(
    built: Platform, table: str, column: str
) -> None:
    (file,) = lake_files(built, table, DAYS[1])
    rewrite(file, plus_one(column))
    found = verify(built, AIR)
    (difference,) = found.differences
    assert (difference.table, difference.part) == (table, DAYS[1])
    assert "sensor_id SENS001" in difference.what.partition("first at ")[2]
    assert difference.what.endswith(f": {column}")
    assert difference.what.count("rows, hash ") == 2
    assert {name for name, compared in found.tables.items() if compared.differing} == {table}


def test_a_changed_text_of_bronze_and_of_tables_that_are_not_by_day_are_found(built: Platform) -> None:
    (bronze,) = lake_files(built, "bronze/air_measurements", DAYS[0])
    rewrite(bronze, lambda frame: frame.with_columns(pm25=pl.lit("21")))
    (alerts,) = lake_files(built, "gold/air_alerts")
    rewrite(alerts, plus_one("peak"))
    (sensors,) = lake_files(built, "silver/air_sensors")
    # No table is made with the name of a place: what another one decides would be pending, and not compared.
    rewrite(sensors, lambda frame: frame.with_columns(location_name=pl.lit("Elsewhere")))
    assert {(d.table, d.part) for d in verify(built, AIR).differences} == {
        ("bronze/air_measurements", DAYS[0]),
        ("gold/air_alerts", ""),
        ("silver/air_sensors", ""),
    }


def test_a_row_that_is_missing_and_one_that_stands_twice_are_named(built: Platform) -> None:
    (short,) = lake_files(built, "silver/air_measurements", DAYS[0])
    (long,) = lake_files(built, "silver/air_measurements", DAYS[2])
    rewrite(short, lambda frame: frame.sort("time").slice(1))
    rewrite(long, lambda frame: pl.concat([frame, frame.sort("time").head(1)]))
    first, second, accounts, others = told(verify(built, AIR))
    assert f"{DAYS[0]}: lake has 71 rows" in first
    assert first.endswith(
        f"first at grain instant, sensor_id SENS001, time {DAYS[0]} 00:00:00+00:00: only in the rebuild"
    )
    assert f"{DAYS[2]}: lake has 73 rows" in second
    assert second.endswith("only in the lake")
    assert accounts == f"accounts {DAYS[0]}: 72 records lead, but silver has 71 rows"
    assert others == f"accounts {DAYS[2]}: 72 records lead, but silver has 73 rows"


def test_a_lake_file_that_cannot_be_read_is_named_and_the_others_are_compared(built: Platform) -> None:
    (file,) = lake_files(built, "gold/air_hourly", DAYS[1])
    file.write_bytes(b"garbage")
    found = verify(built, AIR)
    (difference,) = told(found)
    assert difference.startswith(f"gold/air_hourly {DAYS[1]}: cannot be read: ")
    assert found.tables["gold/air_hourly"].equal == 2


def test_what_the_ledger_remembers_of_rows_is_not_believed(built: Platform) -> None:
    execute(
        built,
        f"UPDATE built SET output = 'lie' WHERE table_name = 'gold/air_alert_days' AND part = '{DAYS[0]}'",
        f"UPDATE accounts SET leading = leading - 1, absorbed = absorbed + 1 WHERE part = '{DAYS[1]}'",
        f"UPDATE accounts SET rejected = 5 WHERE part = '{DAYS[2]}'",
    )
    shown = "\n".join(told(verify(built, AIR)))
    assert f"gold/air_alert_days {DAYS[0]}: the ledger remembers 1 rows, hash lie" in shown or "hash lie" in shown
    assert f"accounts {DAYS[1]}: kaikai_csv: the ledger says 72 records, 71 leading + 1 absorbed + 0 rejected" in shown
    assert f"accounts {DAYS[1]}: 71 records lead, but silver has 72 rows" in shown
    assert f"accounts {DAYS[2]}: kaikai_csv: 72 records landed; the ledger says 72 records, 72 leading" in shown


def test_rows_that_are_right_but_claim_another_digest_are_named(built: Platform) -> None:
    (file,) = lake_files(built, "gold/air_hourly", DAYS[1])
    rewrite(file, lambda frame: frame.with_columns(pl.col("_build").str.slice(0, 16) + pl.lit("f" * 32)))
    (difference,) = told(verify(built, AIR))
    assert difference.startswith(
        f"gold/air_hourly {DAYS[1]}: its rows are right, but say they were built from {'f' * 32}"
    )


def test_changed_bytes_of_a_raw_file_are_named_with_the_days_that_cannot_be_made_of_it(built: Platform) -> None:
    file = next(built.settings.raw.rglob(f"{DAYS[1]}.csv"))
    file.write_text(day_file(DAYS[1], 81.0, hours=6), encoding="utf-8")
    shown = told(verify(built, AIR))
    assert shown[0].startswith(
        f"raw {file.relative_to(built.settings.raw)}: its bytes are not those that landed: sha256"
    )
    assert any(
        line.startswith(f"bronze/air_measurements {DAYS[1]}: cannot be rebuilt: UnreadableFile") for line in shown
    )
    assert any(line.startswith(f"gold/air_daily {DAYS[1]}: cannot be rebuilt: an input cannot") for line in shown)
    assert not any(f"bronze/air_measurements {DAYS[0]}" in line for line in shown)


def test_a_lost_file_of_raw_a_lost_sidecar_and_a_lost_note_are_named(built: Platform) -> None:
    first, second, third = (next(built.settings.raw.rglob(f"{day}.csv")) for day in DAYS)
    first.unlink()
    (second.parent / "landed.json").unlink()
    execute(built, f"DELETE FROM files WHERE name = '{third.name}'")
    shown = told(verify(built, AIR))
    assert f"raw {first.relative_to(built.settings.raw)}: cannot be read: No such file or directory" in shown
    name = second.relative_to(built.settings.raw)
    assert f"raw {name}: the ledger knows it, but raw holds no sidecar of it" in shown
    assert f"ledger: 1 files of raw are not noted; the first is {third.relative_to(built.settings.raw)}" in shown


def test_a_sidecar_that_cannot_be_read_is_named(built: Platform) -> None:
    sidecar = next(built.settings.raw.rglob(f"{DAYS[1]}.csv")).parent / "landed.json"
    sidecar.write_text("{}", encoding="utf-8")
    place = sidecar.parent.relative_to(built.settings.raw)
    assert f"raw {place}: its sidecar cannot be read: domain Field required" in told(verify(built, AIR))


def test_days_that_the_ledger_knows_otherwise_than_the_sidecar_are_named(built: Platform) -> None:
    execute(built, f"UPDATE file_days SET records = 71 WHERE day = '{DAYS[1]}'")
    shown = told(verify(built, AIR))
    assert any(line.startswith("ledger air/kaikai_csv/") and line.endswith("another days") for line in shown)


def test_a_published_row_and_a_published_hash_that_were_changed_are_named(built: Platform) -> None:
    change_warehouse(built, "UPDATE gold.air_alerts SET peak = peak + 1")
    change_warehouse(built, f"DELETE FROM gold.air_daily WHERE day = '{DAYS[0]}'")
    change_warehouse(built, f"INSERT INTO gold.air_daily FROM gold.air_daily WHERE day = '{DAYS[1]}'")
    shown = told(verify(built, AIR))
    assert [line.partition(" rows")[0] for line in shown] == [
        f"warehouse gold.air_daily {DAYS[0]}: the warehouse has 0",
        f"warehouse gold.air_daily {DAYS[1]}: the warehouse has 2",
        "warehouse gold.air_alerts: the warehouse has 2",
    ]
    built.settings.warehouse.unlink()
    built.publish(AIR) if built.runner(AIR).plan().pending else None
    assert told(verify(built, AIR)) == []
    change_warehouse(
        built, f"UPDATE meta.published SET output = 'lie' WHERE part = '{DAYS[2]}' AND table_name = 'gold/air_hourly'"
    )
    assert told(verify(built, AIR)) == [f"warehouse gold.air_hourly {DAYS[2]}: is published as hash lie"]


def test_pending_days_are_named_and_not_called_wrong(built: Platform) -> None:
    drop(built, "late.csv", HEADER + f"SENS001,{DAYS[1]}T03:02:30Z,500,25,50,500\n")
    built.land(AIR)
    found = verify(built, AIR)
    assert told(found) == []
    assert {part for table, part in found.pending if table == "silver/air_measurements"} == {DAYS[1]}
    assert found.tables["silver/air_measurements"].parts == 2
    assert ("warehouse/air", "") in found.pending
    assert not any(name.startswith("warehouse") for name in found.tables)


class Busy(Platform):
    """A platform on which a file lands, is built and published each time that a rebuild begins."""

    def sources(self, domain: Domain) -> Mapping[str, Source]:  # type: ignore[override]
        calls = self.__dict__.setdefault("calls", [])
        calls.append(domain.name)
        if len(calls) == 2:
            other = Platform(self.settings, self.domains)
            drop(other, "late.csv", HEADER + f"SENS001,{DAYS[1]}T03:02:30Z,500,25,50,500\n")
            assert build(other).failed == {}
            other.publish(domain)
        return super().sources(domain)


def test_a_file_that_lands_and_is_built_during_the_verification_does_not_make_it_fail(built: Platform) -> None:
    found = verify(Busy(built.settings, built.domains), AIR)
    assert told(found) == []
    # The NowCast of the next morning looks back at that day.
    assert {("gold/air_hourly", DAYS[1]), ("gold/air_hourly", DAYS[2])} <= found.meanwhile
    assert found.tables["gold/air_hourly"].parts == 1
    assert found.files == 4
    after = verify(again(built), AIR)
    assert (told(after), after.files, after.meanwhile) == ([], 5, set())


def test_of_a_file_that_was_put_into_raw_but_not_yet_noted_nothing_is_said(built: Platform, tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    late.write_text(HEADER + f"SENS001,{DAYS[1]}T03:02:30Z,500,25,50,500\n", encoding="utf-8")
    like = next(raw.sidecars(built.settings.raw))
    arriving = {"identity": "f" * 32, "sha256": fingerprint(late), "name": late.name, "arrival_seq": 9}
    raw.put(built.settings.raw, late, like.model_copy(update=arriving))
    found = verify(built, AIR)
    assert (told(found), found.files) == ([], 4)


def test_two_files_with_one_arrival_number_do_not_stop_it(built: Platform) -> None:
    sidecar = next(built.settings.raw.rglob(f"{DAYS[2]}.csv")).parent / "landed.json"
    landed = raw.Landed.model_validate_json(sidecar.read_bytes())
    raw.amend(built.settings.raw, landed.model_copy(update={"arrival_seq": 1}))
    execute(built, f"DELETE FROM files WHERE arrival_seq = {landed.arrival_seq}")
    assert any(line.startswith("ledger: 1 files of raw are not noted") for line in told(verify(built, AIR)))


def test_some_days_are_verified_with_what_they_are_made_of(built: Platform) -> None:
    (file,) = lake_files(built, "gold/air_daily", DAYS[1])
    rewrite(file, plus_one("pm25_mean"))
    day = date.fromisoformat(DAYS[1])
    (difference,) = verify(built, AIR, (day, day)).differences
    assert (difference.table, difference.part) == ("gold/air_daily", DAYS[1])
    clean = verify(built, AIR, (date.fromisoformat(DAYS[2]), date(2025, 12, 31)))
    assert clean.clean
    assert clean.files == 1
    assert clean.tables["gold/air_daily"].parts == 1
    assert "gold/air_alerts" not in clean.tables


def test_the_scratch_folder_is_removed_also_after_an_error(built: Platform) -> None:
    def interrupted() -> None:
        with rebuilt(built, AIR, raw.sidecars(built.settings.raw), None, TABLES, [], set()) as scratch:
            assert scratch.missing.keys() == {(AIR.warehouse, "")}
            raise KeyboardInterrupt

    before = set(built.settings.data.iterdir())
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert set(built.settings.data.iterdir()) == before


def test_the_command_prints_a_line_a_table_and_its_exit_tells_whether_all_is_right(built: Platform) -> None:
    done = kaikai(built.settings.data, "verify")
    assert done.returncode == 0, done.stderr
    assert "air: 4 files of raw" in done.stdout
    assert re.search("^  gold/air_daily +3 compared, 3 equal, 0 differing$", done.stdout, re.MULTILINE)
    (file,) = lake_files(built, "gold/air_daily", DAYS[1])
    rewrite(file, plus_one("pm25_mean"))
    drop(built, "new.csv", day_file("2025-03-05", hours=1))
    built.land(AIR)
    done = kaikai(built.settings.data, "verify", "air", "--days", f"{DAYS[1]}..2025-03-05")
    assert done.returncode == 1
    assert "gold/air_daily                 2 compared, 1 equal, 1 differing" in done.stdout
    assert "pending, not compared: 1 days (2025-03-05)" in done.stdout
    assert done.stderr.startswith(f"  gold/air_daily {DAYS[1]}: lake has 1 rows, hash ")
    assert done.stderr.endswith("Error: 1 differences\n")
    assert "days look like" in kaikai(built.settings.data, "verify", "--days", "March").stderr


def test_a_local_day_that_waits_for_its_utc_day_keeps_nothing_else_from_being_compared(platform: Platform) -> None:
    today = utc_now().date()
    drop(platform, "day.csv", day_file(today.isoformat(), hours=1))
    drop(
        platform,
        "kaikai_sensors/sensors.csv",
        "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone\n"
        "SENS001,Somewhere,Urban,20,80,2024-01-15,Asia/Kolkata\n",
    )
    build(platform, [today - timedelta(days=1), today])
    platform.publish(AIR)
    found = verify(platform, AIR)
    assert told(found) == []
    tomorrow = (today + timedelta(days=1)).isoformat()
    of_local_days = ("gold/air_daily", "gold/air_zone_daily", "gold/air_alert_days")
    assert found.pending == {(table, tomorrow) for table in of_local_days}
    assert "warehouse gold.air_hourly" in found.tables
