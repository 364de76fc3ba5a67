"""The page on tracing: its files, dropped as shown, give what is printed below its commands."""

import re
import shlex

import pytest
from click.testing import CliRunner

from kaikai_assets.cli.main import cli
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets_tests.docs.test_docs import blocks, page
from kaikai_assets_tests.end_to_end.product import build, drop

PROMPT = "$ .venv/bin/kaikai "
ARRIVAL = re.compile(r"(?<=, )\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC)")


def commands() -> list[tuple[str, str]]:
    """Commands of the page, each with what is shown below it."""
    shown = "".join(blocks(page("explain-a-figure.md"), "console"))
    return [(command, output) for command, _, output in (one.partition("\n") for one in shown.split(PROMPT)[1:])]


@pytest.fixture
def example(platform: Platform) -> Platform:
    text = page("explain-a-figure.md")
    for name, content in zip(re.findall(r"`([\w-]+\.csv)`:", text), blocks(text, "csv"), strict=True):
        drop(platform, name, content)
        assert [landed.name for landed in platform.land(AIR).landed] == [name]
    assert not build(platform).failed
    return platform


def test_every_command_of_the_page_prints_what_is_shown(example: Platform) -> None:
    assert len(commands()) == 5
    for command, shown in commands():
        done = CliRunner().invoke(cli, shlex.split(command), env={"KAIKAI_DATA": str(example.settings.data)})
        assert ARRIVAL.sub("…", done.output) == ARRIVAL.sub("…", shown)
