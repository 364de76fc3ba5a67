"""Each query on DuckDB and on PostgreSQL, on the tables of a module's published ``file``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kaikai_assets_tests.sql.engines import Ask, on_duckdb, on_postgresql


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def ask(request: pytest.FixtureRequest, file: Path) -> Iterator[Ask]:
    if request.param == "duckdb":
        with on_duckdb(file) as asked:
            yield asked
    else:
        with on_postgresql(file, request.getfixturevalue("postgres_server")) as asked:
            yield asked
