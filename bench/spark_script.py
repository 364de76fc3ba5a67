"""The task by hand, in PySpark on this machine. ``python spark_script.py SOURCE TARGET``"""

import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

RANGES = {"pm25": (0, 5000), "temperature": (-50, 70), "humidity": (0, 100), "co2": (0, 50_000)}
SCHEMA = ", ".join(f"{name} STRING" for name in ("sensor_id", "timestamp", *RANGES, "torn"))
THRESHOLD = 35


def session() -> SparkSession:
    """All cores of this machine, and more memory than the default of 1 GiB, which 50 million readings outgrow."""
    return (
        SparkSession.builder.master("local[*]")
        .appName("readings")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.ui.enabled", "false")
        # A line is known as torn only when all of its columns are parsed.
        .config("spark.sql.csv.parser.columnPruning.enabled", "false")
        .getOrCreate()
    )


def cells(lines: DataFrame) -> DataFrame:
    """One row for each sensor and time: its cells as texts and as numbers, whole lines only."""
    texts = {name: F.when(~F.col(name).isin("", "NA"), F.col(name)) for name in RANGES}
    return (
        lines.where(F.col("torn").isNull())
        .dropDuplicates(["sensor_id", "timestamp"])
        .select(
            "sensor_id",
            F.to_timestamp("timestamp").alias("time"),
            *[text.alias(f"{name}_text") for name, text in texts.items()],
            *[text.try_cast("double").alias(name) for name, text in texts.items()],
        )
    )


def bad(metric: str, rule: str) -> F.Column:
    """Number of cells of a metric that a rule sets aside."""
    unread = F.col(metric).isNull() & F.col(f"{metric}_text").isNotNull()
    return F.count_if(unread if rule == "not_a_number" else ~F.col(metric).between(*RANGES[metric]))


def aggregates(silver: DataFrame, period: str) -> DataFrame:
    """Mean, least, greatest and number of each metric by sensor and period."""
    statistics = {"mean": F.avg, "min": F.min, "max": F.max, "n": F.count}
    return silver.groupBy("sensor_id", F.date_trunc(period, "time").alias(period)).agg(
        *[of(metric).alias(f"{metric}_{name}") for metric in RANGES for name, of in statistics.items()]
    )


def main(source: Path, target: Path) -> None:
    """Write silver, hours, days, crossings and the counts of what was set aside."""
    spark = session()
    lines = spark.read.csv(
        f"{source}/readings-*.csv", schema=SCHEMA, header=True, mode="PERMISSIVE", columnNameOfCorruptRecord="torn"
    )
    found = cells(lines).cache()
    within = [F.when(F.col(name).between(*span), F.col(name)).alias(name) for name, span in RANGES.items()]

    def write(frame: DataFrame, name: str) -> DataFrame:
        frame.write.mode("overwrite").parquet(f"{target}/{name}.parquet")
        return spark.read.parquet(f"{target}/{name}.parquet")

    silver = write(found.select("sensor_id", "time", *within).sort("sensor_id", "time"), "silver")
    rules = ("not_a_number", "impossible")
    counts = found.agg(*[sum((bad(metric, rule) for metric in RANGES), F.lit(0)).alias(rule) for rule in rules])
    torn = lines.where(F.col("torn").isNotNull()).agg(F.count_distinct("sensor_id", "torn").alias("damaged_record"))
    by_rule = counts.crossJoin(torn).unpivot([], [*rules, "damaged_record"], "rule", "n")
    write(by_rule, "set_aside")

    hourly = write(aggregates(silver, "hour"), "hourly")
    write(aggregates(silver, "day"), "daily")
    above = hourly.where(F.round("pm25_mean", 6) > THRESHOLD)
    days = above.groupBy("sensor_id", F.date_trunc("day", "hour").alias("day"))
    write(days.agg(F.count("*").alias("hours_above_35")), "crossings")
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
