"""Pictures of air days, looked at as what stands in the SVG."""

import io
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from xml.etree import ElementTree

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from PIL import Image

from kaikai_assets.domains.air.configuration import indices
from kaikai_assets.domains.air.pictures.figures import colour, png, svg
from kaikai_assets.domains.air.pictures.grids import calendar, coverage
from kaikai_assets.domains.air.pictures.profile import profile

SEGMENTS = indices().aqi.segments
LAST = date(2025, 3, 14)
SVG = "{http://www.w3.org/2000/svg}"


def texts(figure: Figure) -> list[str]:
    """Texts of a figure in the order in which it draws them."""
    root = ElementTree.fromstring(svg(figure))
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]


def hours(values: Mapping[str, Sequence[float | None]], completeness: float = 1.0) -> pl.DataFrame:
    rows = [(s, n, value, completeness) for s, of_day in values.items() for n, value in enumerate(of_day)]
    schema = {"sensor_id": pl.String, "elapsed": pl.Int64, "pm25_mean": pl.Float64, "completeness": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def days(*rows: tuple[int, str, int | None, str | None]) -> pl.DataFrame:
    """Days before the last one, sensor, AQI and category."""
    schema = {"ago": pl.Int64, "sensor_id": pl.String, "pm25_aqi": pl.Int64, "pm25_aqi_category": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(day=pl.lit(LAST) - pl.duration(days="ago")).drop("ago")


def shares(*values: float) -> pl.DataFrame:
    of_days = [LAST - timedelta(days=n) for n in range(len(values))]
    return pl.DataFrame({"sensor_id": "S1", "day": of_days, "share": values})


def test_the_same_rows_in_any_order_give_the_same_bytes() -> None:
    rows = hours({"S1": [5.0, 12.0, 40.0], "S2": [8.0, None, 3.0]})
    one, other = (svg(profile(frame, SEGMENTS, 0.75)) for frame in (rows, rows.reverse()))
    assert one == other
    grid = days((0, "S1", 63, "Moderate"), (1, "S2", None, None), (3, "S1", 20, "Good"))
    assert svg(calendar(grid, LAST, 7)) == svg(calendar(grid.reverse(), LAST, 7))


def test_names_are_shown_literally_and_cut_where_they_are_long() -> None:
    names = {"S1": "Cost $x^2$ <b>&", "S2": "A school with a name that is much longer than a panel", "S3": "a\x00b\nc"}
    drawn = texts(profile(hours({sensor: [10.0] for sensor in names}), SEGMENTS, 0.75, names))
    assert {"Cost $x^2$ <b>&", "A school with a name that…", "a b c"} <= set(drawn)


def test_a_peak_beyond_the_picture_is_written_beside_its_mark() -> None:
    drawn = texts(profile(hours({"S1": [10.0] * 23 + [3340.0], "S2": [20.0] * 24}), SEGMENTS, 0.75))
    assert "3340" in drawn


def test_of_many_sensors_the_highest_are_shown_and_the_rest_is_counted() -> None:
    drawn = texts(profile(hours({f"S{n:02}": [float(n)] for n in range(14)}), SEGMENTS, 0.75))
    assert [text for text in drawn if text.startswith("S")] == [f"S{n:02}" for n in range(2, 14)]
    assert "hours since the day began; the 12 highest of 14 sensors" in drawn
    grid = days(*((0, f"S{n:02}", n, "Good") for n in range(40)), (0, "S99", None, None))
    shown = [text for text in texts(calendar(grid, LAST, 7)) if text.startswith("S")]
    assert shown == [f"S{n}" for n in range(10, 40)]


def test_of_many_sensors_those_with_the_least_coverage_are_shown_and_the_rest_is_counted() -> None:
    names = [f"S{n:02}" for n in range(40)]
    drawn = texts(
        coverage(pl.DataFrame({"sensor_id": names, "day": LAST, "share": [n / 40 for n in range(40)]}), LAST, 7, 0.75)
    )
    assert [text for text in drawn if text.startswith("S")] == names[:30]
    assert any(text.endswith("; the 30 lowest of 40 sensors") for text in drawn)


def test_hours_and_days_without_rows_say_so() -> None:
    assert texts(profile(hours({}), SEGMENTS, 0.75)) == ["No hour with PM2.5"]
    assert texts(profile(hours({"S1": [None]}), SEGMENTS, 0.75)) == ["No hour with PM2.5"]
    assert "No data in these days" in texts(calendar(days(), LAST, 7))


def test_the_calendar_writes_the_index_of_complete_days_and_a_dash_for_others() -> None:
    grid = days((0, "S1", 163, "Unhealthy"), (1, "S1", None, None), (7, "S1", 20, "Good"))
    drawn = texts(calendar(grid, LAST, 7))
    assert [text for text in drawn if text in ("163", "–", "20")] == ["–", "163"]
    assert b"#ff0000" in svg(calendar(grid, LAST, 7))


def test_a_category_of_another_table_is_written_on_white() -> None:
    assert "77" in texts(calendar(days((0, "S1", 77, "Fair")), LAST, 7))


def test_coverage_cuts_percent_rather_than_rounding_up_to_complete() -> None:
    drawn = texts(coverage(shares(0.7499, 0.75, 0.29, 1.0), LAST, 7, 0.75))
    assert [text for text in drawn if text.isdigit()] == ["100", "29", "75", "74"]


def test_a_picture_for_the_event_log_is_small() -> None:
    rows = hours({f"S{n:02}": [float((n * h) % 97) for h in range(24)] for n in range(30)})
    drawn = png(profile(rows, SEGMENTS, 0.75))
    assert drawn.startswith(b"\x89PNG")
    grid = days(*((ago, f"S{n:02}", ago * n, "Good") for n in range(40) for ago in range(30)))
    assert max(len(drawn), len(png(calendar(grid, LAST, 30)))) < 60_000


def test_neither_the_command_line_nor_the_definitions_import_matplotlib() -> None:
    code = "import sys, kaikai_assets.cli, kaikai_assets.definitions; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_palette_of_a_small_picture_keeps_the_colours_of_categories_apart() -> None:
    grid = days(*((n, "S1", 10 * n, segment.category) for n, segment in enumerate(SEGMENTS)), (9, "S2", 5, "Good"))
    with Image.open(io.BytesIO(png(calendar(grid, LAST, 30)))) as image:
        seen = np.array(image.convert("RGB")).reshape(-1, 3).astype(int)
    for segment in SEGMENTS:
        wanted = np.array([int(colour(segment.category)[n : n + 2], 16) for n in (1, 3, 5)])
        near = (np.abs(seen - wanted).max(axis=1) <= 8).sum()
        assert near > 50, segment.category
