"""Zones ranked by day: sensors first, then the zone."""

from typing import Any

import polars as pl
import pytest

from kaikai_assets_tests.domains.air.frames import readings, registry, silver, zone_daily
from kaikai_assets_tests.vectors import AIR


def of_sensors(**means: float) -> list[dict[str, Any]]:
    return [row for sensor, mean in means.items() for row in readings([mean] * 288, sensor=sensor)]


def located(**zones: str | None) -> list[dict[str, Any]]:
    return [{"sensor_id": sensor, "location_type": zone} for sensor, zone in zones.items()]


def by_zone(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["zone"]: row for row in rows.to_dicts()}


def test_a_zones_mean_is_the_mean_of_its_sensors_however_much_they_sent() -> None:
    vector = AIR["zone_mean"]
    one, other, single = (
        vector["A_sensor1"]["value"],
        vector["A_sensor2"]["value"],
        vector["B_single_sensor"],
    )
    # The first sends a minute's readings, the second one in ten minutes.
    rows = silver(
        *readings([one] * 1440, minutes=1, sensor="A1"),
        *readings([other] * 144, minutes=10, sensor="A2"),
        *readings([single] * 288, sensor="B1"),
    )
    intervals = {"A1": 60.0, "A2": 600.0, "B1": 300.0}
    known = [row | {"expected_interval_s": intervals[row["sensor_id"]]} for row in located(A1="A", A2="A", B1="B")]
    found = by_zone(zone_daily(rows, registry(*known)))
    assert found["A"]["pm25_mean"] == vector["sensor_then_zone_mean"]
    assert sorted(found, key=lambda zone: found[zone]["pm25_mean"], reverse=True) == vector["rank_sensor_then_zone"]
    assert (found["B"]["rank"], found["A"]["rank"]) == (1, 2)


def test_the_best_zone_is_first_and_equal_ones_share_their_place() -> None:
    rows = silver(*of_sensors(S1=12.0, S2=12.0, S3=56.0, S4=35.1))
    found = by_zone(zone_daily(rows, registry(*located(S1="a", S2="b", S3="c", S4="d"))))
    assert {zone: (row["rank"], row["band"]) for zone, row in found.items()} == {
        "a": (1, "excellent"), "b": (1, "excellent"), "d": (3, "bad"), "c": (4, "critical"),
    }  # fmt: skip
    assert (found["c"]["pm25_aqi"], found["c"]["pm25_aqi_category"]) == (151, "Unhealthy")


def test_test_devices_and_retired_sensors_are_no_part_of_a_zone() -> None:
    known = [*located(S1="a"), *({"sensor_id": s, "location_type": "a", "status": s} for s in ("test", "retired"))]
    found = by_zone(zone_daily(silver(*of_sensors(S1=10.0, test=90.0, retired=90.0)), registry(*known)))
    assert (found["a"]["pm25_mean"], found["a"]["sensors"], found["a"]["sensors_reporting"]) == (10.0, 1, 1)


@pytest.mark.parametrize("known", [[], located(S2=None)], ids=["not registered", "without a type"])
def test_sensors_of_no_known_zone_are_listed_and_never_ranked(known: list[dict[str, Any]]) -> None:
    rows = silver(*of_sensors(S1=30.0, S2=10.0))
    found = by_zone(zone_daily(rows, registry(*located(S1="a"), *known)))
    assert (found["Unknown"]["pm25_mean"], found["Unknown"]["band"], found["Unknown"]["rank"]) == (
        10.0, "excellent", None,
    )  # fmt: skip
    assert found["a"]["rank"] == 1


def test_days_that_are_not_complete_report_but_do_not_count() -> None:
    rows = silver(*of_sensors(S1=10.0), *readings([90.0] * 200, sensor="S2"), *readings([90.0], sensor="S3"))
    found = by_zone(zone_daily(rows, registry(*located(S1="a", S2="a", S3="b"))))
    assert (found["a"]["pm25_mean"], found["a"]["sensors"], found["a"]["sensors_reporting"]) == (10.0, 1, 2)
    empty = ("sensors", "pm25_mean", "pm25_aqi", "rank", "band")
    assert [found["b"][name] for name in empty] == [0, None, None, None, None]
