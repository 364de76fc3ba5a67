"""What an operator must know: targets that are broken, that failed and will be tried again, that wait too long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kaikai_assets.build.due import broken
from kaikai_assets.build.pending import Plan
from kaikai_assets.ledger.targets import KILLED, Attempt, Target


@dataclass(frozen=True)
class Standing:
    """A target that is not as it should be. ``broken``: given up until its inputs change or a person asks for it."""

    target: Target
    state: Literal["broken", "failed", "overdue"]
    since: datetime | None
    attempts: int
    error: str


def standing(
    made: Plan,
    attempts: Mapping[Target, Attempt],
    since: Mapping[str, datetime],
    now: datetime,
    *,
    most: int,
    overdue_s: float,
) -> list[Standing]:
    """All targets to look at, the broken first. ``since`` tells for each part how long it has been pending.

    Of a part that waits too long only its first targets are named: those that wait for no other.
    """
    given_up = broken(made, attempts, most)
    found = []
    for target in made.pending:
        attempt = attempts.get(target)
        known = attempt if attempt is not None and attempt.digest == made.digests[target] else None
        begun = since.get(target[1])
        if target in given_up:
            state: Literal["broken", "failed", "overdue"] = "broken"
        elif known is not None and (known.error != KILLED or known.attempts > 1):
            state = "failed"
        elif target in made.changed and begun is not None and now - begun >= timedelta(seconds=overdue_s):
            state = "overdue"
        else:
            continue
        error = known.error if known is not None else ""
        found.append(Standing(target, state, begun, known.attempts if known is not None else 0, error))
    order = ("broken", "failed", "overdue")
    return sorted(found, key=lambda one: (order.index(one.state), one.target))
