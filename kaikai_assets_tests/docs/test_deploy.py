"""The page about deployment: its SQL, its environment, its services and its table of settings are true."""

import configparser
import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaikai_assets.definitions import build_platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests import postgres
from kaikai_assets_tests.docs.test_docs import ROOT, blocks, page, rows
from kaikai_assets_tests.end_to_end.daemon import home
from kaikai_assets_tests.end_to_end.product import drop
from kaikai_assets_tests.end_to_end.test_killed_runs import days_in_gold
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file

LEAVES = (
    "storage",
    "run_launcher",
    "concurrency.runs.tag_concurrency_limits",
    "retention.sensor",
    "retention.schedule",
)


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name, as far as the page takes them apart."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) and name not in LEAVES else {name: value}
    return found


def shown(name: str, value: Any) -> str:
    """A setting as the page writes it."""
    if name == "storage":
        return f"`{value['postgres']['postgres_url']['env']}`" if value else "none"
    if name == "run_launcher":
        return f"`{value['class']}`"
    if name == "concurrency.runs.tag_concurrency_limits":
        return f"`{value[0]['limit']}`"
    if name.startswith("retention"):
        days = value["purge_after_days"]
        return f"{days['skipped']}, {days['success']}, {days['failure']} days"
    return f"`{value}`"


def test_every_setting_of_both_configurations_is_listed_with_its_values() -> None:
    local, server = (
        flat(yaml.safe_load((ROOT / f"dagster.{name}.yaml").read_text(encoding="utf-8")))
        for name in ("local", "server")
    )
    table = page("deploy.md").partition("## What the settings")[2]
    listed = {row[0].strip("`"): row[1:3] for row in rows(table)[2:]}
    assert listed.pop("telemetry`, `nux") == ["off", "off"]
    for config in (local, server):
        assert not config.pop("telemetry.enabled")
        assert not config.pop("nux.enabled")
    names = dict.fromkeys([*server, *local])
    assert listed == {name: [shown(name, local.get(name)), shown(name, server.get(name))] for name in names}


@pytest.mark.slow
def test_the_services_on_postgresql_bring_a_file_to_gold(
    postgres_server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page("deploy.md")
    (statements,) = blocks(text, "sql")
    environment, *services = blocks(text, "ini")
    for statement in statements.strip().splitlines():
        postgres_server.execute(statement)
    settings = [line for line in environment.strip().splitlines() if not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in settings)
    urls = {
        name: variables[name].replace("@localhost/", "@/") + f"?host={postgres_server.folder}"
        for name in ("KAIKAI_DAGSTER_POSTGRES_URL", "KAIKAI_LEDGER_URL")
    }
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
    platform = build_platform(Settings(data=tmp_path / "data", settle_s=0))
    at = home(platform, "server")
    daemon, web = (_command(service) for service in services)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    web[web.index("3000")] = port
    drop(platform, "day.csv", day_file("2025-03-01"))
    with at.running(*daemon), at.running(*web):
        at.until(lambda: days_in_gold(platform) == {"2025-03-01"}, "the day is in gold")
        at.until(lambda: _answers(f"http://127.0.0.1:{port}/server_info"), "the web interface answers")


def _command(service: str) -> list[str]:
    unit = configparser.ConfigParser(comment_prefixes=("#",))
    unit.read_string(service)
    program, *arguments = unit["Service"]["ExecStart"].split()
    # The programs of the environment that runs the tests.
    return [str(Path(sys.executable).parent / Path(program).name), *arguments]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
