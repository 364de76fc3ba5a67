"""What the pages say that code can check: settings, rules, links, and the sources that are shown as examples."""

import re
from pathlib import Path

import pytest

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.quality.conform import REASONS
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop, table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """Cells of all table rows of a page."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_every_setting_is_listed_with_its_default_and_meaning() -> None:
    listed = {row[0]: row[1:] for row in rows(page("settings.md")) if row[0].startswith("`KAIKAI_")}
    assert listed == {
        f"`KAIKAI_{name.upper()}`": [f"`{field.default}`" if str(field.default) else "empty", field.description]
        for name, field in Settings.model_fields.items()
    }


def test_every_rule_of_the_quarantine_is_listed_with_its_reason() -> None:
    listed = {row[0].strip("`"): row[2] for row in rows(page("bad-data.md")) if row[1:2] in (["record"], ["cell"])}
    assert listed.keys() == REASONS.keys()
    for rule, reason in REASONS.items():
        assert listed[rule].startswith(reason)


def test_the_example_of_bad_data_is_set_aside_as_shown(platform: Platform) -> None:
    file, shown = blocks(page("bad-data.md"), "text")[:2]
    drop(platform, "messy.csv", file)
    build(platform)
    aside = table(platform, "silver/air_quarantine").sort("record").select("record", "kind", "rule", "column")
    lines = [re.split(r"\s*[│┆]\s*", line)[1:5] for line in shown.splitlines() if line.startswith("│")][1:]
    assert lines == [[str(cell if cell is not None else "null") for cell in row] for row in aside.iter_rows()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    inside = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in inside if link and not (path.parent / link).exists()] == []


def test_the_sources_of_the_examples_land_their_files(platform: Platform) -> None:
    text = page("add-a-source.md")
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    names = []
    for description, file in zip(blocks(text, "yaml"), blocks(text, "csv"), strict=True):
        names.append(description.split()[1])
        (folder / f"{names[-1]}.yaml").write_text(description, encoding="utf-8")
        drop(platform, f"{names[-1]}/example.csv", file)
    landed = platform.land(AIR)
    assert landed.rejected == []
    assert {one.source for one in landed.landed} == set(names) == {"city_stations", "city_sites"}
    assert not build(platform).failed
    silver = table(platform, "silver/air_measurements").sort("sensor_id", "time")
    shown = [row for row in rows(text) if row[0].startswith("CITY-")]
    assert shown == [
        [sensor, f"{time:%Y-%m-%d %H:%M}", grain, *("" if value is None else f"{value:g}" for value in values)]
        for sensor, time, grain, *values in silver.select(
            "sensor_id", "time", "grain", "pm25", "pm25_flag", "temperature", "temperature_flag", "humidity"
        ).iter_rows()
    ]
    assert set(table(platform, "gold/air_daily")["timezone"]) == {"Europe/Paris"}
