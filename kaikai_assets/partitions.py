"""Event days as Dagster partitions: UTC days from the first day to today, today included."""

from datetime import date

import dagster as dg


def event_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """Daily partitions, keys ``YYYY-MM-DD``, half-open UTC days; today is valid as soon as it begins."""
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)
