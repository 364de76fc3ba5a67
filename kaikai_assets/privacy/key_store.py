"""The key store: one data key a patient, wrapped by the encryption key, apart from the lake and from its backup.

Destroying a patient's key makes all that was sealed with it unreadable, in every file. What is destroyed leaves the
random name of the key and a keyed hash, neither of which joins to the patient's pseudonym.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from kaikai_assets.faults import before_write
from kaikai_assets.privacy.keys import KeyProblem, Keys
from kaikai_assets.privacy.pseudonyms import PSEUDONYM_VERSION, keyed

STORE = "keys.sqlite"

COMMON = ""
"""Whose key opens what belongs to no one patient: headers, lines without a readable id, rejected files."""

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS data_keys (
    domain TEXT NOT NULL, patient TEXT NOT NULL, key_id TEXT NOT NULL UNIQUE, wrapped BLOB NOT NULL,
    PRIMARY KEY (domain, patient));
CREATE TABLE IF NOT EXISTS destroyed (key_id TEXT PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS suppressed (domain TEXT, hash TEXT, at TEXT NOT NULL, PRIMARY KEY (domain, hash));
"""

_SUPPRESS = "INSERT OR IGNORE INTO suppressed VALUES (?, ?, ?)"


class KeyStore:
    """The data keys of a folder. Opening raises ``KeyProblem`` when it is not there or was made with other keys.

    With ``create`` it is made where there is none.
    """

    def __init__(self, folder: Path, keys: Keys, *, create: bool) -> None:
        self._path = folder / STORE
        self._keys = keys
        if not self._path.exists():
            if not create:
                raise KeyProblem(f"there is no key store {self._path}; put it back from the backup of the keys")
            before_write()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._same_keys()

    def _same_keys(self) -> None:
        told = {
            "pseudonym_version": str(PSEUDONYM_VERSION),
            "KAIKAI_PSEUDONYM_KEY": keyed(self._keys.pseudonym, "check"),
            "KAIKAI_ENCRYPTION_KEY": keyed(self._keys.encryption, "check"),
            "demo": str(self._keys.demo),
        }
        with self._open() as connection:
            has_tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'about'").fetchone()
            known = dict(connection.execute("SELECT name, value FROM about")) if has_tables else {}
        if not known:
            with self._open(write=True) as connection:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", list(told.items()))
                known = dict(connection.execute("SELECT name, value FROM about"))
        if known["demo"] != told["demo"]:
            made = "the demo key" if known["demo"] == "True" else "keys of its own"
            todo = "begin with an empty data root" if known["demo"] == "True" else "set both"
            raise KeyProblem(
                f"the key store {self._path} was made with {made}; KAIKAI_PSEUDONYM_KEY and KAIKAI_ENCRYPTION_KEY "
                f"are {'not set' if self._keys.demo else 'set'}: {todo}"
            )
        for name, value in told.items():
            if known[name] != value:
                raise KeyProblem(f"{name} is not the one that the key store {self._path} was made with")

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            # What is deleted must not stay in the file's free pages.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield connection
            if write:
                before_write()
            connection.execute("COMMIT")

    def key_of(self, domain: str, patient: str) -> tuple[str, bytes]:
        """Name and data key of a patient, by pseudonym; a new key where there is none."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT key_id, wrapped FROM data_keys WHERE domain = ? AND patient = ?", (domain, patient)
            ).fetchone()
        if found is None:
            with self._open(write=True) as connection:
                new = (
                    domain,
                    patient,
                    secrets.token_hex(8),
                    aes_key_wrap(self._keys.encryption, secrets.token_bytes(32)),
                )
                connection.execute("INSERT OR IGNORE INTO data_keys VALUES (?, ?, ?, ?)", new)
            return self.key_of(domain, patient)
        return found[0], self._unwrapped(*found)

    def keys_by_id(self, domain: str) -> dict[str, tuple[str, bytes]]:
        """Pseudonym and wrapped data key of all patients of a domain, by the key's name."""
        with self._open() as connection:
            rows = connection.execute("SELECT key_id, patient, wrapped FROM data_keys WHERE domain = ?", (domain,))
            return {key_id: (patient, wrapped) for key_id, patient, wrapped in rows}

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """A data key. Raises ``KeyProblem``."""
        return self._unwrapped(key_id, wrapped)

    def _unwrapped(self, key_id: str, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._keys.encryption, wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise KeyProblem(f"key {key_id} of {self._path} is damaged: put the store back from its backup") from error

    def patients(self, domain: str) -> list[str]:
        """Pseudonyms of a domain's patients."""
        return sorted(patient for patient, _ in self.keys_by_id(domain).values() if patient != COMMON)

    def has(self, domain: str, patient: str) -> bool:
        """Whether there is a key of a patient."""
        with self._open() as connection:
            query = "SELECT 1 FROM data_keys WHERE domain = ? AND patient = ?"
            return connection.execute(query, (domain, patient)).fetchone() is not None

    def destroyed(self) -> set[str]:
        """Names of destroyed keys."""
        with self._open() as connection:
            return {key_id for (key_id,) in connection.execute("SELECT key_id FROM destroyed")}

    def suppressed(self, domain: str) -> set[str]:
        """Hashes of the patients of a domain that were erased."""
        with self._open() as connection:
            rows = connection.execute("SELECT hash FROM suppressed WHERE domain = ?", (domain,))
            return {found for (found,) in rows}

    def destroy(self, domain: str, patient: str, suppression: str, at: datetime) -> None:
        """Destroy a patient's key and suppress the patient, both or neither."""
        with self._open(write=True) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO destroyed SELECT key_id, ? FROM data_keys WHERE domain = ? AND patient = ?",
                (at.isoformat(), domain, patient),
            )
            connection.execute("DELETE FROM data_keys WHERE domain = ? AND patient = ?", (domain, patient))
            connection.execute(_SUPPRESS, (domain, suppression, at.isoformat()))

    def suppress(self, domain: str, suppression: str, at: datetime) -> None:
        """Suppress a patient of whom there is no key."""
        with self._open(write=True) as connection:
            connection.execute(_SUPPRESS, (domain, suppression, at.isoformat()))
