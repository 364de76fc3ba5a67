"""One thing that a look at the platform found."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """``what`` was found about a ``subject``; ``todo`` says what a person can do, empty where nothing is to be done."""

    severity: Severity
    subject: str
    what: str
    todo: str = ""


REPAIR = "kaikai doctor --repair"


def listed(names: list[str], most: int = 3) -> str:
    """The number of some names, and the first of them."""
    return f"{len(names)} ({', '.join(names[:most])}{', …' if len(names) > most else ''})"
