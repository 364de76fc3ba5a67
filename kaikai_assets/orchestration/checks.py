"""Checks that look at the whole: what people read after it was published, what waits for a person, who fell silent."""

from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl
from dagster_duckdb import DuckDBResource

from kaikai_assets.build.pending import Plan
from kaikai_assets.build.standing import Standing
from kaikai_assets.build.steps import Domain
from kaikai_assets.digests import digest_of
from kaikai_assets.orchestration.specs import key_of
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema
from kaikai_assets.settings import utc_now

STANDING = "nothing_stuck"
_LISTED = 50
"""Most targets that a check's metadata lists; all are in ``kaikai status``."""


def domain_checks(platform: Platform, domain: Domain) -> list[dg.AssetChecksDefinition]:
    """The checks of a domain's published tables."""
    return [
        _published_check(platform, domain),
        _standing_check(platform, domain),
        _delivered_check(platform, domain),
    ]


def _published_check(platform: Platform, domain: Domain) -> dg.AssetChecksDefinition:
    # Read-only: the published file is never opened for writing, and any number of readers may hold it.
    reader = DuckDBResource(database=str(platform.settings.warehouse), connection_config={"access_mode": "READ_ONLY"})

    @dg.asset_check(
        name="published",
        asset=key_of(domain.warehouse),
        description="Every published table, as an analyst reads it, has exactly the rows that were built.",
    )
    def published() -> dg.AssetCheckResult:
        expected = dict.fromkeys(domain.published, 0)
        for (table, _), built in platform.ledger.targets.built().items():
            if table in expected:
                expected[table] += built.rows
        with reader.get_connection() as connection:
            present = {f"{s}/{t}" for s, t in connection.execute(_TABLES).fetchall()}
            found = {
                table: connection.execute(f"SELECT count(*) FROM {table.replace('/', '.')}").fetchall()[0][0]
                for table in expected
                if table in present
            }
        differing = {
            table: f"{found.get(table, 0)} of {n}" for table, n in expected.items() if found.get(table, 0) != n
        }
        return dg.AssetCheckResult(passed=not differing, metadata={"rows": found, "differing": differing})

    return published


_TABLES = "SELECT schema_name, table_name FROM duckdb_tables()"


def _standing_check(platform: Platform, domain: Domain) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=STANDING,
        asset=key_of(domain.warehouse),
        description="No day is broken, failing, or pending too long. The sensor says so again when the list changes.",
    )
    def nothing_stuck() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_verdict(platform.standing(domain, platform.runner(domain).plan())))

    return nothing_stuck


def changed_standing(
    platform: Platform, domain: Domain, plan: Plan, instance: dg.DagsterInstance, *, flying: bool
) -> dg.AssetCheckEvaluation | None:
    """An evaluation of the standing check, if its list is not the one that was said last. A run that is ``flying`` and
    has the check before it is waited for."""
    verdict = _verdict(platform.standing(domain, plan))
    key = dg.AssetCheckKey(key_of(domain.warehouse), STANDING)
    last = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    listed: object = digest_of([])
    if last is not None and isinstance(last.evaluation, dg.AssetCheckEvaluation):
        listed = last.evaluation.metadata["list"].value
    elif last is not None:
        # Planned by a run that has not come to it, or never will: it failed before.
        listed = verdict["metadata"]["list"] if flying else None
    if listed == verdict["metadata"]["list"]:
        return None
    return dg.AssetCheckEvaluation(key.asset_key, key.name, **verdict)


def _verdict(found: list[Standing]) -> dict[str, Any]:
    severe = any(one.state == "broken" for one in found)
    return {
        "passed": not found,
        "severity": dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        "metadata": {
            **{state: sum(one.state == state for one in found) for state in ("broken", "failed", "overdue")},
            "list": digest_of([[*one.target, one.state, one.error] for one in found]),
            "targets": dg.TableMetadataValue(
                [
                    dg.TableRecord(
                        {
                            "target": " ".join(one.target).strip(),
                            "state": one.state,
                            "pending_since": one.since.isoformat(timespec="seconds") if one.since else "",
                            "attempts": one.attempts,
                            "error": one.error,
                        }
                    )
                    for one in found[:_LISTED]
                ],
                _COLUMNS,
            ),
        },
    }


_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn(name, "int" if name == "attempts" else "string")
        for name in ("target", "state", "pending_since", "attempts", "error")
    ]
)


def _delivered_check(platform: Platform, domain: Domain) -> dg.AssetChecksDefinition:
    silver = domain.steps[0].name
    columns = {name: schema(domain.readings)[name] for name in ("day", domain.entity)}

    @dg.asset_check(
        name="delivered",
        asset=key_of(domain.warehouse),
        description=f"Whoever delivered in the seven days before also delivered for the last whole day, "
        f"{domain.due_by_h:g} hours after its end.",
    )
    def delivered() -> dg.AssetCheckResult:
        day = (utc_now() - timedelta(hours=domain.due_by_h)).date() - timedelta(days=1)
        week = [day - timedelta(days=n) for n in range(8)]
        seen = platform.lake.read(silver, columns, week).unique()
        present = seen.filter(pl.col("day") == day)
        silent = seen.join(present, on=domain.entity, how="anti")[domain.entity].unique().sort().to_list()
        return dg.AssetCheckResult(
            passed=not silent,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "day": day.isoformat(),
                "delivered": present.height,
                "silent": silent[:_LISTED],
                "silent_n": len(silent),
            },
        )

    return delivered
