"""Notifications through a real HTTP server: each at most once, whatever the server does and whoever is killed."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr

from kaikai_assets.alerts.lifecycle import Episode
from kaikai_assets.domains.air import configuration
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.operations.dispatch import Dispatched, dispatch
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.alerts.moments import START, at, episode, frame
from kaikai_assets_tests.operations.webhooks import Slack, slack

DOMAIN = replace(AIR, rules=configuration.rules)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def server() -> Iterator[Slack]:
    with slack() as started:
        yield started


@pytest.fixture
def make(settings: Settings, server: Slack) -> Callable[..., Platform]:
    def made(**changes: Any) -> Platform:
        values = {"slack_webhook": SecretStr(server.address), **changes}
        return Platform(settings.model_copy(update=values), {"air": DOMAIN})

    return made


@pytest.fixture
def unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaikai_assets.operations.dispatch._PACE_S", 0.0)


def see(platform: Platform, *episodes: Episode, now: datetime = START) -> None:
    platform.ledger.alerts.note("air", frame(episodes), (), {"low": "a book"}, now, DAY)


def states(platform: Platform) -> list[tuple[str, str]]:
    return [(one.state, one.reason) for one in platform.ledger.outbox.listed()]


def send(platform: Platform, now: datetime = START) -> Dispatched:
    return dispatch(platform, lambda: now)


def test_an_alert_is_told_once(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    see(platform, episode(0, 5))
    assert send(platform) == Dispatched(sent=1)
    assert send(platform, at(1)) == Dispatched()
    see(platform, episode(-5, 9), now=at(2))
    assert send(make(), at(3)) == Dispatched()
    assert server.texts == [
        "CRITICAL set/low: P1, since 2026-03-01 10:00:00 UTC, value 85, threshold 88, source: a book"
    ]


def test_without_a_webhook_the_log_gets_the_same_text(
    make: Callable[..., Platform], server: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    platform = make(slack_webhook=SecretStr(""))
    see(platform, episode(0, 5))
    with caplog.at_level(logging.WARNING):
        assert send(platform).sent == 1
    assert [record.message for record in caplog.records] == [one.text for one in platform.ledger.outbox.listed()]
    assert (states(platform), server.texts) == ([("sent", "to the log")], [])


def test_alerts_of_one_rule_and_entity_come_together_and_others_a_second_apart(
    make: Callable[..., Platform], server: Slack
) -> None:
    platform = make()
    see(platform, episode(0, 5, 6), episode(10, 15), episode(0, 5, entity="P2"))
    assert send(platform).sent == 2
    assert sorted(len(text.splitlines()) for text in server.texts) == [1, 2]
    assert server.at[1] - server.at[0] >= 1


def test_many_alerts_in_one_message_are_counted(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    see(platform, *(episode(10 * n, 10 * n + 5, 10 * n + 6) for n in range(25)))
    send(platform)
    assert server.texts[0].splitlines()[10:] == ["and 15 more"]


def test_a_rule_and_entity_are_told_once_in_the_repeat_interval(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    see(platform, episode(0, 5, 6))
    send(platform, at(1))
    see(platform, episode(0, 5, 6), episode(10, 15, 16), now=at(17))
    see(platform, episode(0, 5, 6), episode(10, 15, 16), episode(20, 25, 26), now=at(27))
    assert send(platform, at(60)) == Dispatched(escalated=3, sent=1)
    assert send(platform, at(61)).sent == 1
    assert [text.count("\n") + 1 for text in server.texts] == [1, 3, 2]
    assert [text.startswith("ESCALATED") for text in server.texts] == [False, True, False]


def test_a_server_that_asks_to_wait_is_waited_for_by_all(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    server.answers = [(429, {"Retry-After": "120"}), (200, {})]
    see(platform, episode(0, 5), episode(0, 5, entity="P2"))
    assert send(platform) == Dispatched(postponed=1)
    assert send(platform, START + timedelta(seconds=119)) == Dispatched()
    assert send(platform, START + timedelta(seconds=120)) == Dispatched(sent=2)
    assert len(server.texts) == 3


def test_a_server_with_a_fault_is_asked_again_ever_later_and_not_for_ever(
    make: Callable[..., Platform], server: Slack, caplog: pytest.LogCaptureFixture, unpaced: None
) -> None:
    platform = make()
    server.answers = [(500, {})]
    see(platform, episode(0, 5, severity="alert"))
    tried = [
        n for n in range(0, 3600, 15) if (done := send(platform, START + timedelta(seconds=n))).postponed + done.failed
    ]
    assert tried == [0, 30, 90, 210, 450, 930]
    assert states(platform) == [("failed", "HTTP 500")]
    assert "secret" not in caplog.text


def test_a_new_notice_that_joins_one_that_was_tried_before_has_its_own_attempts(
    make: Callable[..., Platform], server: Slack, unpaced: None
) -> None:
    platform = make(notify_every_s=0)
    server.answers = [(500, {})]
    first, second = episode(0, 5, 6, severity="alert"), episode(10, 15, severity="alert")
    see(platform, first)
    for n in (0, 30, 90, 210, 450):
        send(platform, START + timedelta(seconds=n))
    see(platform, first, second, now=at(15))
    assert send(platform, at(16)) == Dispatched(postponed=1)
    assert [(one.state, one.attempts) for one in platform.ledger.outbox.listed()] == [("failed", 6), ("pending", 1)]


def test_being_asked_to_wait_is_no_attempt(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    server.answers = [*([(429, {"Retry-After": "1"})] * 8), (500, {}), (200, {})]
    see(platform, episode(0, 5, severity="alert"))
    done = [send(platform, START + timedelta(seconds=n)) for n in range(9)]
    assert done == [Dispatched(postponed=1)] * 9
    assert send(platform, START + timedelta(seconds=8 + 30)) == Dispatched(sent=1)


def test_a_fault_that_passes_loses_nothing(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    server.answers = [(500, {}), (200, {})]
    see(platform, episode(0, 5))
    assert send(platform) == Dispatched(postponed=1)
    assert send(platform, at(1)) == Dispatched(sent=1)


def test_a_message_without_an_answer_is_not_sent_again(
    make: Callable[..., Platform], server: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaikai_assets.operations.webhook.Webhook.__init__.__defaults__", (0.2,))
    platform = make()
    server.answers = [None]
    see(platform, episode(0, 5, severity="alert"))
    assert send(platform) == Dispatched(unknown=1)
    assert states(platform)[0][0] == "unknown"
    assert send(platform, START + DAY) == Dispatched()
    assert len(server.texts) == 1


KILLED = """
import sys
from kaikai_assets_tests.operations.test_dispatch import DOMAIN, send
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
print(send(Platform(Settings(), {"air": DOMAIN})), flush=True)
"""


def test_a_sender_that_is_killed_while_it_sends_sends_nothing_twice(
    make: Callable[..., Platform], server: Slack
) -> None:
    platform = make()
    server.answers = [None, (200, {})]
    see(platform, episode(0, 5, severity="alert"), episode(0, 5, severity="alert", entity="P2"))
    environment = {"KAIKAI_DATA": str(platform.settings.data), "KAIKAI_SLACK_WEBHOOK": server.address}
    process = subprocess.Popen([sys.executable, "-c", KILLED], env=environment)
    until = time.monotonic() + 60
    while not server.texts and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(server.texts) == 1
    assert send(platform, at(1)) == Dispatched(sent=1)
    assert send(platform, at(5)) == Dispatched(unknown=1)
    assert send(platform, at(10)) == Dispatched()
    assert sorted(states(platform)) == [("sent", ""), ("unknown", "the sender was cut off; not sent again")]
    assert len(server.texts) == len(set(server.texts)) == 2


def test_of_senders_at_once_one_sends_and_keeps_the_pace(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    see(platform, *(episode(0, 5, severity="alert", entity=f"P{n}") for n in range(3)))
    threads = [threading.Thread(target=send, args=(make(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.texts) == len(set(server.texts)) == 3
    assert all(later - sooner >= 1 for sooner, later in pairwise(server.at))


def test_what_was_acknowledged_or_withdrawn_meanwhile_is_not_told(make: Callable[..., Platform], server: Slack) -> None:
    platform = make()
    one = episode(0, 5)
    see(platform, one, episode(0, 5, entity="P2"))
    platform.ledger.alerts.act("acknowledge", one.alert_id, "somebody", at(1))
    see(platform, one, now=at(2))
    assert send(platform, at(3)) == Dispatched()
    assert sorted(states(platform)) == [
        ("held", "acknowledged before it was sent"),
        ("held", "withdrawn before it was sent"),
    ]
    assert server.texts == []


@pytest.mark.parametrize(("closed", "sent"), [(None, 1), (50, 0)])
def test_a_silence_puts_off_what_goes_on_and_drops_what_clears(
    make: Callable[..., Platform], server: Slack, closed: float | None, sent: int
) -> None:
    platform = make()
    see(platform, episode(0, 5, severity="warn"))
    alert_id = episode(0, 5).alert_id
    platform.ledger.alerts.act("silence", alert_id, "a", at(1), reason="works", expires_at=at(60))
    assert send(platform, at(2)) == Dispatched()
    see(platform, episode(0, 5, closed, severity="warn"), now=at(51))
    assert send(platform, at(52)) == Dispatched()
    assert send(platform, at(60)).sent == len(server.texts) == sent


def test_a_webhook_that_is_no_address_is_an_error_before_anything_is_claimed(make: Callable[..., Platform]) -> None:
    platform = make(slack_webhook=SecretStr("nonsense/secret"))
    see(platform, episode(0, 5))
    with pytest.raises(ValueError, match="KAIKAI_SLACK_WEBHOOK is not"):
        send(platform)
    assert states(platform) == [("pending", "")]
