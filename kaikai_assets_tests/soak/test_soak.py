"""The short form of the soak; ``make soak`` runs the long one."""

from pathlib import Path

import pytest

from kaikai_assets_tests.soak.trial import Trial

pytestmark = pytest.mark.slow


def test_a_minute_of_drops_kills_and_restarts_leaves_every_table_right(tmp_path: Path) -> None:
    trial = Trial(tmp_path, seed=3, say=print)
    assert trial.run(minutes=1) == []
    assert trial.supply.sound
    assert trial.machine.kills
    assert trial.reader.reads
