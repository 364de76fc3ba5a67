"""What all pictures share: how a figure becomes bytes, and how it writes names."""

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

GREY = "#595959"
PALE = "#f2f2f2"

_COLOURS = {
    "Good": "#00e400",
    "Moderate": "#ffff00",
    "Unhealthy for Sensitive Groups": "#ff7e00",
    "Unhealthy": "#ff0000",
    "Very Unhealthy": "#8f3f97",
    "Hazardous": "#7e0023",
}
"""Colour of each AQI category: US EPA, Technical Assistance Document for the Reporting of Daily Air Quality."""

WHITE = "#ffffff"

_LONGEST = 26
_COLOURS_OF_A_PNG = 256


def colour(category: str) -> str:
    """Colour of an AQI category; white for one of another table, whose name stands beside it anyway."""
    return _COLOURS.get(category, WHITE)


def svg(figure: Figure) -> bytes:
    """A figure as SVG with its texts as texts; the same bytes for the same figure."""
    target = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kaikai"}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def png(figure: Figure, dpi: int = 72) -> bytes:
    """A figure as PNG with a palette: small enough for an event log."""
    target = io.BytesIO()
    figure.set_dpi(dpi)
    _laid_out(figure)
    figure.savefig(target, format="png", dpi=dpi)
    target.seek(0)
    with Image.open(target) as image:
        few = image.convert("RGB").quantize(_COLOURS_OF_A_PNG, dither=Image.Dither.NONE)
    small = io.BytesIO()
    few.save(small, format="png", optimize=True)
    return small.getvalue()


def _laid_out(figure: Figure) -> None:
    """Place the parts of a figure, once for all: Matplotlib would draw it a first time only to do so, and place them
    again the second time."""
    if (engine := figure.get_layout_engine()) is not None:
        # An empty figure has nothing to place, of which Matplotlib warns.
        if figure.axes:
            engine.execute(figure)
        figure.set_layout_engine(None)


def label(name: str) -> str:
    """A name as it fits a picture: on one line, what cannot be shown left out, long ones cut."""
    shown = "".join(c if c.isprintable() else " " for c in name).strip()
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def literally(texts: Sequence[Text]) -> None:
    """Keep names with a dollar sign from being read as formulas."""
    for text in texts:
        text.set_parse_math(False)


def is_dark(colour: str) -> bool:
    """Whether white stands out better than black on a colour (relative luminance of WCAG 2.2 below 0.18)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.18
