"""Columns that only the air contracts share."""

from typing import Any

import pandera.polars as pa


def points(description: str, most: float, *made_of: str, nullable: bool = False) -> Any:
    """Points of the quality score."""
    return pa.Field(
        nullable=nullable, ge=0, le=most, description=description, metadata={"decimals": 6, "made_of": made_of}
    )


def index(description: str, *made_of: str) -> Any:
    """A whole number on the scale of an air quality index; null where there is no value for it."""
    return pa.Field(nullable=True, ge=0, description=description, metadata={"made_of": made_of})


def category(*made_of: str) -> Any:
    """A category of the air quality index."""
    return pa.Field(nullable=True, description="Category of `pm25_aqi`", metadata={"made_of": made_of})


def correction(*made_of: str) -> Any:
    """How corrected values came about."""
    return pa.Field(
        nullable=True,
        description="Correction by which: a version of ours, or `source` where the source delivers corrected values",
        metadata={"made_of": made_of},
    )
