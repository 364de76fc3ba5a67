"""Gold: windows and days of patients, and what windows score."""

from typing import Any

import pandera.polars as pa
import polars as pl

from kaikai_assets.domains.vitals.vital_signs import DAILY
from kaikai_assets.quality.fields import KEY, Instant, count, mean, share, statistic

_OF_VITAL = {"made_of": DAILY}
_OF_P50 = {"made_of": ("freq_resp_p50", "spo2_pct_p50", "freq_card_p50", "temp_corp_p50")}


def _daily(description: str) -> Any:
    """A statistic of the readings of a day."""
    return pa.Field(description=description, metadata={"decimals": 6, **_OF_VITAL})


def _score(of: str, median: str) -> Any:
    """A component score; null where the window has no reading of it."""
    return pa.Field(nullable=True, ge=0, le=3, description=f"Score of {of}", metadata={"made_of": (median,)})


class Windows(pa.DataFrameModel):
    """Windows of 5 minutes, tumbling, of patients with readings in them."""

    day: pl.Date = pa.Field(description="UTC day of `window_start`")
    grain: str = pa.Field(description="Grain of the readings", metadata=KEY)
    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)
    window_start: Instant = pa.Field(description="Start of the window, UTC", metadata=KEY)
    n: int = pa.Field(ge=1, description="Readings in the window", metadata={"made_of": ("time",)})
    n_late: int = pa.Field(
        ge=0,
        description="Of these, readings that arrived when the watermark of what had arrived before had passed the end "
        "of the window: for them it was built again",
        metadata={"arrival_dependent": True, "made_of": ("time", "arrival_seq")},
    )
    is_final: bool = pa.Field(
        description="Whether the watermark, 10 minutes behind the newest reading of the day and the day after, has "
        "passed the end of the window; a reading whose every value is suspect does not count",
        metadata={"made_of": ("time",)},
    )
    freq_card_n: int = count("freq_card", "heart rate")
    freq_card_mean: float = mean("freq_card", "heart rate", "1/min")
    freq_card_min: float = statistic("freq_card", "min", "Least heart rate", "1/min")
    freq_card_p50: float = statistic("freq_card", "p50", "Median of heart rate", "1/min")
    freq_card_max: float = statistic("freq_card", "max", "Greatest heart rate", "1/min")
    freq_resp_n: int = count("freq_resp", "respiratory rate")
    freq_resp_mean: float = mean("freq_resp", "respiratory rate", "1/min")
    freq_resp_min: float = statistic("freq_resp", "min", "Least respiratory rate", "1/min")
    freq_resp_p50: float = statistic("freq_resp", "p50", "Median of respiratory rate", "1/min")
    freq_resp_max: float = statistic("freq_resp", "max", "Greatest respiratory rate", "1/min")
    spo2_pct_n: int = count("spo2_pct", "oxygen saturation")
    spo2_pct_mean: float = mean("spo2_pct", "oxygen saturation", "%")
    spo2_pct_min: float = statistic("spo2_pct", "min", "Least oxygen saturation", "%")
    spo2_pct_p50: float = statistic("spo2_pct", "p50", "Median of oxygen saturation", "%")
    spo2_pct_max: float = statistic("spo2_pct", "max", "Greatest oxygen saturation", "%")
    temp_corp_n: int = count("temp_corp", "body temperature")
    temp_corp_mean: float = mean("temp_corp", "body temperature", "degC")
    temp_corp_min: float = statistic("temp_corp", "min", "Least body temperature", "degC")
    temp_corp_p50: float = statistic("temp_corp", "p50", "Median of body temperature", "degC")
    temp_corp_max: float = statistic("temp_corp", "max", "Greatest body temperature", "degC")
    pct_hydratation_n: int = count("pct_hydratation", "hydration")
    pct_hydratation_mean: float = mean("pct_hydratation", "hydration", "%")
    pct_hydratation_min: float = statistic("pct_hydratation", "min", "Least hydration", "%")
    pct_hydratation_p50: float = statistic("pct_hydratation", "p50", "Median of hydration", "%")
    pct_hydratation_max: float = statistic("pct_hydratation", "max", "Greatest hydration", "%")

    class Config:
        strict = True


class Daily(pa.DataFrameModel):
    """UTC days of patients, one row for each vital sign with readings."""

    day: pl.Date = pa.Field(description="UTC day")
    grain: str = pa.Field(description="Grain of the readings", metadata=KEY)
    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)
    vital: str = pa.Field(isin=list(DAILY), description="Vital sign, in the unit of the readings", metadata=KEY)
    n: int = pa.Field(ge=1, description="Readings", metadata=_OF_VITAL)
    mean: float = _daily("Mean")
    min: float = _daily("Least reading")
    max: float = _daily("Greatest reading")
    p05: float = _daily("5th percentile")
    p50: float = _daily("Median")
    p95: float = _daily("95th percentile")
    share_suspect: float = share(
        "Share of the readings that are suspect: outside the plausible range (rules/limits.json), ahead of their "
        "arrival, or contradicted within a file",
        *DAILY,
    )
    expected: int = pa.Field(ge=1, description="Readings that a complete day has")
    completeness: float = share("Share of expected intervals with a reading", *DAILY)
    minutes_covered: int = pa.Field(ge=1, le=1440, description="Minutes of the day with a reading", metadata=_OF_VITAL)

    class Config:
        strict = True


class News2Partial(pa.DataFrameModel):
    """Partial early-warning scores of windows of patients who are known to be 16 or older.

    Bands are those of the NEWS2 chart of 2017 (rules/news2.json), of the window's medians. Parameters that no bracelet
    measures are missing from it: it is no NEWS2.
    """

    day: pl.Date = pa.Field(description="UTC day of `window_start`")
    grain: str = pa.Field(description="Grain of the readings", metadata=KEY)
    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)
    window_start: Instant = pa.Field(description="Start of the window, UTC", metadata=KEY)
    age_years: int = pa.Field(ge=16, description="Age on that day, counted from the end of the month of birth")
    freq_resp_score: pl.Int64 = _score("respiratory rate", "freq_resp_p50")
    spo2_pct_score: pl.Int64 = _score("oxygen saturation, scale 1", "spo2_pct_p50")
    freq_card_score: pl.Int64 = _score("heart rate", "freq_card_p50")
    temp_corp_score: pl.Int64 = _score("body temperature", "temp_corp_p50")
    partial_score: int = pa.Field(
        ge=0, le=12, description="Sum of the component scores that are there", metadata=_OF_P50
    )
    any_three: bool = pa.Field(description="Whether a component scores 3", metadata=_OF_P50)
    missing_parameters: str = pa.Field(
        description="Parameters of the chart that are not in the score, by comma", metadata=_OF_P50
    )

    class Config:
        strict = True
