"""The invariants on the pure functions alone, from files to gold: no ledger, no lake."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaikai_assets.build.steps import Context
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing.raw import Landed
from kaikai_assets.platform import Platform
from kaikai_assets_tests.properties.deliveries import (
    ARRIVAL,
    USUAL,
    File,
    files,
    files_of,
    settled_lines,
)
from kaikai_assets_tests.properties.product import Clock, assert_satisfies, fresh
from kaikai_assets_tests.properties.reference import Tables, hashes, tables_of

pytestmark = pytest.mark.slow

examples = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def in_raw(platform: Platform, given: Sequence[File]) -> list[Landed]:
    """Files in raw, as if they had landed in this order at one instant."""
    found = []
    for seq, file in enumerate(given, start=1):
        landed = Landed(
            domain=AIR.name,
            source=file.source,
            kind="snapshot" if file.source == "kaikai_sensors" else "readings",
            identity=f"{seq}",
            sha256="",
            name="file.csv",
            bytes=len(file.content.encode()),
            records=file.records,
            arrival_seq=seq,
            arrived_at=ARRIVAL,
            counted="",
            days={},
        )
        path = platform.settings.raw / landed.raw_file
        path.parent.mkdir(parents=True)
        path.write_text(file.content, encoding="utf-8")
        found.append(landed)
    return found


def tables(given: Sequence[File]) -> Tables:
    with fresh(Clock()) as platform:
        return tables_of(platform, in_raw(platform, given))


def context(made: Tables) -> Context:
    with fresh(Clock()) as platform:
        return Context(platform.sources(AIR), platform.settings.first_day, made[AIR.registry])


@examples
@given(st.lists(files(), min_size=1, max_size=6))
def test_records_are_conserved_and_rows_satisfy_their_contracts(given: list[File]) -> None:
    made = tables(given)
    for name, contract in AIR.contracts.items():
        assert_satisfies(contract, made[name])
    bronze, silver, aside = (made[name] for name in (AIR.bronze, "silver/air_measurements", "silver/air_quarantine"))
    assert bronze.height == sum(file.records for file in given if file.source != "kaikai_sensors")
    accounts = AIR.steps[0].make({AIR.bronze: bronze}, [], context(made)).accounts
    assert accounts is not None
    total = accounts.select(pl.col("records", "leading", "absorbed", "rejected").sum()).row(0)
    records = aside.filter(pl.col("kind") == "record")
    assert total == (bronze.height, silver.height, bronze.height - silver.height - records.height, records.height)


def by_groups(bronze: pl.DataFrame, of: Context, random: Random) -> Tables:
    """Derived tables, each step's days made in groups, in any order, from rows in any order."""
    made = {AIR.bronze: bronze}
    days = sorted({day + timedelta(days=shift) for day in bronze["day"].unique() for shift in (-1, 0, 1)})
    for step in AIR.steps:
        random.shuffle(days)
        size = random.randint(1, len(days) or 1)
        groups = [days[n : n + size] for n in range(0, len(days), size)] if step.partitioned else [[]]
        parts: list[dict[str, pl.DataFrame]] = []
        for group in groups:
            inputs = {}
            for read in step.reads(of):
                span = {day + timedelta(days=n) for day in group for n in range(-read.before, read.after + 1)}
                rows = made[read.table]
                rows = rows if read.whole else rows.filter(pl.col("day").is_in(list(span)))
                inputs[read.table] = rows.sample(fraction=1, shuffle=True, seed=random.randint(0, 99))
            frames = step.make(inputs, group, of).tables
            parts.append({name: canonical(contract, frames[name]) for name, contract in step.outputs.items()})
        for name, contract in step.outputs.items():
            whole = pl.concat([part[name] for part in parts]) if parts else canonical(contract, pl.DataFrame())
            made[name] = canonical(contract, whole)
    del made[AIR.bronze]
    return made


@examples
@given(st.lists(files(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_days_can_be_made_in_any_groups_from_rows_in_any_order(given: list[File], random: Random) -> None:
    made = tables(given)
    grouped = by_groups(made[AIR.bronze], context(made), random)
    of_steps = {name: rows for name, rows in made.items() if name in grouped}
    assert hashes(grouped) == hashes(of_steps)


@examples
@given(st.lists(files(["kaikai_csv", "attic"]), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_records_and_values_that_come_again_change_nothing(given: list[File], random: Random) -> None:
    again = [(file.source, line) for file in given for line in file.lines if random.random() < 0.5]
    again += [(source, single) for source, line in again if (single := one_value_of(source, line, random))]
    random.shuffle(again)
    assert without_bronze(tables([*given, *files_of(again, 3)])) == without_bronze(tables(given))


def one_value_of(source: str, line: str, random: Random) -> str | None:
    """A sound line with one of its values erased, which must not make that value of an earlier file win."""
    fields = line.split(",")
    if source != "kaikai_csv" or len(fields) != 6 or not fields[0].startswith("S") or fields[1] not in USUAL:
        return None
    fields[random.choice([2, 3])] = ""
    return ",".join(fields)


@examples
@given(st.lists(settled_lines, min_size=1, max_size=16), st.randoms(use_true_random=False))
def test_without_contradictions_neither_order_nor_batches_matter(lines: list[tuple[str, str]], random: Random) -> None:
    again = random.sample(lines, len(lines))
    other = files_of(again, random.randint(1, len(again)))
    random.shuffle(other)
    assert without_bronze(tables(other)) == without_bronze(tables(files_of(lines, len(lines))))


def without_bronze(made: Tables) -> dict[tuple[str, str], str]:
    return {target: output for target, output in hashes(made).items() if target[0] != AIR.bronze}
