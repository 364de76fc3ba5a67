"""The registry of sensors from its snapshot files."""

from collections.abc import Mapping, Sequence

import polars as pl

from kaikai_assets.domains.air.contracts import Sensors
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.registry import conform_registry


def conformed(files: Sequence[pl.DataFrame], sources: Mapping[str, Source]) -> Conformed:
    """Records of read snapshot files, at least one, as typed registry rows, and what was set aside."""
    return conform_registry(files, sources, Sensors, "sensor_id")
