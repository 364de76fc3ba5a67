"""Sensors by days: the AQI of each day, and how much of it is there."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from kaikai_assets.domains.air.pictures.figures import GREY, PALE, WHITE, colour, is_dark, label, literally

_BLUES = ("#ffffff", "#deebf7", "#9ecae1", "#4292c6", "#08519c")
"""Five steps of one hue, also distinct in grey (ColorBrewer, Blues)."""

Cell = tuple[str, str, bool]
"""Text, colour, and whether it is hatched."""


def calendar(
    days: pl.DataFrame, last: date, length: int, names: Mapping[str, str] | None = None, most: int = 30
) -> Figure:
    """The AQI of each sensor and day, the newest ``length`` days up to ``last``.

    ``days``: ``day, sensor_id, pm25_aqi, pm25_aqi_category``; the AQI is null where the day is incomplete.
    """

    def cell(row: Mapping[str, Any]) -> Cell:
        if row["pm25_aqi"] is None:
            return "–", WHITE, True
        return f"{row['pm25_aqi']:.0f}", colour(row["pm25_aqi_category"]), False

    caption = "AQI of PM2.5; hatched: incomplete, no AQI; grey: no data"
    return _grid(days, last, length, names or {}, most, cell, caption, -pl.col("pm25_aqi").max(), "highest")


def coverage(
    days: pl.DataFrame, last: date, length: int, complete: float, names: Mapping[str, str] | None = None, most: int = 30
) -> Figure:
    """The share of each sensor and day that is there, in percent: ``days`` has ``day, sensor_id, share``."""

    def cell(row: Mapping[str, Any]) -> Cell:
        if row["share"] is None:
            return "", PALE, False
        # 74.6 % is not 75 %.
        shown = int(100 * row["share"] + 1e-6)
        return str(shown), _BLUES[min(shown // 20, 4)], row["share"] < complete

    caption = f"percent of what is expected; hatched: below {complete:.0%}; grey: no data"
    return _grid(days, last, length, names or {}, most, cell, caption, pl.col("share").mean(), "lowest")


def _grid(
    days: pl.DataFrame,
    last: date,
    length: int,
    names: Mapping[str, str],
    most: int,
    cell: Callable[[Mapping[str, Any]], Cell],
    caption: str,
    order: pl.Expr,
    chosen: str,
) -> Figure:
    """Cells by sensor and day; where there are too many sensors, the first ``most`` by ``order``, called ``chosen``."""
    first = last - timedelta(days=length - 1)
    known = days.filter(pl.col("day").is_between(first, last))
    ranked = known.group_by("sensor_id").agg(order.alias("order")).sort("order", "sensor_id", nulls_last=True)
    shown = sorted(ranked["sensor_id"].head(most))
    at = {sensor: row for row, sensor in enumerate(shown)}
    figure = Figure(figsize=(9.6, 0.75 + 0.24 * max(len(shown), 1)), layout="constrained")
    if not shown:
        figure.text(0.5, 0.5, "No data in these days", ha="center", va="center", color=GREY)
        return figure
    axes = figure.subplots()
    plain, doubtful = list[tuple[int, int, str]](), list[tuple[int, int, str]]()
    for row in known.filter(pl.col("sensor_id").is_in(shown)).sort("day", "sensor_id").iter_rows(named=True):
        x, y = (row["day"] - first).days, at[row["sensor_id"]]
        text, face, hatched = cell(row)
        (doubtful if hatched else plain).append((x, y, face))
        ink = "white" if is_dark(face) else "black"
        box = {"facecolor": face, "edgecolor": "none", "pad": 0.6} if hatched else None
        # Within its cell, so that the layout need not measure it.
        axes.text(x + 0.5, y + 0.53, text, ha="center", va="center", fontsize=6, color=ink, bbox=box, in_layout=False)
    # Many times faster than as many single patches.
    for cells, edge, hatch in ((plain, "white", None), (doubtful, GREY, "////")):
        corners = [[(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)] for x, y, _ in cells]
        faces = [face for _, _, face in cells]
        axes.add_collection(
            PolyCollection(corners, facecolors=faces, edgecolors=edge, linewidths=0.4, hatch=hatch), autolim=False
        )
    axes.set(xlim=(0, length), ylim=(len(shown), 0), facecolor="#d9d9d9")
    axes.set_yticks([y + 0.5 for y in range(len(shown))], [label(names.get(s, s)) for s in shown], fontsize=7.5)
    literally(axes.get_yticklabels())
    weeks = [day for day in (first + timedelta(days=n) for n in range(length)) if (last - day).days % 7 == 0]
    axes.set_xticks([(day - first).days + 0.5 for day in weeks], [f"{day:%d %b}" for day in weeks], fontsize=7.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    rest = f"; the {len(shown)} {chosen} of {ranked.height} sensors" if ranked.height > len(shown) else ""
    figure.supxlabel(caption + rest, fontsize=7.5)
    return figure
