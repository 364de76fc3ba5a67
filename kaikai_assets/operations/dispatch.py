"""Escalations that are due, and the messages of the outbox: to the webhook, or to the log where there is none."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

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

    A message without an answer is not sent again: it may have been delivered. It is counted ``unknown``.
    """
    settings, outbox = platform.settings, platform.ledger.outbox
    done = Dispatched()
    for domain in platform.domains.values():
        if domain.rules is not None:
            done.escalated += platform.ledger.alerts.escalate(domain.name, domain.alert_sources, clock())
    done.unknown = outbox.abandon(clock() - _CUT_OFF)
    address = settings.slack_webhook.get_secret_value()
    post = Webhook(address).post if address else _to_log
    every = timedelta(seconds=settings.notify_every_s)
    until = time.monotonic() + _BUDGET_S
    while time.monotonic() < until and (notices := outbox.claim(clock(), every)):
        answer = post(message([one.text for one in notices]))
        _settle(platform, notices, answer, clock(), done)
        if answer.outcome == "later":
            outbox.rest(clock() + answer.wait)
            break
        if address:
            time.sleep(_PACE_S)
    return done


def _settle(platform: Platform, notices: list[Notice], answer: Answer, now: datetime, done: Dispatched) -> None:
    attempts = max(one.attempts for one in notices)
    settle = platform.ledger.outbox.settle
    if answer.outcome == "sent":
        settle(notices, "sent", answer.reason, now)
        done.sent += 1
    elif answer.outcome == "later":
        settle(notices, "pending", answer.reason, now + answer.wait)
        done.postponed += 1
    elif answer.outcome == "failed" and attempts < _ATTEMPTS:
        settle(notices, "pending", answer.reason, now + _FIRST_RETRY * 2 ** (attempts - 1))
        done.postponed += 1
    elif answer.outcome == "failed":
        settle(notices, "failed", answer.reason, now)
        done.failed += 1
    else:
        settle(notices, "unknown", answer.reason, now)
        done.unknown += 1
    if answer.outcome in ("failed", "unknown"):
        _LOG.warning("notification of %d alerts: %s", len(notices), answer.reason)


def _to_log(text: str) -> Answer:
    _LOG.warning(text)
    return Answer("sent", "to the log")
