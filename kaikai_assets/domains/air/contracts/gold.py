"""Gold: hours and local days of sensors, and local days of zones."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.domains.air.contracts.fields import category, correction, index, points
from kaikai_assets.quality.fields import KEY, Instant, count, flag, mean, share, statistic

# Of its hours, or of a day as delivered.
_OF_COMPLETENESS = {"made_of": ("completeness", "pm25", "covered_min")}
_OF_CORRECTION = ("pm25_corrected_mean", "pm25_corrected", "pm25", "humidity")
_OF_GOOD = ("pm25_good_mean", "pm25_good_n", "pm25_qc", "pm25")
_COUNT_OF_SENSORS = {"made_of": ("pm25_mean",)}


class Hourly(pa.DataFrameModel):
    """Hours of sensors, from readings no coarser than an hour."""

    day: pl.Date = pa.Field(description="UTC day of `hour`")
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    hour: Instant = pa.Field(description="Start of the hour, UTC", metadata=KEY)
    grain: str = pa.Field(description="Grain of the readings: the finest that is complete, else the most complete")
    pm25_mean: float = mean("pm25", "PM2.5", "µg/m³")
    pm25_min: float = statistic("pm25", "min", "Least PM2.5", "µg/m³")
    pm25_max: float = statistic("pm25", "max", "Greatest PM2.5", "µg/m³")
    pm25_p05: float = statistic("pm25", "p05", "5th percentile of PM2.5", "µg/m³")
    pm25_p50: float = statistic("pm25", "p50", "Median of PM2.5", "µg/m³")
    pm25_p95: float = statistic("pm25", "p95", "95th percentile of PM2.5", "µg/m³")
    pm25_std: float = statistic(
        "pm25", "std", "Standard deviation of PM2.5 (n - 1); null for a single reading", "µg/m³"
    )
    pm25_n: int = count("pm25", "PM2.5")
    expected: int = pa.Field(ge=1, description="Readings that a complete hour has")
    completeness: float = share("Share of expected intervals with a PM2.5 reading", "pm25")
    pm25_good_n: int = pa.Field(
        ge=0,
        description="Readings of PM2.5 that no test holds against (`pm25_qc` 1 or 2)",
        metadata={"made_of": ("pm25_qc", "pm25")},
    )
    pm25_good_mean: float = pa.Field(
        nullable=True,
        description="Mean of the readings in `pm25_good_n`; null without any",
        metadata={"unit": "µg/m³", "decimals": 6, "made_of": ("pm25_qc", "pm25")},
    )
    pm25_failed_n: int = pa.Field(
        ge=0,
        description="Cells of PM2.5 set aside as impossible or unreadable",
        metadata={"made_of": ("pm25_flag", "pm25")},
    )
    score_completeness: float = points("Points for completeness", 100, "pm25")
    score_validity: float = points("Points for the share of received cells that could be used", 100, "pm25")
    score_plausibility: float = points("Points for the share of readings flagged as good", 100, "pm25_qc", "pm25")
    quality_score: float = points("Sum of the three scores, of 100", 100, "pm25_qc", "pm25")
    pm25_corrected_mean: float = pa.Field(
        nullable=True,
        description="Mean of corrected PM2.5",
        metadata={"unit": "µg/m³", "decimals": 6, "made_of": _OF_CORRECTION},
    )
    pm25_corrected_n: int = pa.Field(
        ge=0, description="Readings of corrected PM2.5", metadata={"made_of": _OF_CORRECTION}
    )
    correction_version: str = correction(*_OF_CORRECTION)
    pm25_nowcast: float = pa.Field(
        nullable=True,
        description="NowCast of this hour and those before it; null with too few recent ones (rules/indices.json)",
        metadata={"unit": "µg/m³", "decimals": 6, "made_of": ("pm25",)},
    )
    pm25_nowcast_aqi: int = index("Air quality index of `pm25_nowcast` (rules/indices.json)", "pm25")
    pm25_neighbours_median: float = pa.Field(
        nullable=True,
        description="Median of the means of the other sensors of its kind of zone around it in this hour "
        "(rules/neighbours.json)",
        metadata={"unit": "µg/m³", "decimals": 6},
    )
    pm25_neighbours_nearest: float = pa.Field(
        nullable=True,
        description="The same, but of the two in the middle of an even number the one nearer to pm25_mean: the flag's",
        metadata={"unit": "µg/m³", "decimals": 6},
    )
    pm25_neighbours_n: int = pa.Field(ge=0, description="Sensors in `pm25_neighbours_median`")
    pm25_neighbours_flag: pl.UInt8 = flag("pm25_mean beside its neighbours")
    temperature_mean: float = mean("temperature", "air temperature", "degC")
    temperature_min: float = statistic("temperature", "min", "Least air temperature", "degC")
    temperature_max: float = statistic("temperature", "max", "Greatest air temperature", "degC")
    temperature_n: int = count("temperature", "air temperature")
    humidity_mean: float = mean("humidity", "relative humidity", "%")
    humidity_min: float = statistic("humidity", "min", "Least relative humidity", "%")
    humidity_max: float = statistic("humidity", "max", "Greatest relative humidity", "%")
    humidity_n: int = count("humidity", "relative humidity")
    co2_mean: float = mean("co2", "carbon dioxide", "ppm")
    co2_min: float = statistic("co2", "min", "Least carbon dioxide", "ppm")
    co2_max: float = statistic("co2", "max", "Greatest carbon dioxide", "ppm")
    co2_n: int = count("co2", "carbon dioxide")

    class Config:
        strict = True


class Daily(pa.DataFrameModel):
    """Local days of sensors: from their hours, or as a source delivers them."""

    day: pl.Date = pa.Field(description="Local date in the sensor's time zone")
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    sensor_status: str = pa.Field(
        isin=["active", "test", "retired", "unknown"],
        description="Part in the network on that day; unknown: not registered",
    )
    timezone: str = pa.Field(description="IANA time zone of the local date")
    grain: str = pa.Field(description="PT1H: from hours; P1D: as delivered. Complete before incomplete, then hours")
    pm25_mean: float = mean("pm25", "PM2.5 over the day, hours by the share of their readings that came", "µg/m³")
    pm25_min: float = statistic("pm25", "min", "Least PM2.5 reading", "µg/m³")
    pm25_max: float = statistic("pm25", "max", "Greatest PM2.5 reading", "µg/m³")
    pm25_p05: float = statistic("pm25", "p05", "5th percentile of PM2.5 readings", "µg/m³")
    pm25_p50: float = statistic("pm25", "p50", "Median of PM2.5 readings", "µg/m³")
    pm25_p95: float = statistic("pm25", "p95", "95th percentile of PM2.5 readings", "µg/m³")
    pm25_std: float = statistic("pm25", "std", "Standard deviation of PM2.5 readings (n - 1)", "µg/m³")
    pm25_n: int = count("pm25", "PM2.5; 1 where delivered as a day")
    pm25_good_n: pl.Int64 = pa.Field(
        nullable=True,
        ge=0,
        description="Readings of PM2.5 that no test holds against; null where delivered as a day, which is not tested",
        metadata={"made_of": _OF_GOOD},
    )
    pm25_good_mean: float = pa.Field(
        nullable=True,
        description="Mean of the readings in `pm25_good_n`, weighted as `pm25_mean` is; null without any",
        metadata={"unit": "µg/m³", "decimals": 6, "made_of": _OF_GOOD},
    )
    hours_valid: int = pa.Field(
        ge=0,
        le=25,
        description="Hours with at least 75 % of their readings; where delivered as a day, whole hours that its "
        "records cover, and all where the source does not say",
        metadata=_OF_COMPLETENESS,
    )
    hours_expected: int = pa.Field(ge=23, le=25, description="Hours of the local day: those, by UTC, that start in it")
    completeness: float = share(
        "Valid hours by hours of the day; where delivered as a day, share of it that its records cover, and 1 where "
        "the source does not say",
        "completeness",
        "pm25",
        "covered_min",
    )
    is_complete: bool = pa.Field(description="Completeness of at least 75 %", metadata=_OF_COMPLETENESS)
    quality_score: float = points(
        "Mean score of the hours of the day, absent ones 0; null where delivered as a day",
        100,
        "quality_score",
        nullable=True,
    )
    pm25_aqi: int = index(
        "Air quality index (US EPA; rules/indices.json); null for a day not complete", "pm25_mean", "pm25"
    )
    pm25_aqi_uncapped: int = index("The index without its cap", "pm25_mean", "pm25")
    pm25_aqi_category: str = category("pm25_mean", "pm25")
    pm25_corrected_mean: float = pa.Field(
        nullable=True,
        description="Mean of corrected PM2.5; null where hours were corrected in different ways",
        metadata={"unit": "µg/m³", "decimals": 6, "made_of": _OF_CORRECTION},
    )
    pm25_corrected_n: int = pa.Field(
        ge=0,
        description="Readings of corrected PM2.5; 1 where delivered as a day, 0 without `pm25_corrected_mean`",
        metadata={"made_of": ("pm25_corrected_n", *_OF_CORRECTION)},
    )
    correction_version: str = correction("correction_version", "pm25_corrected", "pm25", "humidity")
    pm25_corrected_aqi: int = index(
        "Index of `pm25_corrected_mean`; null also where under 75 % of the readings were corrected", *_OF_CORRECTION
    )
    exceeds_who_24h: pl.Boolean = pa.Field(
        nullable=True,
        description="Mean above the WHO guideline of 24 hours (rules/indices.json); null for a day not complete",
        metadata={"made_of": ("pm25_mean", "pm25")},
    )
    hours_above_35: pl.Int64 = pa.Field(
        nullable=True,
        ge=0,
        le=25,
        description="Valid hours with a mean above 35 µg/m³; null where delivered as a day",
        metadata={"made_of": ("pm25_mean",)},
    )
    temperature_mean: float = mean("temperature", "air temperature over the day, weighted as `pm25_mean` is", "degC")
    temperature_min: float = statistic("temperature", "min", "Least air temperature", "degC")
    temperature_max: float = statistic("temperature", "max", "Greatest air temperature", "degC")
    humidity_mean: float = mean("humidity", "relative humidity over the day, weighted as `pm25_mean` is", "%")
    humidity_min: float = statistic("humidity", "min", "Least relative humidity", "%")
    humidity_max: float = statistic("humidity", "max", "Greatest relative humidity", "%")
    co2_mean: float = mean("co2", "carbon dioxide over the day, weighted as `pm25_mean` is", "ppm")
    co2_min: float = statistic("co2", "min", "Least carbon dioxide", "ppm")
    co2_max: float = statistic("co2", "max", "Greatest carbon dioxide", "ppm")

    class Config:
        strict = True


class ZoneDaily(pa.DataFrameModel):
    """Local days of zones: means of their sensors' means. Test devices and retired sensors are not part of them."""

    day: pl.Date = pa.Field(description="Local date of the sensors")
    zone: str = pa.Field(description="Location type of the sensors; Unknown where nobody told", metadata=KEY)
    sensors: int = pa.Field(
        ge=0, description="Sensors whose day is complete: those in the means", metadata=_COUNT_OF_SENSORS
    )
    sensors_reporting: int = pa.Field(ge=1, description="Sensors that sent anything", metadata=_COUNT_OF_SENSORS)
    pm25_mean: float = mean("pm25", "the sensors' PM2.5", "µg/m³")
    pm25_aqi: int = index("Air quality index of the mean (US EPA; rules/indices.json)", "pm25_mean")
    pm25_aqi_category: str = category("pm25_mean")
    temperature_mean: float = mean("temperature", "the sensors' air temperature", "degC")
    humidity_mean: float = mean("humidity", "the sensors' relative humidity", "%")
    co2_mean: float = mean("co2", "the sensors' carbon dioxide", "ppm")
    rank: int = pa.Field(
        nullable=True,
        ge=1,
        description="Place by PM2.5 on that day, 1 the best; null without a mean, and for Unknown",
        metadata={"made_of": ("pm25_mean",)},
    )
    band: str = pa.Field(
        nullable=True,
        description="Band of the mean (rules/indices.json)",
        metadata={"made_of": ("pm25_mean",)},
    )

    class Config:
        strict = True
