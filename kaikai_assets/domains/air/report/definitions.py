"""How the report's figures are defined, with the sources of the definitions."""

import polars as pl

from kaikai_assets.domains.air.correction import BY_SOURCE, Corrections
from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.domains.air.report.html import text
from kaikai_assets.domains.air.transforms.hours import COMPLETE


def definitions(sensors: pl.DataFrame, indices: Indices, corrections: Corrections, limits: HealthLimits) -> str:
    """Definitions of what the page shows; ``sensors`` tells the time zones and corrections that were used."""
    zones = ", ".join(sorted(sensors["timezone"].drop_nulls().unique())) or "none"
    used = set(sensors["correction_version"].drop_nulls())
    versions = [f"{c.version}, for {c.sensor_type}: {c.source}" for c in corrections.corrections if c.version in used]
    if BY_SOURCE in used:
        versions.append(f"{BY_SOURCE}: as the maker delivers it, never corrected again")
    bands = [f"{one.band} up to {one.at_most:g} µg/m³" for one in indices.bands.upper]
    entries = {
        "Day": f"The local day of each sensor, of 23 to 25 hours; time zones here: {zones}. An hour is named by its "
        "start and does not hold its end.",
        "Completeness": f"An hour is complete with a reading in {COMPLETE:.0%} of its expected intervals, a day with "
        f"{COMPLETE:.0%} of its hours complete. AQI, zone means and the comparison with the guideline are of complete "
        "days only. A day that a source delivers as one value counts as it is delivered.",
        "Mean, min–max, p95": "Over all readings of the day, not over its hours. Suspect readings are among them; "
        "impossible and unreadable ones are not.",
        "AQI": f"{indices.aqi.source}. The daily mean is truncated to 0.1 µg/m³. Low-cost optical sensors are no "
        "reference instruments: their AQI is indicative.",
        "NowCast": f"{indices.nowcast.source}. {indices.nowcast.hours} hours, weight at least "
        f"{indices.nowcast.least_weight:g}, {indices.nowcast.recent_least} of the last {indices.nowcast.recent_hours} "
        "hours complete.",
        "WHO 24 h": f"{indices.who_24h.source}: {indices.who_24h.limit:g} µg/m³. The guideline is a 99th percentile: "
        "three to four days above it in a year meet it.",
        "Corrected mean": "Kept apart from the mean as reported, which AQI, guideline and alerts are of. "
        + (f"Versions: {'; '.join(versions)}." if versions else "No sensor of this day has one."),
        "Quality": "0 to 100, the mean of the day’s hours: for completeness, for the share of received readings that "
        "could be used, and for the share of these that pass the checks. Hours without data count as 0.",
        "Status": f"Of the UTC day. Offline: silent at its end for over {limits.offline_after_min.value:g} minutes; "
        f"degraded: under {limits.degraded_below.value:.0%} of the expected readings; drifting: over "
        f"{limits.drift_beyond_pct.value:g} % against its neighbours, the week that ends here by the week before. "
        f"{limits.degraded_below.source}. {limits.drift_beyond_pct.source}.",
        "Zones": "The location type of the registry; a zone’s mean is the mean of its sensors’ means, test and retired "
        f"ones left out. Bands: {', '.join(bands)}, {indices.bands.above} above. {indices.bands.source}.",
        "Provenance": "Every figure of a day leads to its raw lines: kaikai trace gold/air_daily day=… sensor_id=… The "
        "NowCast of an hour is made of the hours before it too, and what is said of neighbours of other sensors: "
        "these hours are traced by themselves, kaikai trace gold/air_hourly sensor_id=… hour=…",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{text(meaning)}</dd>" for name, meaning in entries.items())
    return f"<h2>Definitions and sources</h2><dl>{listed}</dl>"
