"""What a call of landing did, for those who called it."""

from dataclasses import dataclass, field

from kaikai_assets.landing.raw import Landed

TIME_UP = "the tick's time is up"
LARGE = "large: landed by the next run"
BUSY = "another process is landing"
"""Why files are left that a later call takes."""


@dataclass
class LandingReport:
    """What one call did. Names are relative to the domain's inbox."""

    landed: list[Landed] = field(default_factory=list)
    redelivered: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def stuck(self) -> list[tuple[str, str]]:
        """What stays in the inbox until a person helps: names and reasons."""
        return [(name, reason) for name, reason in self.left if reason not in (TIME_UP, LARGE, BUSY)]

    @property
    def records(self) -> int:
        return sum(landed.records for landed in self.landed)

    def add(self, later: "LandingReport") -> None:
        """Add what a later call did."""
        self.landed += later.landed
        self.redelivered += later.redelivered
        self.rejected += later.rejected
        self.unsettled += later.unsettled
        self.left = later.left
