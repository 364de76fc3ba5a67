"""Texts to UTC instants."""

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

INSTANT = pl.Datetime("us", "UTC")

# Tried in this order: what most machines write, what people write, then the rarer spellings of ISO 8601.
_ISO = (
    "%+",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
    "%Y%m%dT%H%M%S%.f%#z",
    "%Y%m%dT%H%M%S%.f",
    "%Y%m%dT%H%M",
    "%Y%m%d",
)
# These name an instant whatever the time zone.
_ABSOLUTE = ("%+", "%z", "%:z", "%#z", "%s")
_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_CENTURY_S = 100 * 366 * 86_400.0
_PROBE = pl.Series([datetime(2025, 11, 29, 13, 45, 57, tzinfo=UTC)], dtype=INSTANT)


def to_utc(text: pl.Series, formats: Sequence[str], timezone: str) -> pl.Series:
    """Parse texts in the first format that fits each (``iso`` or strptime); texts without offset are of ``timezone``.

    Null where a text cannot be read, names no or two instants of its time zone, or a year that is not 1 to 9999.
    """
    # Sensors that report together write one time again and again.
    run = text.rle_id()
    starts = run.ne_missing(run.shift())
    return _to_utc(text.filter(starts), formats, timezone).gather(run)


def _to_utc(text: pl.Series, formats: Sequence[str], timezone: str) -> pl.Series:
    text = text.str.strip_chars()
    forms = [form for name in formats for form in (_ISO if name == "iso" else (name,))]
    found = pl.Series(text.name, [None], dtype=INSTANT).new_from_index(0, len(text))
    for form in forms:
        left = found.is_null() & text.is_not_null()
        if not left.any():
            break
        whole = bool(left.all())
        parsed = _parse(text if whole else text.filter(left), form, timezone)
        found = parsed if whole else found.scatter(left.arg_true(), parsed)
    return found.set(~found.dt.year().is_between(1, 9999).fill_null(True), None)


def since(text: pl.Series, start: datetime, unit: str) -> pl.Series:
    """Instants a number of ``unit`` (ms, s, min, h) after a start, to the nearest microsecond.

    Null where a text is no number, or further than a century away.
    """
    offset = text.str.strip_chars().cast(pl.Float64, strict=False) * _UNITS_S[unit]
    near = offset.is_between(-_CENTURY_S, _CENTURY_S).fill_null(False)
    microseconds = (offset.set(~near, None) * 1e6).round().cast(pl.Int64)
    return (microseconds.cast(pl.Duration("us")) + start).dt.convert_time_zone("UTC").cast(INSTANT)


def _parse(text: pl.Series, form: str, timezone: str) -> pl.Series:
    if any(directive in form for directive in _ABSOLUTE):
        return text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC").cast(INSTANT)
    naive = text.str.to_datetime(form, strict=False, time_unit="us")
    if timezone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    local = naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def checked_format(form: str) -> str:
    """The format itself. Raises ``ValueError`` unless a text in it names a day (``%Y-%m`` or ``%H:%M`` does not)."""
    if form == "iso":
        return form
    try:
        read = _parse(_PROBE.dt.strftime(form), form, "UTC")
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{form!r} is no format of a time: {str(error).splitlines()[0]}") from error
    if read.dt.date()[0] != _PROBE.dt.date()[0]:
        raise ValueError(f"{form!r} is no format of a time: it does not name a day")
    return form


def checked_zone(timezone: str) -> str:
    """The time zone itself. Raises ``ValueError`` when it is unknown."""
    try:
        # Not the empty text, which stands for no zone.
        _PROBE.dt.convert_time_zone(timezone or "none")
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{timezone!r} is no time zone") from error
    return timezone
