"""What raw holds by its sidecars, and whether its bytes and the ledger agree with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from kaikai_assets.landing import raw
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.settings import Settings


@dataclass(frozen=True)
class Inventory:
    """Files in raw by their sidecars, in order of arrival; ``unreadable`` sidecars by their folder below raw.

    ``noted`` is what the ledger knows, by identity; ``unnoted`` are those of ``files`` that it does not know.
    """

    files: list[Landed]
    noted: dict[str, Landed]
    unnoted: list[Landed]
    unreadable: dict[str, str]

    @property
    def lost(self) -> list[Landed]:
        """Files that the ledger knows, but that have no sidecar."""
        present = {landed.identity for landed in self.files}
        return [known for known in self.noted.values() if known.identity not in present]


def inventory(settings: Settings, ledger: Ledger, domain: str | None = None) -> Inventory:
    """The files of a domain, or all, that have landed until now. One that is landing now is not among them."""
    known = {identity: noted for identity, noted in ledger.landed.noted().items() if domain in (None, noted.domain)}
    files, unreadable = read_sidecars(settings.raw, domain)
    unknown = [landed for landed in files if landed.identity not in known]
    if unknown:
        # First who is on the way, then who has arrived: a file that lands meanwhile is seen by one of the two.
        last = raw.arriving(settings.raw)
        later = ledger.landed.noted().keys() | ({last.identity} if last else set())
        files = [landed for landed in files if landed.identity in known or landed.identity not in later]
        unknown = [landed for landed in unknown if landed.identity not in later]
    return Inventory(files, known, unknown, unreadable)


def read_sidecars(folder: Path, domain: str | None) -> tuple[list[Landed], dict[str, str]]:
    """Sidecars of a domain, or all, in order of arrival, and why others cannot be read, by their folder below raw."""
    found: list[Landed] = []
    unreadable: dict[str, str] = {}
    for path in raw.sidecar_files(folder):
        place = path.parent.relative_to(folder)
        if domain not in (None, place.parts[0]):
            continue
        try:
            found.append(Landed.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            first = error.errors()[0]
            unreadable[str(place)] = f"its sidecar cannot be read: {'.'.join(map(str, first['loc']))} {first['msg']}"
        except OSError as error:
            unreadable[str(place)] = f"its sidecar cannot be read: {error.strerror}"
    return sorted(found, key=lambda landed: (landed.arrival_seq, landed.arrived_at)), unreadable


def damaged(folder: Path, files: Iterable[Landed]) -> Iterator[tuple[Landed, str]]:
    """Files whose bytes are not those that landed, and why; all bytes are read. What retention removed has none."""
    for landed in files:
        if landed.removed is not None:
            continue
        try:
            found = fingerprint(folder / landed.raw_file)
        except OSError as error:
            yield landed, f"cannot be read: {error.strerror}"
            continue
        if found != landed.sha256:
            yield landed, f"its bytes are not those that landed: sha256 {found}, landed {landed.sha256}"


def misnoted(noted: Mapping[str, Landed], files: Iterable[Landed]) -> Iterator[tuple[Landed, str]]:
    """Files that the ledger (``noted``, by identity) knows otherwise than their sidecars, and in what."""
    for landed in files:
        known = noted.get(landed.identity, landed)
        if landed.removed is None:
            # The ledger is the first to say so; a killed removal is finished by the next.
            known = known.model_copy(update={"removed": None})
        if known != landed:
            differing = [name for name in Landed.model_fields if getattr(known, name) != getattr(landed, name)]
            yield landed, f"the ledger knows another {', '.join(differing)}"
