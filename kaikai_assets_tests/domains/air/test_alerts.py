"""What rules of air judge: coarse readings break a silence and are compared with nothing."""

from datetime import timedelta
from typing import Any

import polars as pl

from kaikai_assets.alerts.episodes import fold
from kaikai_assets.alerts.runs import runs
from kaikai_assets.domains.air import configuration
from kaikai_assets.domains.air.transforms import alerts
from kaikai_assets_tests.domains.air.frames import DAY, START, readings, registry, silver

NOBODY = registry()


def of_shadow(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Alerts of readings by the monitoring rules."""
    rules = next(one for one in configuration.rule_sets() if one.rule_set == "kaikai-monitoring-v1")
    of_readings = rules.model_copy(update={"rules": rules.of("reading")})
    days = sorted({row["day"] for row in rows})
    found = runs([of_readings], {"reading": alerts.readings(silver(*rows), NOBODY)}, "sensor_id", days)
    return fold(found, of_readings, "sensor_id").select("rule", "sensor_id", "opened_at", "closed_at").sort("opened_at")


def test_a_sensor_that_turns_hourly_is_not_offline() -> None:
    fine = readings([1.0] * 12)
    hours = readings([100.0] * 5, START + timedelta(hours=1), 60, grain="PT1H")
    others = readings([1.0] * 72, sensor="S2")
    assert of_shadow([*fine, *hours, *others]).is_empty()
    # Silence is found all the same, also between hours.
    later = readings([100.0] * 2, START + timedelta(hours=5), 60, grain="PT1H")
    found = of_shadow([*fine, *hours[:2], *later, *readings([1.0] * 85, sensor="S2")])
    assert found.rows() == [("offline", "S1", START + timedelta(hours=4), START + timedelta(hours=5))]


def test_a_day_as_delivered_makes_nobody_else_offline() -> None:
    rows = [*readings([1.0] * 12), *readings([1.0], sensor="S2", grain="P1D")]
    assert of_shadow(rows).is_empty()


def test_only_readings_of_less_than_an_hour_have_a_value_to_compare() -> None:
    rows = [
        *readings([40.0], grain="PT1H"),
        *readings([20.0, 41.0], grain="PT5M"),
        *readings([30.0], sensor="S2", grain="P1D"),
    ]
    found = alerts.readings(silver(*rows), NOBODY).sort("sensor_id", "start")
    assert found.select("sensor_id", "grain", "pm25").rows() == [
        ("S1", "PT5M", 20.0),
        ("S1", "PT5M", 41.0),
        ("S2", "P1D", None),
    ]
    assert found["day"].to_list() == [DAY] * 3
