"""``kaikai trace`` as it prints."""

import os
import pty
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from kaikai_assets.cli.main import cli
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import build, drop
from kaikai_assets_tests.operations.test_trace import HEADER, deliver, hour, raw_file


def kaikai(platform: Platform, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"KAIKAI_DATA": str(platform.settings.data)})


def printed(platform: Platform, *arguments: str) -> list[str]:
    done = kaikai(platform, "trace", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.split("\n")


def raw_lines(lines: list[str]) -> list[str]:
    """Raw lines as they are printed behind unit, number and role."""
    found = (re.match(r"  line    \d+ +(?:leading|absorbed|rejected|header) *", line) for line in lines)
    return [match.string[match.end() :] for match in found if match]


def test_a_day_prints_its_row_its_hours_and_all_its_lines(platform: Platform) -> None:
    lines = [line for at in range(24) for line in hour(at=at)]
    deliver(platform, "day.csv", *lines)
    build(platform)
    shown = printed(platform, "gold/air_daily", "day=2025-03-01", "sensor_id=S1")
    assert shown[0] == "gold/air_daily"
    assert shown[1:3] == ["  day                      2025-03-01", "  sensor_id                S1"]
    assert "gold/air_hourly: 24 rows" in shown
    assert "silver/air_measurements: 288 rows" in shown
    assert "  ... and 263 more" in shown
    assert "raw: 288 records of 1 file: 288 leading, 0 absorbed, 0 rejected" in shown
    (file,) = platform.runner(platform.domains["air"]).state().files.values()
    at = shown.index(f"raw/{file.raw_file}")
    assert shown[at + 1] == f"  arrival 1, {file.arrived_at:%Y-%m-%d %H:%M:%S} UTC, source kaikai_csv"
    assert raw_lines(shown) == [HEADER, *lines]


def test_a_limit_bounds_every_list_and_says_what_is_left_out(platform: Platform) -> None:
    deliver(platform, "a.csv", *hour()[:5])
    deliver(platform, "b.csv", *hour()[5:])
    build(platform)
    shown = printed(platform, "gold/air_hourly", "sensor_id=S1", "--limit", "7")
    assert raw_lines(shown) == [HEADER, *hour()[:5], HEADER, *hour()[5:7]]
    # Of readings, of their flags, and of the records of the second file.
    assert shown.count("  ... and 5 more") == 3
    none = printed(platform, "gold/air_hourly", "sensor_id=S1", "--limit", "0")
    assert raw_lines(none) == []
    assert "raw: 12 records of 2 files: 12 leading, 0 absorbed, 0 rejected" in none


def test_a_column_marks_its_way_down(platform: Platform) -> None:
    deliver(platform, "a.csv", *hour()[:2], "S1,2025-03-01T10:20:00Z,,25,50,400")
    build(platform)
    shown = printed(platform, "gold/air_hourly", "sensor_id=S1", "--column", "pm25_mean")
    assert "  pm25_mean                22.5  <--" in shown
    assert "  day=2025-03-01  grain=instant  sensor_id=S1  time=2025-03-01T10:00:00Z  pm25=20.0" in shown
    assert raw_lines(shown) == [HEADER, *hour()[:2]]


def test_what_a_record_did_is_said_below_it(platform: Platform) -> None:
    deliver(platform, "a.csv", "S1,2025-03-01T10:00:00Z,10,25,50,x")
    deliver(
        platform,
        "b.csv",
        "S1,2025-03-01T10:00:00Z,12,25,,",
        "S1,2025-03-01T10:00:00Z,,25,,",
        "S1,2025-03-01T10:00Z,,,,",
    )
    build(platform)
    shown = printed(platform, "silver/air_measurements", "sensor_id=S1")
    remarks = [line.split("^ ")[1] for line in shown if "^ " in line]
    assert remarks == [
        "leads temperature, humidity; another record's pm25 stands; set aside: co2: not_a_number",
        "leads pm25; an earlier record says temperature",
        "duplicate: an earlier record says all this",
        "no_metric: no metric is filled",
    ]


def test_records_of_several_lines_and_strange_characters_are_printed_as_they_stand(platform: Platform) -> None:
    drop(platform, "a.csv", f'{HEADER},note\r\nS1,2025-03-01T10:00:00Z,1,,,,"a\n\x1b[31m""b"\r\n')
    build(platform)
    shown = printed(platform, "silver/air_measurements", "day=2025-03-01")
    at = shown.index('  line    2       leading   S1,2025-03-01T10:00:00Z,1,,,,"a')
    assert shown[at + 1] == '  line    3                 \x1b[31m""b"'


def test_a_terminal_is_shown_the_escapes_of_a_raw_line_and_not_commanded_by_them(platform: Platform) -> None:
    deliver(platform, "a.csv", "S1,2025-03-01T10:00:00Z,1,,,,é\x1b[2J", header=f"{HEADER},note")
    build(platform)
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "kaikai_assets.cli", "trace", "silver/air_measurements", "day=2025-03-01"]
    environment = {**os.environ, "KAIKAI_DATA": str(platform.settings.data)}
    subprocess.run(command, stdout=end, stdin=subprocess.DEVNULL, env=environment, check=True)
    os.close(end)
    with os.fdopen(terminal, "rb", buffering=0) as opened:
        seen = opened.read(1 << 16).decode()
    assert "S1,2025-03-01T10:00:00Z,1,,,,é\\x1b[2J" in seen
    assert "\x1b" not in seen


def test_a_file_that_is_gone_is_said_among_those_that_are_there(platform: Platform) -> None:
    deliver(platform, "a.csv", hour()[0])
    deliver(platform, "b.csv", hour()[1])
    build(platform)
    raw_file(platform, "a.csv").unlink()
    shown = printed(platform, "gold/air_hourly", "sensor_id=S1")
    at = shown.index("  ! the file is gone: its records cannot be shown")
    assert shown[at + 1] == "  line    2       leading"
    assert raw_lines(shown)[-1] == hour()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gold/air_hourly", "S1"], "'S1' is not column=value"),
        (["gold/air_hourly", "sensor=S1"], "Error: gold/air_hourly has no column 'sensor'"),
        (["gold/air_hourly", "sensor_id=S2"], "Error: gold/air_hourly has no row with sensor_id=S2"),
        (["gold/air_hours", "sensor_id=S2"], "Error: no table 'gold/air_hours'"),
        (["gold/air_hourly"], "Missing argument 'KEY...'"),
    ],
)
def test_a_wrong_request_is_answered_in_words(platform: Platform, arguments: list[str], message: str) -> None:
    deliver(platform, "a.csv", *hour())
    build(platform)
    done = kaikai(platform, "trace", *arguments)
    assert done.exit_code != 0
    assert message in done.output
