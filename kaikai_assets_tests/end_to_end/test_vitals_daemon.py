"""A daemon takes bracelet messages: the alert is in the warehouse and told, and nothing anywhere names a patient."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.pseudonyms import pseudonym
from kaikai_assets.quality.contracts import schema
from kaikai_assets.settings import utc_now
from kaikai_assets_tests.end_to_end.daemon import DAEMON, Home, home
from kaikai_assets_tests.landing.making import put
from kaikai_assets_tests.operations.webhooks import slack
from kaikai_assets_tests.privacy.test_landing import holding

pytestmark = pytest.mark.slow
IDS = ANNA, BORIS = "patient-001-anna", "patient-002-boris"


def message(patient: str, at: datetime, **measured: object) -> str:
    said = {"patient_id": patient, "device_id": "D1", "timestamp": at.isoformat(), "measurements": measured}
    return json.dumps(said) + "\n"


def critical(platform: Platform) -> list[tuple[str, str]]:
    """Patient and rule of the critical alerts that an analyst finds in the published file."""
    if not platform.settings.warehouse.exists():
        return []
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        query = "SELECT patient_id, rule FROM gold.vitals_critical_alerts ORDER BY ALL"
        return connection.execute(query).fetchall()


def texts(platform: Platform) -> list[str]:
    """All texts of the lake's tables and of the published file, as they read when unpacked."""
    found = []
    frames = [platform.lake.read(name, schema(contract)) for name, contract in all_contracts(VITALS).items()]
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        ).fetchall()
        frames += [connection.table(name).pl() for (name,) in tables]
    for frame in frames:
        for column in frame.select(pl.col(pl.String)).iter_columns():
            found += column.drop_nulls().unique().to_list()
    return found


def test_an_alert_is_published_and_told_and_no_place_names_a_patient(
    platform: Platform, keys: dict[str, str], tmp_path: Path
) -> None:
    inbox, now = platform.settings.inbox / "vitals", utc_now()
    with slack() as server:
        local = home(platform, "local")
        at = Home(local.folder, {**local.environment, "KAIKAI_SLACK_WEBHOOK": server.address})
        with at.running(*DAEMON):
            put(inbox / "patients.csv", f"patient_id,genotype,birth_date\n{ANNA},SS,1999-12-31\n{BORIS},{ANNA},?\n")
            put(inbox / f"{ANNA}_letter.txt", f"{ANNA} felt unwell\n")
            well = "".join(message(ANNA, now - timedelta(minutes=n), spo2_pct=97, freq_card=80) for n in range(5, 30))
            put(inbox / f"{ANNA}.ndjson", well + f'{{"patient_id": "{BORIS}", damaged\n')
            put(inbox / "ward.ndjson", message(BORIS, now, spo2_pct=84) + message(BORIS, now, freq_card=f"of {ANNA}"))
            at.until(lambda: critical(platform), "the alert is in the published file", every_s=0.5)
        send = [sys.executable, "-m", "kaikai_assets.cli", "alerts", "send"]
        done = subprocess.run(send, env=dict(at.environment), capture_output=True, text=True, check=True)
    boris = pseudonym(bytes.fromhex(keys["KAIKAI_PSEUDONYM_KEY"]), BORIS)
    assert critical(platform) == [(boris, "spo2_below_88")]
    assert boris in "\n".join(server.texts)
    assert len(list(platform.settings.rejected.glob("vitals/*/*.sealed"))) == 1
    assert not [path for path in inbox.rglob("*") if path.is_file()]
    said = [*texts(platform), *server.texts, done.stdout, done.stderr]
    assert boris in said
    assert [text for text in said if any(who in text for who in IDS)] == []
    # Raw, ledger, key store, Dagster's storage with its events and ticks, and what its processes wrote.
    assert holding(tmp_path, *IDS) == []
