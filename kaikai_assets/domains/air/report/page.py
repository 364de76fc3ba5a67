"""The report of a day as HTML."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.build.steps import Inputs
from kaikai_assets.domains.air.correction import Corrections
from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.domains.air.pictures.figures import svg
from kaikai_assets.domains.air.pictures.grids import calendar, coverage
from kaikai_assets.domains.air.pictures.profile import profile
from kaikai_assets.domains.air.report import content
from kaikai_assets.domains.air.report.definitions import definitions
from kaikai_assets.domains.air.report.html import NONE, bullets, category, number, percent, picture, table, text
from kaikai_assets.domains.air.transforms.hours import COMPLETE

_SHOWN = 24
"""Sensors in a picture; tables have all of them."""


def page(
    inputs: Inputs, day: date, indices: Indices, corrections: Corrections, rules: RuleSet, limits: HealthLimits
) -> str:
    """The page of a local date; ``inputs`` are the tables of ``content.READS``."""
    sensors = content.sensors(inputs, day)
    found, names = content.alerts(inputs, day, rules), content.names(inputs, day)
    parts = [
        f"<h1>Air quality, {day.day} {day:%B %Y}</h1>",
        '<p class="lead">PM2.5 of each sensor’s local day. “–” is a value that is not there; it is never a zero.</p>',
    ]
    if sensors["pm25_n"].fill_null(0).sum():
        parts += [
            _headline(sensors, found, indices),
            _missing(sensors, inputs),
            _zones(inputs["gold/air_zone_daily"].filter(day=day)),
            _sensors(sensors),
            _profile(content.hours(inputs, day), names, indices),
        ]
    else:
        parts += [f"<p><strong>There are no readings of PM2.5 for {day}.</strong></p>", _missing(sensors, inputs)]
    parts += [_calendars(inputs["gold/air_daily"], day, names), _alerts(found), _checked(sensors, inputs)]
    return _document(f"Air quality, {day}", "\n".join(parts), definitions(sensors, indices, corrections, limits))


def _document(title: str, body: str, footer: str) -> str:
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<footer>\n{footer}\n</footer>\n</body>\n</html>\n"
    )


def _headline(sensors: pl.DataFrame, alerts: pl.DataFrame, indices: Indices) -> str:
    active = sensors.filter(content.COUNTED)
    complete = active.filter(pl.col("is_complete"), pl.col("pm25_aqi").is_not_null())
    above = int(complete["exceeds_who_24h"].sum())
    tiles = [
        (f"{complete.height} of {active.height}", "sensors with a complete day; test and retired ones not counted")
    ]
    if complete.height:
        worst = complete.sort(-pl.col("pm25_aqi_uncapped"), "sensor_id").row(0, named=True)
        place = text(worst["location_name"] or worst["sensor_id"])
        tiles.append((f"{worst['pm25_aqi']:.0f}", f"highest AQI, {place}: {category(worst['pm25_aqi_category'])}"))
        guideline = f"of these above the WHO 24-hour guideline of {indices.who_24h.limit:g} µg/m³"
        tiles.append((f"{above} of {complete.height}", guideline))
    counted = alerts.filter(content.COUNTED)
    tiles.append((str(counted.height), "alerts with a violating hour in the day; test and retired sensors not counted"))
    shown = "".join(f"<div><b>{figure}</b><span>{what}</span></div>" for figure, what in tiles)
    return f'<div class="figures">{shown}</div>'


def _missing(sensors: pl.DataFrame, inputs: Inputs) -> str:
    said = []
    if not sensors.height:
        said.append("No sensor is known: none sent anything, and the registry expects none on this day.")
    for row in sensors.iter_rows(named=True):
        name = f"{text(row['sensor_id'])} {text(row['location_name'] or '')}".strip()
        if row["is_complete"] is None:
            said.append(f"{name}: no data at all on this day.")
        elif not row["pm25_n"]:
            said.append(f"{name}: other values came, but none of PM2.5.")
        elif not row["is_complete"]:
            said.append(
                f"{name}: {row['hours_valid']} of {row['hours_expected']} hours are complete; "
                "its mean is of what came, without AQI or judgement."
            )
    if sensors.height and not inputs["gold/air_zone_daily"].filter(pl.col("rank").is_not_null()).height:
        said.append("No zone is ranked: the registry gives no sensor with a complete day a zone.")
    if unknown := sorted(sensors.filter(sensor_status="unknown")["sensor_id"]):
        said.append(f"Not in the registry: {text(', '.join(unknown))}.")
    return f"<h2>What is missing</h2>{bullets(said) if said else '<p>Nothing: every sensor has a complete day.</p>'}"


def _zones(zones: pl.DataFrame) -> str:
    if not zones.filter(pl.col("rank").is_not_null()).height:
        return ""
    rows = [
        [
            text(row["zone"]),
            NONE if row["rank"] is None else str(row["rank"]),
            f"{row['sensors']} of {row['sensors_reporting']}",
            number(row["pm25_mean"]),
            number(row["pm25_aqi"], 0),
            category(row["pm25_aqi_category"]),
            NONE if row["band"] is None else text(row["band"]),
            *(number(row[name], decimals) for name, decimals in (("temperature_mean", 1), ("humidity_mean", 0))),
            number(row["co2_mean"], 0),
        ]
        for row in zones.sort("rank", "zone", nulls_last=True).iter_rows(named=True)
    ]
    head = ["Zone", "Rank", "Sensors", "PM2.5", "AQI", "Category", "Band", "°C", "% RH", "CO₂, ppm"]
    caption = "Mean of the complete sensors’ daily means, µg/m³; the cleanest zone first"
    return "<h2>Zones</h2>" + table(caption, head, rows, (1, 2, 3, 4, 7, 8, 9))


def _sensors(sensors: pl.DataFrame) -> str:
    head = ["Sensor", "Mean", "Min–max", "p95", "AQI", "Category", "&gt; WHO 24 h", "NowCast", "Corrected mean"]
    head += ["Complete", "Quality", "Status"]
    rows = [_sensor(row) for row in sensors.iter_rows(named=True)]
    caption = "PM2.5 in µg/m³: complete days first, the highest mean first. NowCast: the day’s last, with its hour. "
    caption += "Status: with what its health was on the UTC day of this date"
    return "<h2>Sensors</h2>" + table(caption, head, rows, (1, 2, 3, 4, 7, 8, 9, 10))


def _sensor(row: dict[str, Any]) -> list[str]:
    def value(name: str, decimals: int = 1) -> str:
        return number(row[name], decimals)

    def under(shown: str, name: str) -> str:
        return shown if row[name] is None else f"{shown}<small>{text(row[name])}</small>"

    extent = NONE if row["pm25_min"] is None else f"{value('pm25_min')}–{value('pm25_max')}"
    nowcast = value("pm25_nowcast")
    if row["pm25_nowcast"] is not None:
        nowcast += f"<small>at {row['nowcast_clock']}</small>"
    who = {True: "yes", False: "no", None: NONE}[row["exceeds_who_24h"]]
    place = ", ".join(text(row[n]) for n in ("location_name", "location_type") if row[n])
    return [
        f"{text(row['sensor_id'])}<small>{place}</small>",
        value("pm25_mean"),
        extent,
        value("pm25_p95"),
        value("pm25_aqi", 0),
        category(row["pm25_aqi_category"]),
        who,
        nowcast,
        under(value("pm25_corrected_mean"), "correction_version"),
        percent(row["completeness"]) + ("<small>as delivered</small>" if row["grain"] == "P1D" else ""),
        value("quality_score", 0),
        text(row["sensor_status"]) + (f"<small>{', '.join(said)}</small>" if (said := _health(row)) else ""),
    ]


def _health(row: dict[str, Any]) -> list[str]:
    told = {"is_offline": "offline at the day’s end", "is_degraded": "degraded"}
    said = [words for name, words in told.items() if row[name]]
    return [*said, f"drifting {row['drift_pct']:+.0f}\u202f%"] if row["is_drifting"] else said


def _profile(hours: pl.DataFrame, names: dict[str, str], indices: Indices) -> str:
    if not hours.height:
        return "<h2>Hours of the day</h2><p>Only whole days were delivered: there are no hours.</p>"
    legend = "".join(f"<span>{category(one.category)} from {one.low:.1f}</span>" for one in indices.aqi.segments)
    drawn = svg(profile(hours, indices.aqi.segments, COMPLETE, names, _SHOWN))
    return (
        "<h2>Hours of the day</h2><p>Hourly means of PM2.5. Hollow dots are hours with less than "
        f"{COMPLETE:.0%} of their readings, gaps are hours without any, a triangle is a mean above the picture; "
        "days delivered as a whole have none. "
        "Colours are those of the AQI categories; they are defined for 24 hours and only orient here.</p>"
        f'<p class="legend">{legend}</p>'
        + picture(drawn, "Hourly PM2.5 of each sensor; the daily figures are in the table of sensors")
    )


def _calendars(days: pl.DataFrame, day: date, names: dict[str, str]) -> str:
    length = content.CALENDAR_DAYS
    if not days.height:
        return f"<h2>The last {length} days</h2><p>There is no day with data among them.</p>"
    aqi = svg(calendar(days, day, length, names, _SHOWN))
    share = svg(coverage(days.with_columns(share="completeness"), day, length, COMPLETE, names, _SHOWN))
    return (
        f"<h2>The last {length} days</h2>"
        + picture(aqi, f"Daily AQI of each sensor over the last {length} days")
        + "<h2>Completeness</h2><p>Complete hours of each day.</p>"
        + picture(share, f"Share of complete hours of each sensor and day over the last {length} days")
    )


def _alerts(alerts: pl.DataFrame) -> str:
    if not alerts.height:
        return "<h2>Alerts</h2><p>None.</p>"
    rows = [
        [
            f"{text(row['sensor_id'])}<small>{text(row['location_name'] or '')}</small>",
            text(row["sensor_status"]),
            f"{text(row['severity'])}: {text(row['rule'])}",
            f"{row['opened_at']:%Y-%m-%d %H:%M}",
            NONE if row["closed_at"] is None else f"{row['closed_at']:%Y-%m-%d %H:%M}",
            str(row["n"]),
            number(row["peak"]),
            f"{row['threshold']:g}",
        ]
        for row in alerts.iter_rows(named=True)
    ]
    head = ["Sensor", "Status", "Rule", "Opened", "Closed", "Hours", "Peak", "Threshold"]
    return "<h2>Alerts</h2>" + table(
        "Episodes with a violating hour in the day, of all sensors; UTC, µg/m³", head, rows, (5, 6, 7)
    )


def _checked(sensors: pl.DataFrame, inputs: Inputs) -> str:
    counted = sensors.filter(pl.col("readings").is_not_null())
    parts = ["<h2>Checks of the readings</h2>"]
    if counted.height:
        rows = [
            [
                text(row["sensor_id"]),
                str(row["readings"]),
                str(row["pm25_good_n"]),
                str(row["readings"] - row["pm25_good_n"]),
                str(row["pm25_failed_n"]),
            ]
            for row in counted.sort("sensor_id").iter_rows(named=True)
        ]
        head = ["Sensor", "Readings", "Good or not evaluated", "Suspect or failed a test", "Set aside"]
        caption = (
            "Readings of PM2.5 in the hours of the day, by QARTOD flag; those set aside are not among the readings"
        )
        parts.append(table(caption, head, rows, (1, 2, 3, 4)))
    aside = content.set_aside(inputs)
    if aside.height:
        rows = [
            [text(row["rule"]), text(row["kind"]), str(row["n"]), str(row["sensors"])]
            for row in aside.iter_rows(named=True)
        ]
        caption = "Quarantine of this UTC day: records and cells that were set aside"
        parts.append(table(caption, ["Rule", "Kind", "Number", "Sensors"], rows, (2, 3)))
    else:
        parts.append("<p>Nothing of this UTC day is in quarantine.</p>")
    return "".join(parts)
