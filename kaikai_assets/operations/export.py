"""Export of one patient: all that is held, as JSON lines with a manifest."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kaikai_assets.build.steps import Domain
from kaikai_assets.landing.raw import Landed
from kaikai_assets.operations.erase import NoSuchPatient
from kaikai_assets.operations.holdings import alerts_of, common_lines, rows_of
from kaikai_assets.operations.refused import refused_texts
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.container import blocks
from kaikai_assets.privacy.erased import sealed_files
from kaikai_assets.privacy.mentions import Naming
from kaikai_assets.privacy.pseudonyms import PSEUDONYM_VERSION
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import utc_now


def export(platform: Platform, domain: Domain, patient: str, reason: str, folder: Path) -> dict[str, int]:
    """Write what is held of a patient, given as the id of the source files or as pseudonym; rows by file.

    The lines of raw as they stand there, damaged lines and those of refused files that name the patient, rows of every
    table of the lake about the patient, and of the ledger. Raises ``KeyProblem``, ``NoSuchPatient``, and
    ``FileExistsError`` unless the folder is empty.
    """
    vault = Vault.opened(platform.settings, domain.name)
    name = vault.patient(patient)
    if not vault.store.has(domain.name, name):
        raise NoSuchPatient(f"{domain.name} holds nothing of this patient")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    folder.chmod(0o700)  # before anything is in it, also where it was there
    written: dict[str, dict[str, Any]] = {}

    def write(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        place = f"{title}.ndjson"
        text = "".join(json.dumps(row, default=_plain, ensure_ascii=False) + "\n" for row in rows)
        written[place] = {"rows": len(rows), "sha256": _private(folder / place, text)}

    naming = Naming(vault.keys.pseudonym, domain.name, {name}, patient=patient if patient != name else "")
    write("raw_lines", list(_lines(platform, domain, vault, name)))
    of_nobody = common_lines(platform, domain, vault)
    write("damaged_lines", [_line(*one) for one in of_nobody if naming.finds(one[2])])
    write("refused_lines", list(_refused_lines(platform, domain, vault, naming)))
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
    with open(path, "x", encoding="utf-8", newline="", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    return hashlib.sha256(text.encode()).hexdigest()


def _lines(platform: Platform, domain: Domain, vault: Vault, name: str) -> Iterator[dict[str, Any]]:
    """Lines of raw that are sealed for a patient, with their place."""
    opener = vault.opener()
    for landed in sealed_files(platform.settings, domain.name):
        for block in blocks(platform.settings.raw / landed.raw_file):
            for content in opener.contents(block, lambda patient: patient == name):
                for number, line in zip(content.numbers, content.lines, strict=True):
                    yield _line(landed, number, line.decode())


def _line(landed: Landed, number: int, text: str) -> dict[str, Any]:
    return {"source": landed.source, "raw_file": landed.raw_file, "line": number, "text": text}


def _refused_lines(platform: Platform, domain: Domain, vault: Vault, naming: Naming) -> Iterator[dict[str, Any]]:
    """Lines of refused files that name a patient."""
    for path, text, _ in refused_texts(platform.settings, domain.name, vault.opener()):
        for number, line in enumerate(text.split("\n"), start=1):
            if naming.finds(line):
                yield {"file": str(path.relative_to(platform.settings.data)), "line": number, "text": line}


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
