"""Pieces of HTML. Every text that comes from data passes through ``text``."""

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape

from kaikai_assets.domains.air.pictures.figures import colour

NONE = '<span class="none" title="no value">–</span>'
"""A value that is not there, which is never a zero."""


def text(value: object) -> str:
    """Text from data, escaped; control characters as spaces."""
    return escape("".join(c if c.isprintable() else " " for c in str(value)))


def number(value: float | None, decimals: int = 1) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"


def percent(share: float | None) -> str:
    """A share in percent with one decimal, cut: 74.99 % is not 75 %."""
    return NONE if share is None else f"{math.floor(1000 * share + 1e-6) / 10:g}\u202f%"


def category(name: str | None) -> str:
    """An AQI category in words, with its colour beside."""
    if name is None:
        return NONE
    swatch = f'<span class="swatch" style="background:{colour(name)}"></span>'
    return f'<span class="category">{swatch}<span>{text(name)}</span></span>'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table of ready cells; the first of each row is its heading. ``numeric`` columns stand to the right."""

    def class_of(n: int) -> str:
        return ' class="n"' if n in numeric else ""

    top = "".join(f'<th scope="col"{class_of(n)}>{one}</th>' for n, one in enumerate(head))

    def cell(n: int, content: str) -> str:
        return f"<td{class_of(n)}>{content}</td>" if n else f'<th scope="row">{content}</th>'

    body = "\n".join(f"<tr>{''.join(cell(n, one) for n, one in enumerate(row))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><caption>{caption}</caption>'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def picture(svg: bytes, alternative: str) -> str:
    """An SVG as an image of its own, so that its ids and texts stay apart from the page's."""
    encoded = base64.b64encode(svg).decode()
    return f'<div class="wide"><img src="data:image/svg+xml;base64,{encoded}" alt="{text(alternative)}"></div>'


def bullets(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
