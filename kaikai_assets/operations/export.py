"""Export of one patient: all that is held, as JSON lines with a manifest."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kaikai_assets.build.steps import Domain
from kaikai_assets.landing import raw
from kaikai_assets.operations.erase import NoSuchPatient
from kaikai_assets.operations.holdings import alerts_of, rows_of
from kaikai_assets.operations.manifest import write_text
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.container import SEALED, blocks
from kaikai_assets.privacy.pseudonyms import PSEUDONYM_VERSION
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import utc_now


def export(platform: Platform, domain: Domain, patient: str, reason: str, folder: Path) -> dict[str, int]:
    """Write what is held of a patient, given as the id of the source files or as pseudonym; rows by file.

    The lines of raw as they stand there, rows of every table of the lake about the patient, and of the ledger. Raises
    ``KeyProblem``, ``NoSuchPatient``, and ``FileExistsError`` unless the folder is empty.
    """
    vault = Vault.opened(platform.settings, domain.name)
    name = vault.patient(patient)
    if not vault.store.has(domain.name, name):
        raise NoSuchPatient(f"{domain.name} holds nothing of this patient")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    written: dict[str, dict[str, Any]] = {}

    def write(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        place = f"{title}.ndjson"
        text = "".join(json.dumps(row, default=_plain, ensure_ascii=False) + "\n" for row in rows)
        written[place] = {"rows": len(rows), "sha256": _private(folder / place, text)}

    write("raw_lines", list(_lines(platform, domain, vault, name)))
    for table, rows in rows_of(platform, domain, name):
        write(table.replace("/", "."), rows.rows(named=True))
    for table, noted in _notes(platform, domain, name).items():
        write(f"ledger.{table}", noted)
    manifest = {
        "made_at": utc_now().isoformat(timespec="seconds"),
        "domain": domain.name,
        "patient": name,
        "pseudonym_version": PSEUDONYM_VERSION,
        "files": written,
    }
    _private(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    counts = {place: told["rows"] for place, told in written.items()}
    platform.ledger.privacy.note(
        domain.name, "export", reason, {"files": len(counts), "rows": sum(counts.values())}, utc_now()
    )
    return counts


def _private(path: Path, text: str) -> str:
    sha256 = write_text(path, text)
    path.chmod(0o600)
    return sha256


def _lines(platform: Platform, domain: Domain, vault: Vault, name: str) -> Iterator[dict[str, Any]]:
    """Lines of raw that are sealed for a patient, with their place."""
    opener = vault.opener()
    for landed in raw.sidecars(platform.settings.raw):
        if landed.domain != domain.name or landed.removed is not None or not landed.name.endswith(SEALED):
            continue
        for block in blocks(platform.settings.raw / landed.raw_file):
            for content in opener.contents(block, lambda patient: patient == name):
                for number, line in zip(content.numbers, content.lines, strict=True):
                    yield {"source": landed.source, "raw_file": landed.raw_file, "line": number, "text": line.decode()}


def _notes(platform: Platform, domain: Domain, name: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of the ledger that name a patient, or one of the patient's alerts."""
    found: dict[str, list[dict[str, Any]]] = {}
    for wanted in [name, *sorted(alerts_of(platform, domain, name))]:
        for table, rows in platform.ledger.privacy.rows_of(wanted).items():
            known = found.setdefault(table, [])
            known += [row for row in rows if row not in known]
    return found


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
