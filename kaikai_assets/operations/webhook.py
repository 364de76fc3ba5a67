"""One POST to a Slack webhook, and what came of it. The address is a secret: no text here holds it."""

import http.client
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

_LONGEST_WAIT = timedelta(hours=1)

_PASSED_ON = (http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.GATEWAY_TIMEOUT)
"""A gateway that passed the request on and got no good answer says so: it may have been delivered."""


@dataclass(frozen=True)
class Answer:
    """``sent``; ``failed``, surely not delivered; ``later``, asked to wait; ``unknown``, asked and not answered."""

    outcome: Literal["sent", "failed", "later", "unknown"]
    reason: str = ""
    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class Webhook:
    """A Slack webhook. Raises ``ValueError`` when its address is none."""

    address: str
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            host = (parts.hostname or "").encode("idna").decode()
            usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
            usable = usable and all("!" <= sign <= "~" for sign in host + parts.path + parts.query)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("KAIKAI_SLACK_WEBHOOK is not an address of http or https")

    def post(self, text: str) -> Answer:
        """Send a message, once. Errors of the network become answers."""
        parts = urlsplit(self.address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout_s)
        body = json.dumps({"text": _escaped(text)}).encode()
        try:
            # Apart from the request: what did not connect was surely not delivered.
            connection.connect()
        except (OSError, UnicodeError) as error:
            return Answer("failed", f"no connection: {type(error).__name__}")
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, after = response.status, response.getheader("Retry-After")
        except (OSError, http.client.HTTPException) as error:
            return Answer("unknown", f"no answer: {type(error).__name__}; not sent again")
        finally:
            connection.close()
        if 200 <= status < 300:
            return Answer("sent")
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            return Answer("later", "HTTP 429", _wait(after))
        if status in _PASSED_ON:
            return Answer("unknown", f"HTTP {status}: may have been passed on; not sent again")
        return Answer("failed", f"HTTP {status}")


def _wait(after: str | None) -> timedelta:
    """What ``Retry-After`` says: seconds, or an instant; a minute when it says nothing that can be read."""
    text = (after or "").strip()
    if text.isascii() and text.isdecimal():
        # Of thousands of digits Python reads no number.
        return min(timedelta(seconds=int(text)), _LONGEST_WAIT) if len(text) < 10 else _LONGEST_WAIT
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(minutes=1)
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(timedelta(0), min(until - datetime.now(UTC), _LONGEST_WAIT))


def _escaped(text: str) -> str:
    # The three characters that Slack reads as markup.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
