"""What the product tells of simulated files, table by table, against the truth about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import polars as pl

from kaikai_assets.build.bronze import contract as bronze_contract
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import key, schema
from kaikai_assets.quality.provenance import provenance
from kaikai_assets.quality.quarantine import mark_repeated
from kaikai_assets.simulation.air import Truth
from kaikai_assets.simulation.air_signal import METRICS
from kaikai_assets_tests.detection.score import Score, by_episode, exactly
from kaikai_assets_tests.end_to_end.product import table

_BY_RULE = {
    "not_a_number": ("unparseable",),
    "impossible": ("impossible", "fahrenheit"),
    "no_time": ("bad_time",),
    "no_entity": ("no_sensor",),
    "damaged_record": ("ragged",),
    "time_out_of_range": ("clock_reset", "clock_ahead"),
}
"""Rules of the quarantine, with the kinds that each must tell."""

_NOTICED = pl.col("flag").is_in([3, 4])


@dataclass(frozen=True)
class Comparison:
    """The tables that a platform built of all simulated files, landed in the order of their days."""

    platform: Platform
    truth: Truth
    redelivered: list[str]
    """Files that landing noted as redelivered."""

    def scores(self) -> Iterator[Score]:
        """All kinds; those that need no statistics first."""
        yield from self._of_files_and_records()
        yield from self._of_readings()
        yield from self._of_devices()
        yield from self._of_statistics()

    def _of_files_and_records(self) -> Iterator[Score]:
        told = pl.DataFrame({"file": [name.split("/")[-1] for name in self.redelivered]}, schema={"file": pl.String})
        yield Score("redelivered file", "landing", True, *exactly(self._injected("redelivered").select("file"), told))
        absorbed = self._records.filter(role="absorbed")
        yield Score("duplicate", "absorbed records", True, *exactly(self._lines("duplicate"), absorbed))
        later = self._records.filter(
            pl.col("role") == "leading", pl.col("arrival_seq") > pl.col("arrival_seq").min().over("day")
        )
        injected = self._lines("late", "correction")
        yield Score("late, correction", "records that lead, of a later file", True, *exactly(injected, later))
        aside = table(self.platform, "silver/air_quarantine").with_columns(_file(), line="record")
        for rule, kinds in _BY_RULE.items():
            of_rule = aside.filter(rule=rule)
            yield Score(", ".join(kinds), f"quarantine: `{rule}`", True, *exactly(self._lines(*kinds), of_rule))

    def _of_readings(self) -> Iterator[Score]:
        at = ["sensor_id", "time"]
        silver = table(self.platform, "silver/air_measurements")
        missing = silver.filter(pm25_flag=9)
        yield Score("missing", "`pm25_flag` 9", True, *exactly(self._injected("missing").select(at), missing))
        suspect = self.truth.readings.filter(pl.col("pm25") > 500).select(at)
        yield Score("above 500 µg/m³", "`pm25_flag` 3", True, *exactly(suspect, silver.filter(pm25_flag=3)))

    def _of_devices(self) -> Iterator[Score]:
        gaps = self._episodes("gap", "clock_reset", "clock_ahead")
        hours = gaps.with_columns(hour=pl.datetime_ranges("start", "end", "1h", closed="left")).explode("hour")
        told_by = "hours without a row in `gold/air_hourly`"
        yield Score("gap, clock", told_by, True, *exactly(hours.select("sensor_id", "hour"), self._silent_hours))
        health = table(self.platform, "gold/air_sensor_health")
        # Records of a wrong clock stand with the day on which they came, when nothing else did.
        last = pl.lit(self.truth.readings["time"].dt.date().max())
        silent = health.filter(pl.col("longest_silence_min") > 30, pl.col("day") <= last)
        days = hours.select("sensor_id", day=pl.col("hour").dt.date())
        yield Score("gap, clock", "`longest_silence_min` over 30", True, *exactly(days, silent))
        wet = self._flags.filter(pl.col("flag") == 3, test="humidity_saturated")
        told_by = "`humidity_saturated`"
        yield Score("saturated humidity", told_by, True, *by_episode(self._episodes("saturated_humidity"), wet))
        flat = self._flags.filter(_NOTICED, pl.col("test").str.ends_with("_flat_line"))
        of_metric = ["sensor_id", "metric"]
        recall, _ = by_episode(self._episodes("flat_line", "saturated_humidity"), flat, of_metric)
        # In mg/m³ with two decimals a value stands still, too.
        still = self._episodes("flat_line", "saturated_humidity", "milligram")
        _, precision = by_episode(still, flat, of_metric)
        yield Score("flat line", "`…_flat_line`", True, recall, precision)

    def _of_statistics(self) -> Iterator[Score]:
        at = ["sensor_id", "metric", "time"]
        alone = self._injected("suspect").select("sensor_id", pl.lit("pm25").alias("metric"), "time")
        spikes = pl.concat([self._episodes("spike").rename({"start": "time"}).select(at), alone])
        told = self._flags.filter(_NOTICED, pl.col("test").str.ends_with("_spike"))
        yield Score("spike, suspect", "`…_spike`", False, *exactly(spikes, told))
        hours = table(self.platform, "gold/air_hourly").rename({"hour": "time"})
        apart = hours.filter(pm25_neighbours_flag=3)
        # One reading far off moves the mean of its hour.
        hour = pl.col("time").dt.truncate("1h")
        moved = spikes.filter(metric="pm25").select("sensor_id", start=hour, end=hour.dt.offset_by("1h"))
        off = self._episodes("drift", "milligram", "flat_line").filter(metric="pm25").select(moved.columns)
        _, precision = by_episode(pl.concat([moved, off]), apart)
        for kind, name in (("milligram", "PM2.5 in mg/m³"), ("drift", "drift")):
            recall, _ = by_episode(self._episodes(kind), apart)
            yield Score(name, "`pm25_neighbours_flag` 3", False, recall, precision)
        drifting = table(self.platform, "gold/air_sensor_health").filter("is_drifting")
        noon = drifting.select("sensor_id", time=pl.col("day").cast(pl.Datetime("us", "UTC")) + timedelta(hours=12))
        # Two weeks are compared: one that is back at its place differs from the week before.
        drifts = self._episodes("drift").with_columns(pl.col("end").dt.offset_by("14d"))
        yield Score("drift", "`is_drifting`, two weeks compared", False, *by_episode(drifts, noon))

    @cached_property
    def _records(self) -> pl.DataFrame:
        """What became of each record (`provenance`), with `day`, `file` and `line`."""
        bronze = self.platform.lake.read(AIR.bronze, schema(bronze_contract(AIR)))
        typed = AIR.conform(bronze, self.platform.runner(AIR).context())
        aside = mark_repeated(typed.quarantine, AIR.entity)
        found = provenance(typed.rows, aside, ["day", *key(AIR.readings)])
        placed = found.join(bronze.select("arrival_seq", "record", "day"), on=["arrival_seq", "record"])
        return placed.with_columns(_file(), line="record")

    @cached_property
    def _flags(self) -> pl.DataFrame:
        """One row for each reading and test: `sensor_id`, `time`, `metric`, `test`, `flag`."""
        flags = table(self.platform, "silver/air_flags")
        tests = [name for name in flags.columns if name.startswith(METRICS)]
        long = flags.unpivot(tests, index=["sensor_id", "time"], variable_name="test", value_name="flag")
        return long.with_columns(metric=pl.col("test").str.split("_").list.first())

    @property
    def _silent_hours(self) -> pl.DataFrame:
        """Hours of the days of the files in which a sensor of the files has no row."""
        sent = table(self.platform, "gold/air_hourly").select("sensor_id", "hour")
        midnights = self.truth.readings.select("sensor_id", hour=pl.col("time").dt.truncate("1d"))
        offsets = pl.DataFrame({"offset": [timedelta(hours=hour) for hour in range(24)]})
        hours = midnights.unique("hour").select("hour").join(offsets, how="cross")
        hours = hours.select(pl.col("hour") + pl.col("offset"))
        return midnights.select("sensor_id").unique().join(hours, how="cross").join(sent, on=sent.columns, how="anti")

    def _injected(self, *kinds: str) -> pl.DataFrame:
        return self.truth.defects.filter(pl.col("kind").is_in(kinds))

    def _lines(self, *kinds: str) -> pl.DataFrame:
        return self._injected(*kinds).select("file", "line")

    def _episodes(self, *kinds: str) -> pl.DataFrame:
        return self.truth.faults.filter(pl.col("kind").is_in(kinds))


def _file() -> pl.Expr:
    return pl.col("raw_file").str.split("/").list.last().alias("file")
