"""Bad input, kind by kind: a tick of the real sensor, then a build; each kind has its answer and harms nothing else."""

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import create_engine, text

from kaikai_assets.definitions import build_defs, build_platform
from kaikai_assets.orchestration.direct import QUIET
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.bad_files import Aside, Content, Reading, describe_sources
from kaikai_assets_tests.end_to_end.bad_forms import CASES
from kaikai_assets_tests.end_to_end.product import build, drop, table
from kaikai_assets_tests.end_to_end.test_dagster import tick
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file

# Of the day of most cases, so that whatever spoils the day would spoil this file too.
GOOD = day_file("2025-03-05", sensor="GOOD", hours=1)
GOOD_RECORDS = 12


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def defs(platform: Platform) -> dg.Definitions:
    describe_sources(platform.settings.data / "sources" / "air")
    return build_defs(platform.settings)


def put(platform: Platform, files: Mapping[str, Content]) -> None:
    """Put files into the inbox, and a good one after them."""
    for name, content in files.items():
        if callable(content):
            path = platform.settings.inbox / "air" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content(path)
        else:
            drop(platform, name, content)
    drop(platform, "good.csv", GOOD)


def landed(platform: Platform) -> dict[str, int]:
    """Records by name in raw, as the ledger has them by day."""
    names = {seq: Path(file["raw_file"]).name for seq, file in platform.ledger.landed.files("air").items()}
    found = dict.fromkeys(names.values(), 0)
    for _day, seq, records in platform.ledger.landed.file_days("air"):
        found[names[seq]] += records
    return found


def rejected(platform: Platform) -> dict[str, str]:
    """Reasons by name, of which the ledger knows the same."""
    paths = platform.settings.rejected.glob("air/*/reason.json")
    reasons = {content["name"]: content["reason"] for content in (json.loads(path.read_text()) for path in paths)}
    assert sorted(noted(platform, "SELECT name, reason FROM rejections")) == sorted(reasons.items())
    return reasons


def noted(platform: Platform, query: str) -> list[tuple[str, ...]]:
    engine = create_engine(platform.settings.ledger_uri)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def waiting(platform: Platform) -> set[str]:
    """What is left in the inbox and is no folder."""
    inbox = platform.settings.inbox / "air"
    return {str(Path(folder, name).relative_to(inbox)) for folder, _, names in os.walk(inbox) for name in names}


def good(platform: Platform) -> int:
    """Rows of the good file."""
    return table(platform, "silver/air_measurements").filter(pl.col("sensor_id") == "GOOD").height


def silver(platform: Platform) -> list[Reading]:
    rows = table(platform, "silver/air_measurements").filter(pl.col("sensor_id") != "GOOD")
    shown = rows.select("sensor_id", pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"), "pm25")
    return sorted(shown.iter_rows(), key=str)


def aside(platform: Platform) -> list[Aside]:
    rows = table(platform, "silver/air_quarantine").select("record", "column", "raw_value", "rule", "reason")
    return sorted(rows.iter_rows(), key=str)


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_has_its_answer_and_the_rest_of_the_tick_is_unharmed(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance, kind: str
) -> None:
    case = CASES[kind]
    put(platform, case.files)
    tick(defs, instance)
    assert landed(platform) == {**case.landed, "good.csv": GOOD_RECORDS}
    assert rejected(platform) == dict(case.rejected)
    assert [name for (name,) in noted(platform, "SELECT name FROM redeliveries")] == list(case.redelivered)
    assert waiting(platform) == set(case.stays)
    for name in case.rejected:
        (kept,) = (path for path in platform.settings.rejected.glob("air/*/*") if path.name == Path(name).name)
        content = case.files[name]
        if not callable(content):
            assert kept.read_bytes() == (content.encode() if isinstance(content, str) else content)
        else:
            assert not stat.S_ISREG(kept.lstat().st_mode)

    assert build(platform).failed == {}
    assert silver(platform) == sorted(case.silver, key=str)
    assert aside(platform) == sorted(case.aside, key=str)
    assert good(platform) == GOOD_RECORDS
    accounts = platform.ledger.targets.accounts("air")
    total = Counter[str]()
    for account in accounts:
        assert account.records == account.leading + account.absorbed + account.rejected
        total.update(
            records=account.records, leading=account.leading, absorbed=account.absorbed, rejected=account.rejected
        )
    assert total["records"] == sum(case.landed.values()) + GOOD_RECORDS
    assert total["leading"] == len(case.silver) + GOOD_RECORDS
    assert total["absorbed"] == case.absorbed
    assert total["rejected"] == sum(column is None for _, column, *_ in case.aside)
    # Nothing of it comes again.
    tick(defs, instance)
    assert landed(platform) == {**case.landed, "good.csv": GOOD_RECORDS}
    assert build(platform).targets == set()


def test_all_kinds_at_once_are_one_tick_and_one_run(settings: Settings, instance: dg.DagsterInstance) -> None:
    patient = settings.model_copy(update={"tick_s": 600.0})
    platform = build_platform(patient)
    describe_sources(patient.data / "sources" / "air")
    defs = build_defs(patient)
    reasons: dict[str, str] = {}
    files = 0
    for number, case in enumerate(CASES.values()):
        # The first folder may name a source.
        places = {name: re.sub(r"^(thies/|kaikai_csv/|)", rf"\g<1>{number:03}/", name) for name in case.files}
        put(platform, {places[name]: content for name, content in case.files.items()})
        reasons |= {places[name]: reason for name, reason in case.rejected.items()}
        files += len(case.landed) + len(case.redelivered)
    result = tick(defs, instance)
    assert rejected(platform) == reasons
    # Several kinds hold the same bytes.
    redelivered = len(noted(platform, "SELECT name FROM redeliveries"))
    assert len(platform.ledger.landed.files("air")) + redelivered == files + 1
    assert len(waiting(platform)) == sum(len(case.stays) for case in CASES.values())
    assert isinstance(result, dg.SensorResult)
    for request in result.run_requests or []:
        job = defs.resolve_job_def(request.job_name or "")
        config = {**request.run_config, "loggers": QUIET}
        assert job.execute_in_process(instance=instance, tags=request.tags, run_config=config).success
    assert build(platform).failed == {}
    assert good(platform) == GOOD_RECORDS
    records = sum(records for _, _, records in platform.ledger.landed.file_days("air"))
    assert sum(account.records for account in platform.ledger.targets.accounts("air")) == records
