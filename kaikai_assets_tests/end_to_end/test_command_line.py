"""``kaikai`` in a real shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file
from kaikai_assets_tests.warehouse.reader import Reader


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def kaikai(root: Path, *arguments: str, settle_s: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {"KAIKAI_DATA": str(root), "KAIKAI_SETTLE_S": settle_s}
    command = [sys.executable, "-m", "kaikai_assets.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def put(root: Path, name: str, content: str) -> None:
    path = root / "inbox" / "air" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_the_demo_prints_days_and_alerts_that_the_warehouse_holds_and_a_ledger_that_adds_up(root: Path) -> None:
    done = kaikai(root, "demo", settle_s="2")
    assert done.returncode == 0, done.stderr
    assert "2025-03-14 ┆ SENS005" in done.stdout
    accounts = done.stdout.strip().splitlines()[-2:]
    assert [line.partition(":")[0] for line in accounts] == ["air", "vitals"]
    for line in accounts:
        records, silver, absorbed, rejected = map(int, re.findall(r"\d+", line))
        assert records == silver + absorbed + rejected > 0
    with duckdb.connect(str(root / "warehouse" / "kaikai.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM gold.air_daily").fetchall() == [(14 * 5,)]
        days_long = "SELECT count(DISTINCT sensor_id) FROM gold.air_alerts WHERE rule LIKE '%hourly%' AND n >= 24"
        assert connection.sql(days_long).fetchall() == [(5,)]
        assert connection.sql("SELECT count(DISTINCT patient_id) FROM gold.vitals_critical_alerts").fetchall() == [(3,)]
    again = kaikai(root, "demo")
    assert again.returncode == 0
    assert "0 files landed" in again.stdout
    assert again.stdout.strip().splitlines()[-2:] == accounts


def test_build_lands_materializes_and_status_tells_where_the_records_went(root: Path) -> None:
    put(root, "day.csv", day_file("2025-03-01") + "SENS001,2025-03-01T00:00:00Z,20.0,25,50,500\nSENS001,no time,1,,,\n")
    put(root, "odd.csv", "x,y\n1,2\n")
    done = kaikai(root, "build")
    assert done.returncode == 0, done.stderr
    assert "1 files landed (290 records), 0 redelivered, 1 rejected" in done.stdout
    assert "rejected 'odd.csv': header fits no source" in done.stderr
    status = kaikai(root, "status")
    assert "air: 2 days landed, 2 built, 0 pending, 0 broken" in status.stdout
    assert "2025-03-01  built     records 289  leading 288  absorbed 1  rejected 0" in status.stdout


@pytest.mark.parametrize(
    ("good", "counts"),
    [
        ("2025-03-01", "1 built, 1 pending, 0 broken"),
        # The flags of its last readings wait for the day after, what is made of them does not.
        ("2025-03-04", "0 built, 2 pending, 0 broken"),
    ],
)
def test_a_day_that_cannot_be_built_is_named_in_one_line_and_the_exit_is_not_zero(
    root: Path, good: str, counts: str
) -> None:
    put(root, "good.csv", day_file(good))
    put(root, "lost.csv", HEADER + "SENS001,2025-03-05T00:00:00Z,1,,,\n")
    assert kaikai(root, "land").returncode == 0
    next((root / "raw").rglob("lost.csv")).unlink()
    done = kaikai(root, "build")
    assert done.returncode == 1
    assert "bronze/air_measurements 2025-03-05: FileNotFoundError" in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "Error: 1 targets could not be built"
    status = kaikai(root, "status").stdout
    assert counts in status
    assert "  failed bronze/air_measurements 2025-03-05: FileNotFoundError" in status
    failed = next(line for line in kaikai(root, "runs").stdout.splitlines() if "FAILURE" in line)
    assert f"air_job  {good}…2025-03-05" in failed
    assert "lost.csv" in failed


def test_a_wrong_source_description_is_one_clear_line(root: Path) -> None:
    folder = root / "sources" / "air"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("source: mine\nformat: csvv\n", encoding="utf-8")
    done = kaikai(root, "land")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "mine.yaml: format: Input should be 'csv'" in line


def test_simulate_writes_files_and_their_truth(root: Path) -> None:
    done = kaikai(root, "simulate", "air", "--days", "2", "--sensors", "2", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert len(list((root / "inbox" / "air" / "kaikai_csv").glob("*.csv"))) >= 2
    assert (root / "truth" / "air.csv").read_text(encoding="utf-8").startswith("kind,file,line")


def test_simulate_writes_faults_of_devices_when_asked(root: Path) -> None:
    done = kaikai(root, "simulate", "air", "--days", "9", "--faults")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(", 16 faults\n")
    faults = (root / "truth" / "air_faults.csv").read_text(encoding="utf-8").splitlines()
    assert faults[0] == "kind,sensor_id,start,end,metric,size"
    assert len(faults) == 17


def test_a_report_is_one_file_of_the_published_day(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    early = kaikai(root, "report", "air", "--day", "2025-03-01", "--out", str(page))
    assert (early.returncode, page.exists()) == (1, False)
    assert early.stderr.strip() == "Error: nothing is published yet: `kaikai build` does it"
    put(root, "day.csv", day_file("2025-03-01"))
    assert kaikai(root, "build").returncode == 0
    done = kaikai(root, "report", "air", "--day", "2025-03-01", "--out", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"air: report of 2025-03-01 in {page}\n"
    html = page.read_text(encoding="utf-8")
    assert "SENS001" in html
    assert "There are no readings" not in html
    assert kaikai(root, "report", "air", "--day", "2025-04-01", "--out", str(page)).returncode == 0
    assert "There are no readings of PM2.5 for 2025-04-01." in page.read_text(encoding="utf-8")
    page.unlink()
    warehouse = root / "warehouse" / "kaikai.duckdb"
    warehouse.chmod(0o644)
    with Reader(warehouse, read_only=False):
        held = kaikai(root, "report", "air", "--day", "2025-03-01", "--out", str(page))
    warehouse.write_bytes(b"damaged")
    damaged = kaikai(root, "report", "air", "--day", "2025-03-01", "--out", str(page))
    for refused in (held, damaged):
        assert (refused.returncode, page.exists()) == (1, False)
        assert refused.stderr.startswith(f"Error: {warehouse} ")
        assert "Traceback" not in refused.stderr
