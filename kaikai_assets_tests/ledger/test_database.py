"""The ledger's database: connections that are lost, text that a server refuses, servers that cannot be reached."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import LedgerUnavailable
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.settings import Settings
from kaikai_assets_tests import postgres

NOW = datetime(2025, 1, 1, tzinfo=UTC)
SECRET = "correct-horse"
UNREACHABLE = {
    "nobody listens": (f"postgresql+psycopg2://kaikai:{SECRET}@127.0.0.1:1/ledger", "Connection refused"),
    "no such host": (f"postgresql://kaikai:{SECRET}@nowhere.invalid/ledger", "nowhere.invalid"),
    "no such folder": (f"postgresql://kaikai:{SECRET}@/ledger?host=/nowhere", "No such file or directory"),
    "an @ in the password": (f"postgresql://kaikai:un@{SECRET}@127.0.0.1:1/ledger", "%40"),
    "an @ and a : in the password": (f"postgresql://kaikai:un@x:{SECRET}@127.0.0.1/ledger", "not a SQLAlchemy URL"),
    "no URL": (SECRET, "not a SQLAlchemy URL"),
    "no such driver": (f"postgresql+pg8000://kaikai:{SECRET}@127.0.0.1/ledger", "pg8000"),
    "unknown driver": (f"postgresql+no://kaikai:{SECRET}@127.0.0.1/ledger", "postgresql.no"),
    "another database system": (f"mysql://kaikai:{SECRET}@127.0.0.1/ledger", "sqlite or postgresql"),
}


def test_connections_that_the_server_closed_are_replaced(postgres_server: postgres.Server, postgres_url: str) -> None:
    ledger = Ledger(postgres_url)
    before = ledger.landed.next_arrival()
    database = make_url(postgres_url).database
    postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
    assert ledger.landed.has("a") is False
    assert ledger.landed.next_arrival() == before + 1


def test_text_that_quotes_a_damaged_file_is_kept_with_escapes(url: str) -> None:
    ledger = Ledger(url)
    ledger.landed.note_rejection("air", "a\udce9.csv", "unknown column 'pm\x0025'", NOW)
    ledger.targets.begin_attempts({("gold/t", ""): "d"}, NOW)
    ledger.targets.record_error(("gold/t", ""), "value '\x00µ'")
    assert ledger.targets.attempts()["gold/t", ""].error == "value '\\x00µ'"
    with create_engine(url).connect() as connection:
        (row,) = connection.execute(select(schema.rejections.c.name, schema.rejections.c.reason))
    assert row == ("a\\udce9.csv", "unknown column 'pm\\x0025'")


def test_a_ledger_of_an_older_version_gets_the_columns_it_lacks(url: str) -> None:
    Ledger(url).targets.begin_attempts({("gold/t", ""): "d"}, NOW)
    with create_engine(url).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE attempts DROP COLUMN transient")
    attempt = Ledger(url).targets.attempts()["gold/t", ""]
    assert (attempt.digest, attempt.attempts, attempt.transient) == ("d", 1, False)


@pytest.mark.parametrize("name", UNREACHABLE)
def test_a_ledger_that_cannot_be_opened_is_named_without_its_password(name: str) -> None:
    url, said = UNREACHABLE[name]
    with pytest.raises(LedgerUnavailable) as raised:
        Ledger(url)
    message = str(raised.value)
    assert said in message
    assert SECRET not in message
    assert "\n" not in message


def test_settings_do_not_show_the_password() -> None:
    settings = Settings(ledger_url=f"postgresql://kaikai:{SECRET}@127.0.0.1/ledger")
    assert SECRET in settings.ledger_uri
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.slow
def test_status_says_in_one_line_that_the_server_is_not_there(tmp_path: Path) -> None:
    url, said = UNREACHABLE["nobody listens"]
    environment = {**os.environ, "KAIKAI_DATA": str(tmp_path), "KAIKAI_LEDGER_URL": url}
    command = [sys.executable, "-m", "kaikai_assets.cli", "status"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("kaikai: LedgerUnavailable: ledger postgresql+psycopg2://kaikai:***@127.0.0.1:1/ledger: ")
    assert said in line
