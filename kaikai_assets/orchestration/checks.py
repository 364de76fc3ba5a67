"""Checks that look at what people read, after it was published."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from kaikai_assets.build.steps import Domain
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.orchestration.specs import key_of


def published_check(platform: Platform, domain: Domain) -> dg.AssetChecksDefinition:
    """Compares each published table, as an analyst would read it, with the rows that the ledger says were built."""
    # Read-only: the published file is never opened for writing, and any number of readers may hold it.
    reader = DuckDBResource(database=str(platform.settings.warehouse), connection_config={"access_mode": "READ_ONLY"})

    @dg.asset_check(
        name="published",
        asset=key_of(domain.warehouse),
        description="Every published table has exactly the rows that were built.",
    )
    def published() -> dg.AssetCheckResult:
        expected = dict.fromkeys(domain.published, 0)
        for (table, _), built in platform.ledger.built().items():
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
