"""Texts to UTC instants."""

import polars as pl

from kaikai_assets.landing.sources import Time

UTC = pl.Datetime("us", "UTC")

# Tried in this order; the first reads what most machines write, the others what people write.
_ISO = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def to_utc(text: pl.Series, time: Time) -> pl.Series:
    """Parse texts as described; null where a text cannot be read, or names no or two instants of its time zone."""
    text = text.str.strip_chars()
    formats = [f for name in time.formats for f in (_ISO if name == "iso" else (name,))]
    found = pl.Series(text.name, [None], dtype=UTC).new_from_index(0, len(text))
    for form in formats:
        left = found.is_null() & text.is_not_null()
        if not left.any():
            break
        whole = bool(left.all())
        parsed = _parse(text if whole else text.filter(left), form, time.timezone)
        found = parsed if whole else found.scatter(left.arg_true(), parsed)
    return found


def _parse(text: pl.Series, form: str, timezone: str) -> pl.Series:
    has_offset = form == "%+" or "%z" in form or "%:z" in form or "%#z" in form
    if has_offset:
        return text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC").cast(UTC)
    naive = text.str.to_datetime(form, strict=False, time_unit="us")
    if timezone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    local = naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC")
