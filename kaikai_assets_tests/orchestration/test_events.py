"""What a run did is told commit by commit, as soon as each is there."""

from collections.abc import Iterator

from kaikai_assets.build.run import Done
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.tables import Build
from kaikai_assets.ledger.targets import Built
from kaikai_assets.orchestration.events import by_commit
from kaikai_assets.platform import Platform
from kaikai_assets_tests.warehouse.publishers import Daily
from kaikai_assets_tests.warehouse.writers import DAILY, daily, day


def _done(part: str, following: int) -> Done:
    return Done(("silver/air_measurements", part), Built("digest", "output", 1, 1), following=following)


def test_targets_of_one_commit_come_together_before_the_next_is_made() -> None:
    made: list[str] = []

    def build() -> Iterator[Done]:
        for part, following in [("2025-01-01", 1), ("2025-01-02", 0), ("2025-01-03", 0)]:
            made.append(part)
            yield _done(part, following)

    told = [([one.target[1] for one in commit], list(made)) for commit in by_commit(build())]
    assert told == [
        (["2025-01-01", "2025-01-02"], ["2025-01-01", "2025-01-02"]),
        (["2025-01-03"], ["2025-01-01", "2025-01-02", "2025-01-03"]),
    ]
    assert not list(by_commit(iter(())))


def test_days_that_a_commit_refuses_are_not_waited_for(platform: Platform) -> None:
    run = platform.runner(AIR).begin()
    platform.lake.commit(DAILY, daily(1.0, 3), {day(3): Build(run.seen + 1, "later")})
    done = run.commit(DAILY, Daily, daily(2.0, 1, 2, 3), {day(n): "d" for n in (1, 2, 3)})
    assert [[one.target[1] for one in commit] for commit in by_commit(done)] == [[day(1), day(2)]]
