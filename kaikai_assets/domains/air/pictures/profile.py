"""The hours of a day, one small panel for each sensor."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kaikai_assets.domains.air.indices import Segment
from kaikai_assets.domains.air.pictures.figures import GREY, colour, label, literally

_COLUMNS = 4
_LEAST_TOP = 40.0
_FAR = 3.0
"""A peak beyond this many times the 95th percentile is drawn at the edge, so that it does not flatten all else."""
_NEAR = 1.5
"""Then the edge is at this many times the 95th percentile."""


def profile(
    hours: pl.DataFrame,
    segments: Sequence[Segment],
    complete: float,
    names: Mapping[str, str] | None = None,
    most: int = 12,
) -> Figure:
    """Hourly means of PM2.5 by sensor, on the colours of the AQI categories.

    ``hours``: ``sensor_id, elapsed`` (hours since the day began), ``pm25_mean`` (µg/m³), ``completeness``. Hours below
    ``complete`` are hollow; missing ones interrupt the line. Shown are the ``most`` sensors with the highest mean.
    """
    known = hours.drop_nulls("pm25_mean").sort("sensor_id", "elapsed")
    ranked = known.group_by("sensor_id").agg(pl.col("pm25_mean").mean()).sort(-pl.col("pm25_mean"), "sensor_id")
    shown = sorted(ranked["sensor_id"].head(most))
    rows = max(1, -(-len(shown) // _COLUMNS))
    figure = Figure(figsize=(9.6, 0.5 + 1.65 * rows), layout="constrained")
    if not shown:
        figure.text(0.5, 0.5, "No hour with PM2.5", ha="center", va="center", color=GREY)
        return figure
    values = known.filter(pl.col("sensor_id").is_in(shown))["pm25_mean"]
    top = _top(values)
    panels = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for panel, sensor in zip(panels.flat, shown, strict=False):
        _shade(panel, segments, top)
        _line(panel, known.filter(sensor_id=sensor), complete, top)
        title = panel.set_title(label((names or {}).get(sensor, sensor)), fontsize=8.5, loc="left", pad=3)
        literally([title])
    for n, panel in enumerate(panels.flat):
        panel.set_visible(n < len(shown))
        panel.tick_params(labelbottom=n >= len(shown) - _COLUMNS)
    panels[0, 0].set(xlim=(-0.7, 24.4), ylim=(0, top), xticks=(0, 6, 12, 18, 24))
    figure.supylabel("PM2.5, µg/m³", fontsize=8)
    rest = ranked.height - len(shown)
    more = f"; the {len(shown)} highest of {ranked.height} sensors" if rest else ""
    figure.supxlabel(f"hours since the day began{more}", fontsize=8)
    return figure


def _top(values: pl.Series) -> float:
    ordered: list[float] = sorted(values)
    highest, usual = ordered[-1], ordered[int(0.95 * (len(ordered) - 1))]
    return 1.08 * max(_LEAST_TOP, highest if highest <= _FAR * usual else _NEAR * usual)


def _shade(panel: Axes, segments: Sequence[Segment], top: float) -> None:
    ends = [*(segment.low for segment in segments[1:]), top]
    for segment, end in zip(segments, ends, strict=True):
        if segment.low < top:
            panel.axhspan(segment.low, min(end, top), color=colour(segment.category), alpha=0.22, lw=0)
            panel.axhline(segment.low, color=GREY, lw=0.3)


def _line(panel: Axes, hours: pl.DataFrame, complete: float, top: float) -> None:
    every = pl.DataFrame({"elapsed": pl.Series(range(25), dtype=pl.Float64)})
    values = every.join(hours.with_columns(pl.col("elapsed").cast(pl.Float64)), on="elapsed", how="left")
    inside = values.with_columns(pl.col("pm25_mean").clip(upper_bound=top))
    panel.plot(inside["elapsed"], inside["pm25_mean"], color="black", lw=1.1)
    for full, face in ((True, "black"), (False, "white")):
        some = inside.filter((pl.col("completeness") >= complete) == full)
        panel.plot(some["elapsed"], some["pm25_mean"], "o", ms=2.6, mfc=face, mec="black", mew=0.7, lw=0)
    for at, value in values.filter(pl.col("pm25_mean") > top).select("elapsed", "pm25_mean").iter_rows():
        panel.plot([at], [0.96 * top], "^", color="black", ms=5)
        panel.text(at, 0.96 * top, f"  {value:.0f}  ", fontsize=7, ha="right" if at > 12 else "left", va="center")
    panel.tick_params(labelsize=7, length=2)
    panel.spines[["top", "right"]].set_visible(False)
