"""What other processes do to a ledger."""

from datetime import UTC, date, datetime, timedelta

from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Account, Built

NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
DAY = date(2025, 1, 1)


def landed(arrival: int, identity: str = "", days: dict[date, int] | None = None, domain: str = "air") -> Landed:
    """A landed file."""
    return Landed(
        domain=domain,
        source="wide",
        kind="readings",
        identity=identity or f"{arrival:032x}",
        sha256="0" * 64,
        name=f"{arrival}.csv",
        bytes=10,
        records=sum((days or {}).values()),
        arrival_seq=arrival,
        arrived_at=NOW,
        counted="0" * 32,
        days=days or {},
    )


def take_numbers(url: str, count: int) -> list[int]:
    """Arrival numbers from a ledger that this process opens first."""
    ledger = Ledger(url)
    return [ledger.landed.next_arrival() for _ in range(count)]


def open_new(urls: list[str]) -> list[int]:
    """Open ledgers that other processes open too; an arrival number of each."""
    return [Ledger(url).landed.next_arrival() for url in urls]


def register_same(url: str, number: int, files: int) -> list[bool]:
    """Register files that other processes register too, each under its own arrival numbers."""
    ledger = Ledger(url)
    return [ledger.landed.register(landed(1000 * number + n, f"{n:032x}", {DAY: 1})) for n in range(1, files + 1)]


def begin_again(url: str, times: int) -> None:
    """Begin attempts at one target."""
    ledger = Ledger(url)
    for _ in range(times):
        ledger.targets.begin_attempts({("gold/t", "2025-01-01"): "d"}, NOW)


def build_and_account(url: str, number: int, times: int) -> None:
    """Note builds and accounts of one target, in which all numbers are the same."""
    ledger = Ledger(url)
    for _ in range(times):
        of_sources = tuple(Account("2025-01-01", source, number, number, 0, 0) for source in ("a", "b"))
        built = {("gold/t", "2025-01-01"): Built(f"d{number}", f"o{number}", number, number)}
        ledger.targets.record_built(built, NOW, {("air", "2025-01-01"): of_sources})
        ledger.landed.note_redelivery(f"{number}", "again.csv", NOW, NOW + timedelta(days=1))
