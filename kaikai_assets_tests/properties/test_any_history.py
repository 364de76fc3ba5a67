"""Whatever happens to a platform, and in whatever order: at the end every table is a clean rebuild.

Hypothesis picks what happens: deliveries, runs, kills, deleted folders, changed rules, limits and descriptions.
"""

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from itertools import islice
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kaikai_assets.build.steps import WHOLE
from kaikai_assets.domains.air import configuration
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import EMPTY
from kaikai_assets.landing.raw import sidecars
from kaikai_assets.ledger.targets import Target
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import drop
from kaikai_assets_tests.properties.deliveries import ATTIC, DAYS, File, files
from kaikai_assets_tests.properties.product import (
    TABLES,
    Clock,
    assert_up_to_date,
    days_to_build,
    fresh,
    interrupted_before,
    some_tables,
    stored,
    work,
)


class History(RuleBasedStateMachine):
    """A platform that things happen to."""

    @initialize(group=st.sampled_from([1, 4, 1_000_000]), given=st.lists(files(), min_size=2, max_size=3))
    def start(self, group: int, given: list[File]) -> None:
        self.clock = Clock()
        self.open = ExitStack()
        self.platform = self.open.enter_context(fresh(self.clock, group))
        self.rule_files = self.platform.settings.data / "rules"
        shutil.copytree(configuration.RULES, self.rule_files)
        self.open.enter_context(patch.object(configuration, "RULES", self.rule_files))
        self.open.callback(_read_rules_anew)
        _read_rules_anew()
        self.dropped: list[File] = []
        self.made: dict[tuple[str, str, str], str] = {}
        self.looked: dict[str, int | None] = {}
        self.deliver(given, then="build")

    @rule(given=st.lists(files(), min_size=1, max_size=3), then=st.sampled_from(["build", "land", "wait"]))
    def deliver(self, given: list[File], then: str) -> None:
        for file in given:
            drop(self.platform, f"{file.source}/{len(self.dropped)}.csv", file.content)
            self.dropped.append(file)
        if then != "wait":
            self.platform.land(AIR)
        if then == "build":
            self.build_all()

    @rule(data=st.data(), whole=st.booleans())
    def deliver_again(self, data: st.DataObject, whole: bool) -> None:
        """A file under another name, or some of its lines in another file."""
        file = data.draw(st.sampled_from(self.dropped))
        lines = file.lines if whole else tuple(data.draw(st.permutations(file.lines))[:3])
        self.deliver([File(file.source, lines)], then="land")

    @rule(minutes=st.sampled_from([1, 20, 60, 1440, -30]))
    def time_passes_or_the_clock_is_set_back(self, minutes: int) -> None:
        self.clock.advance(minutes)

    @rule()
    def build_all(self) -> None:
        work(self.platform, days_to_build(self.platform))

    @rule(
        days=st.frozensets(st.sampled_from(DAYS), min_size=1),
        tables=st.one_of(st.just(TABLES), some_tables),
        pending=st.booleans(),
        reparse=st.booleans(),
    )
    def build_some(self, days: frozenset[date], tables: frozenset[str], pending: bool, reparse: bool) -> None:
        work(self.platform, days, tables, only_pending=pending, reparse=reparse)

    @rule()
    def publish(self) -> None:
        self.platform.publish(AIR)

    @rule(given=st.lists(files(), min_size=1, max_size=2), write=st.integers(1, 50))
    def kill_while_landing_or_building(self, given: list[File], write: int) -> None:
        self.deliver(given, then="wait")
        with interrupted_before(write):
            self.platform.land(AIR)
            work(self.platform, days_to_build(self.platform))
            self.platform.publish(AIR)

    @rule(commits=st.integers(0, 8))
    def abandon_a_run(self, commits: int) -> None:
        runner = self.platform.runner(AIR)
        run = runner.build(runner.begin(), days_to_build(self.platform), TABLES, only_pending=True)
        list(islice(run, commits))

    @rule(data=st.data())
    def forget_part_of_the_ledger(self, data: st.DataObject) -> None:
        if built := sorted(self.platform.ledger.targets.built()):
            self.platform.ledger.targets.forget(data.draw(st.lists(st.sampled_from(built), unique=True)))

    @rule(lost=st.sampled_from(["ledger", "ledger", "ledger", "lake", "warehouse", *sorted(TABLES)]))
    def delete(self, lost: str) -> None:
        data = self.platform.settings.data
        if lost == "ledger":
            for path in data.glob("ledger.sqlite*"):
                path.unlink()
            self.platform = Platform(self.platform.settings, self.platform.domains)
        elif lost in ("lake", "warehouse"):
            shutil.rmtree(data / lost, ignore_errors=True)
        else:
            shutil.rmtree(self.platform.lake.uri(lost), ignore_errors=True)

    @rule(threshold=st.sampled_from([35, 10]), high=st.sampled_from([500, 30]))
    def change_rules_and_limits(self, threshold: int, high: int) -> None:
        rules, limits = self.rule_files / "kaikai-v1.json", self.rule_files / "limits.json"
        content = json.loads(rules.read_text(encoding="utf-8"))
        content["rules"][0]["all"][0]["threshold"] = threshold
        rules.write_text(json.dumps(content), encoding="utf-8")
        content = json.loads(limits.read_text(encoding="utf-8"))
        content["metrics"]["pm25"]["*"]["gross_range"]["suspect"] = [None, high]
        limits.write_text(json.dumps(content), encoding="utf-8")
        _read_rules_anew()

    @rule(description=st.sampled_from([ATTIC, ATTIC.replace("degF", "degC"), ATTIC.replace("Europe/Paris", "UTC")]))
    def change_a_source(self, description: str) -> None:
        path = self.platform.settings.data / "sources" / "air" / "attic.yaml"
        path.write_text(description, encoding="utf-8")
        # Landing counts the days of its files again before anything is built.
        self.platform.land(AIR)

    # What always holds.

    @invariant()
    def what_is_built_is_conserved_and_every_stored_day_is_whole(self) -> None:
        """Stored rows satisfy their contracts, and a day's rows follow from the digest it carries."""
        versions = {table: self.platform.lake.version(table) for table in TABLES}
        if versions == self.looked:
            return
        self.looked = versions
        rows = stored(self.platform)
        for table in TABLES:
            for part, build in self.platform.lake.builds(table).items():
                output = rows.get((table, part), EMPTY)
                assert self.made.setdefault((table, part, build.digest), output) == output
        built = self.platform.ledger.targets.built()
        accounts: dict[str, int] = {}
        for account in self.platform.ledger.targets.accounts(AIR.name):
            assert account.records == account.leading + account.absorbed + account.rejected
            accounts[account.part] = accounts.get(account.part, 0) + account.leading
        silver = self.platform.lake.builds(AIR.steps[0].name)
        for (table, part), known in built.items():
            if table == AIR.steps[0].name and part in silver and silver[part].digest == known.digest:
                assert accounts[part] == known.rows
                assert rows[table, part] == known.output

    def teardown(self) -> None:
        with self.open:
            self.platform.land(AIR)
            landed = {(f.source, f.sha256): f.records for f in sidecars(self.platform.settings.raw)}
            assert sum(landed.values()) == sum(file.records for file in set(self.dropped))
            self.platform.publish(AIR)
            assert_up_to_date(self.platform)
            self.platform.publish(AIR)
            assert self.platform.runner(AIR).plan().pending == set()
            built = self.platform.ledger.targets.built()
            wanted = {target: b.output for target, b in built.items() if target[0] in AIR.published}
            published = self.platform.warehouse.published()
            found = {target: output for target, output in published.items() if target[0] in AIR.published}
            # A ledger made anew does not know which days were once emptied; the published file may.
            assert _with_rows(found) == _with_rows(wanted)
            assert (AIR.warehouse, WHOLE) in built or not wanted


def _with_rows(outputs: Mapping[Target, str]) -> dict[Target, str]:
    return {target: output for target, output in outputs.items() if output != EMPTY}


def _read_rules_anew() -> None:
    configuration.rule_sets.cache_clear()
    configuration.limits.cache_clear()


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=10,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking a history takes many minutes; what is printed reproduces it, to be shrunk by hand.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestHistory = pytest.mark.slow(TestHistory)
