"""Digests of code are the same in every process: else each one would find all tables changed."""

import os
import subprocess
import sys
from pathlib import Path

DIGESTS = """
from kaikai_assets.build.pending import parse_digests
from kaikai_assets.build.steps import Context
from kaikai_assets.definitions import DOMAINS, build_platform
from kaikai_assets.digests import code_digest
from kaikai_assets.settings import Settings

settings = Settings()
for domain in DOMAINS.values():
    context = Context(build_platform(settings).sources(domain), settings.first_day, None)
    print(domain.name, code_digest(domain.conform_dimension), parse_digests(domain, context))
    for step in domain.steps:
        print(step.name, code_digest(step.make))
"""


def digests(seed: int, folder: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "KAIKAI_DATA": folder}
    made = subprocess.run([sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True)
    return made.stdout


def test_digests_of_all_steps_are_the_same_whatever_the_seed_of_hashes(tmp_path: Path) -> None:
    found = {digests(seed, str(tmp_path)) for seed in (0, 1, 2)}
    assert len(found) == 1
    assert "gold/vitals_alert_days" in found.pop()
