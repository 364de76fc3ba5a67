"""Units of measurement: exact linear conversions between the unit of a file and the unit of a contract."""

import re
import tokenize
import unicodedata
from fractions import Fraction
from functools import cache

import pint

# A text that is no unit at all goes wrong anywhere within pint.
_NO_UNIT = (
    pint.errors.PintError,
    tokenize.TokenError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    TypeError,
    ValueError,
)


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
        zero, one = (_registry().Quantity(Fraction(x), _spelled(unit)).to(_spelled(to)).magnitude for x in (0, 1))
    except pint.DimensionalityError as error:
        raise ValueError(f"cannot convert unit {unit!r} to {to!r}: their dimensions differ") from error
    except pint.UndefinedUnitError as error:
        raise ValueError(f"cannot convert unit {unit!r} to {to!r}: {error}") from error
    except _NO_UNIT as error:
        raise ValueError(f"cannot convert unit {unit!r} to {to!r}: no such unit") from error
    return float(one - zero), float(zero)


def _spelled(unit: str) -> str:
    """A unit as pint spells it: ``µg/m³``, ``μg/m3`` and ``ug/m^3`` are one."""
    return re.sub(r"(?<=[A-Za-zμ])(?=[23]\b)", "**", unicodedata.normalize("NFKC", unit))
