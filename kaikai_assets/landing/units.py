"""Units of measurement: exact linear conversions between the unit of a file and the unit of a contract."""

from fractions import Fraction
from functools import cache

import pint


@cache
def _registry() -> pint.UnitRegistry[Fraction]:
    # Fractions keep 9/5 exact: 50 °F is 10 °C, not 10.000000000000002.
    registry: pint.UnitRegistry[Fraction] = pint.UnitRegistry(
        non_int_type=Fraction, autoconvert_offset_to_baseunit=True
    )
    registry.define("ppb = 1e-9")
    registry.define("fraction = 1")
    return registry


@cache
def linear(unit: str, to: str) -> tuple[float, float]:
    """``(scale, offset)`` such that ``value_in_to = value_in_unit * scale + offset``.

    Raises ``ValueError`` naming both units when they are unknown or of different dimension.
    """
    if unit == to:
        return 1.0, 0.0
    try:
        zero, one = (_registry().Quantity(Fraction(x), unit).to(to).magnitude for x in (0, 1))
    except (pint.errors.PintError, AttributeError, TypeError) as error:
        raise ValueError(f"cannot convert unit {unit!r} to {to!r}: {error}") from error
    return float(one - zero), float(zero)
