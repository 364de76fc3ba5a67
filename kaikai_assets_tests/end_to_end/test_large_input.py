"""Input that is huge or much: bombs, a line of a gigabyte, thousands of files; in real processes, with their memory."""

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.bad_files import HEADER, describe_sources, row
from kaikai_assets_tests.end_to_end.bad_forms import parquet, workbook
from kaikai_assets_tests.end_to_end.product import build, drop, outputs, table

GIB = 1 << 30
# A process that only imports the platform has about 300 MiB.
MOST = 900 << 20

LANDING = """
import json, sys
from pathlib import Path
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.settings import Settings
settings = Settings(data=Path(sys.argv[1]), settle_s=0, tick_s=600, **json.loads(sys.argv[3]))
report = build_platform(settings).land(AIR, tick=sys.argv[2] == "tick")
# Not ru_maxrss: that one counts the process this one was started by.
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({
    "landed": {landed.name: landed.records for landed in report.landed},
    "rejected": dict(report.rejected),
    "left": dict(report.left),
    "peak": int(peak) * 1024,
}))
"""


def land_elsewhere(settings: Settings, kind: str, **changes: int) -> dict[str, object]:
    """What a process of its own landed, and its peak of memory in bytes."""
    command = [sys.executable, "-c", LANDING, str(settings.data), kind, json.dumps(changes)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    print(f"{kind}: {said['peak'] >> 20} MiB at most")
    return dict(said)


def bombs() -> dict[str, bytes]:
    """Small files that stand for a lot."""
    rows = (row() * 50_000).encode()
    packed = io.BytesIO()
    with gzip.open(packed, "wb", compresslevel=1) as file:
        file.write(HEADER.encode())
        for _ in range(100):
            file.write(rows)
    dictionary = pa.DictionaryArray.from_arrays(pa.nulls(20_000_000, pa.int8()).fill_null(0), ["x" * 100])
    many = pa.table({"sensor": dictionary, "when": dictionary, "pm25": dictionary})
    table = io.BytesIO()
    pq.write_table(many, table, compression="zstd")
    book = io.BytesIO(workbook(1, lambda _book, sheet: sheet.write(1, 2, 12.5)))
    with zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED) as parts, parts.open("xl/media/big.png", "w") as part:
        for _ in range(200):
            part.write(bytes(1 << 20))
    return {"csv.csv.gz": packed.getvalue(), "rows.parquet": table.getvalue(), "book.xlsx": book.getvalue()}


@pytest.mark.slow
def test_a_small_file_that_stands_for_a_lot_waits_for_a_run_and_is_refused_there_beyond_the_limit(
    platform: Platform,
) -> None:
    describe_sources(platform.settings.data / "sources" / "air")
    dropped = bombs()
    for name, content in dropped.items():
        assert len(content) < 4 << 20
        drop(platform, name, content)
    drop(platform, "good.csv", HEADER + row())
    drop(platform, "good.parquet", parquet())
    first = land_elsewhere(platform.settings, "tick")
    assert first["landed"] == {"good.csv": 1, "good.parquet": 1}
    assert first["left"] == dict.fromkeys(dropped, "large: landed by the next run")
    assert first["rejected"] == {}
    limit = 150 << 20
    then = land_elsewhere(platform.settings, "run", max_unpacked_bytes=limit)
    assert then["rejected"] == dict.fromkeys(dropped, f"too large: more than {limit} bytes when unpacked")
    assert isinstance(first["peak"], int)
    assert first["peak"] < MOST


def sparse(path: Path, start: str, end: str) -> None:
    """A file with a gigabyte of zero bytes in it that takes no room."""
    with path.open("wb") as file:
        file.write(start.encode())
        file.seek(GIB, os.SEEK_CUR)
        file.write(end.encode())


@pytest.mark.slow
def test_a_line_of_a_gigabyte_is_refused_with_its_number_and_in_little_memory(platform: Platform) -> None:
    describe_sources(platform.settings.data / "sources" / "air")
    inbox = drop(platform, "good.csv", HEADER + row()).parent
    sparse(inbox / "header.csv", "", "\n")
    sparse(inbox / "third.csv", HEADER + row(), "\n" + row("10:05"))
    sparse(inbox / "lines.ndjson", "{}\n", "\n")
    (inbox / "packed.csv.gz").write_bytes(gzip.compress((HEADER + row()).encode() + bytes(GIB >> 2), 1))
    first = land_elsewhere(platform.settings, "tick")
    assert first["landed"] == {"good.csv": 1}
    large = dict.fromkeys(("header.csv", "third.csv", "lines.ndjson"), "large: landed by the next run")
    long = {"packed.csv.gz": "line 3 is longer than 16777216 bytes"}
    assert (first["left"], first["rejected"]) == (large, long)
    then = land_elsewhere(platform.settings, "run")
    assert then["rejected"] == {
        "header.csv": "line 1 is longer than 16777216 bytes",
        "third.csv": "line 3 is longer than 16777216 bytes",
        "lines.ndjson": "line 2 is longer than 16777216 bytes",
    }
    assert then["left"] == {}
    for said in (first, then):
        assert isinstance(said["peak"], int)
        assert said["peak"] < MOST


@pytest.mark.slow
@pytest.mark.parametrize("number", [2_000])
def test_thousands_of_tiny_files_at_once_make_the_tables_of_one_large_file(
    platform: Platform, tmp_path: Path, number: int
) -> None:
    rows = [f"S{n // 40_320},2025-02-{1 + n % 28:02}T{n // 28 % 24:02}:{n // 672 % 60:02}:00Z,{n % 50},25,50,500\n"
            for n in range(number)]  # fmt: skip
    for n, line in enumerate(rows):
        drop(platform, f"{n:05}.csv", HEADER + line)
    report = platform.land(AIR)
    assert (len(report.landed), report.rejected, report.left) == (number, [], [])
    assert build(platform).failed == {}
    assert table(platform, "silver/air_measurements").height == number
    other = Platform(platform.settings.model_copy(update={"data": tmp_path / "other"}), platform.domains)
    drop(other, "all.csv", HEADER + "".join(rows))
    build(other)
    assert outputs(other) == outputs(platform)
