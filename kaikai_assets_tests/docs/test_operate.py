"""The commands of the page for operators, run on three days, print what the page shows."""

import re
import shlex

import pytest

from kaikai_assets.platform import Platform
from kaikai_assets_tests.docs.test_docs import blocks, page
from kaikai_assets_tests.end_to_end.test_command_line import kaikai
from kaikai_assets_tests.operations.damage import built

__all__ = ["built"]


def section(title: str) -> str:
    return page("operate.md").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def commands(text: str) -> list[tuple[list[str], str]]:
    """Arguments of each ``kaikai`` command of a text, and the output shown for it."""
    found = [re.split(r"^\$ ", block, flags=re.MULTILINE)[1:] for block in blocks(text, "console")]
    pairs = [command.partition("\n")[::2] for block in found for command in block]
    return [(shlex.split(command)[1:], shown) for command, shown in pairs]


@pytest.mark.parametrize("title", ["Is everything right?", "When something is wrong"])
def test_the_commands_of_a_section_succeed_and_print_what_is_shown(built: Platform, title: str) -> None:
    found = commands(section(title))
    assert found
    for arguments, shown in found:
        done = kaikai(built.settings.data, *arguments)
        assert done.returncode == 0, done.stderr
        assert shown in ("", done.stdout)
