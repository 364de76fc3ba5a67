"""Escalations that are due, and the messages of the outbox: to the webhook, or to the log where there is none."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from filelock import FileLock, Timeout

from kaikai_assets.alerts.notifications import Notice, message
from kaikai_assets.operations.webhook import Answer, Webhook
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now

_PACE_S = 1.0
"""Slack takes one message a second."""

_BUDGET_S = 20.0
"""Seconds of sending in one call: a sensor's tick has a minute."""

_ATTEMPTS = 6
_FIRST_RETRY = timedelta(seconds=30)
"""Doubles with each attempt: the last comes a quarter of an hour after the first."""

_CUT_OFF = timedelta(minutes=2)
"""Whoever handed a message over and said nothing for so long was killed."""

_LOG = logging.getLogger("kaikai.notifications")


@dataclass
class Dispatched:
    """Alerts that were escalated, and what became of messages."""

    escalated: int = 0
    sent: int = 0
    postponed: int = 0
    failed: int = 0
    unknown: int = 0


def dispatch(platform: Platform, clock: Callable[[], datetime] = utc_now) -> Dispatched:
    """Escalate what is due, send what waits. Nothing is sent twice, whoever calls how often and is killed when.

    A message without an answer is not sent again: it may have been delivered. It is counted ``unknown``. While another
    process sends, it sends for both. Raises ``ValueError`` when the webhook's address is none.
    """
    settings = platform.settings
    address = settings.slack_webhook.get_secret_value()
    post = Webhook(address).post if address else _to_log
    done = Dispatched()
    for domain in platform.domains.values():
        if domain.rules is not None:
            done.escalated += platform.ledger.alerts.escalate(domain.name, domain.alert_sources, clock())
    done.unknown = platform.ledger.outbox.abandon(clock(), _CUT_OFF)
    settings.data.mkdir(parents=True, exist_ok=True)
    # The pace is one for all processes.
    with suppress(Timeout), FileLock(settings.data / "sending.lock", timeout=0):
        _send(platform, post, _PACE_S if address else 0, clock, done)
    return done


def _send(
    platform: Platform, post: Callable[[str], Answer], pace_s: float, clock: Callable[[], datetime], done: Dispatched
) -> None:
    outbox, settings = platform.ledger.outbox, platform.settings
    every, within = timedelta(seconds=settings.notify_every_s), timedelta(hours=settings.notify_within_h)
    until = time.monotonic() + _BUDGET_S
    while time.monotonic() < until and (notices := outbox.claim(clock(), every, within)):
        answer = post(message([one.text for one in notices]))
        _settle(platform, notices, answer, clock(), done)
        if answer.outcome == "later":
            break
        time.sleep(pace_s)


def _settle(platform: Platform, notices: list[Notice], answer: Answer, now: datetime, done: Dispatched) -> None:
    settle = platform.ledger.outbox.settle
    again = [one for one in notices if one.attempts < _ATTEMPTS]
    if answer.outcome == "sent":
        settle(notices, "sent", answer.reason, now)
        done.sent += 1
    elif answer.outcome == "later":
        platform.ledger.outbox.rest(notices, now + answer.wait)
        done.postponed += 1
    elif answer.outcome == "failed":
        # Each has attempts of its own: a message may join a new notice to one that was tried before.
        for attempts in sorted({one.attempts for one in again}):
            some = [one for one in again if one.attempts == attempts]
            settle(some, "pending", answer.reason, now + _FIRST_RETRY * 2 ** (attempts - 1))
        settle([one for one in notices if one not in again], "failed", answer.reason, now)
        done.postponed += bool(again)
        done.failed += not again
    else:
        settle(notices, "unknown", answer.reason, now)
        done.unknown += 1
    if answer.outcome in ("failed", "unknown"):
        _LOG.warning("notification of %d alerts: %s", len(notices), answer.reason)


def _to_log(text: str) -> Answer:
    _LOG.warning(text)
    return Answer("sent", "to the log")
