"""Erased patients, and who did what to the data of sensitive domains: no personal data."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database, aware, naive


class Privacy:
    """The ledger's notes of sensitive domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def suppressed(self, domain: str) -> set[str]:
        """Keyed hashes of a domain's erased patients."""
        t = schema.suppressions.c
        with self._database.read() as c:
            return set(c.execute(select(t.hash).where(t.domain == domain)).scalars())

    def suppress(self, domain: str, suppression: str, at: datetime) -> None:
        """Note an erased patient, once."""
        t = schema.suppressions
        with self._database.write() as c:
            known = select(t.c.hash).where(t.c.domain == domain, t.c.hash == suppression)
            if c.execute(known).first() is None:
                c.execute(insert(t).values(domain=domain, hash=suppression, at=naive(at)))

    def note(self, domain: str, action: str, reason: str, scope: Mapping[str, int], at: datetime) -> None:
        """Note an action with the counts of what it touched."""
        row = {"domain": domain, "action": action, "reason": reason, "scope": json.dumps(scope, sort_keys=True)}
        with self._database.write() as c:
            c.execute(insert(schema.privacy_audit).values(**row, at=naive(at)))

    def audit(self) -> list[dict[str, Any]]:
        """All actions in order: ``at, domain, action, reason, scope``."""
        t = schema.privacy_audit.c
        query = select(t.at, t.domain, t.action, t.reason, t.scope).order_by(t.id)
        with self._database.read() as c:
            rows = c.execute(query).mappings().all()
        return [{**row, "at": aware(row["at"]), "scope": json.loads(row["scope"])} for row in rows]
