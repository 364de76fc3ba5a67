"""One POST to a webhook: what each kind of answer means, and that the address is in no text."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from kaikai_assets.operations.webhook import Answer, Webhook
from kaikai_assets_tests.operations.webhooks import Slack, slack


@pytest.fixture
def server() -> Iterator[Slack]:
    with slack() as started:
        yield started


def test_a_message_arrives_as_it_is_to_be_read(server: Slack) -> None:
    assert Webhook(server.address).post("SpO2 < 88 & é\nP1") == Answer("sent")
    assert server.texts == ["SpO2 &lt; 88 &amp; é\nP1"]


@pytest.mark.parametrize("status", [302, 400, 404, 500, 501, 503])
def test_other_statuses_are_failures(server: Slack, status: int) -> None:
    server.answers = [(status, {"Location": "/elsewhere"})]
    assert Webhook(server.address).post("x") == Answer("failed", f"HTTP {status}")
    assert len(server.texts) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_got_no_good_answer_leaves_it_unknown(server: Slack, status: int) -> None:
    server.answers = [(status, {})]
    answer = Webhook(server.address).post("x")
    assert (answer.outcome, str(status) in answer.reason) == ("unknown", True)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("3600", 3600),
        ("999999999999999999999", 3600),
        ("9" * 5000, 3600),
        (None, 60),
        ("soon", 60),
        ("-3", 60),
        ("²", 60),
        ("Mon, 99 Foo", 60),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_server_that_has_too_much_says_how_long_to_wait(server: Slack, after: str | None, seconds: int) -> None:
    server.answers = [(429, {} if after is None else {"Retry-After": after})]
    assert Webhook(server.address).post("x") == Answer("later", "HTTP 429", timedelta(seconds=seconds))


@pytest.mark.parametrize(("offset", "low", "high"), [(100, 90, 100), (-100, 0, 0), (10**6, 3600, 3600)])
def test_it_may_say_an_instant(server: Slack, offset: int, low: int, high: int) -> None:
    instant = format_datetime(datetime.now(UTC) + timedelta(seconds=offset), usegmt=True)
    server.answers = [(429, {"Retry-After": instant})]
    assert low <= Webhook(server.address).post("x").wait.total_seconds() <= high


def test_a_server_that_hangs_leaves_it_unknown(server: Slack) -> None:
    server.answers = [None]
    answer = Webhook(server.address, timeout_s=0.2).post("x")
    assert (answer.outcome, server.texts) == ("unknown", ["x"])
    assert "secret" not in answer.reason


def test_nobody_there_is_a_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = Webhook(f"http://127.0.0.1:{port}/services/secret").post("x")
    assert answer == Answer("failed", "no connection: ConnectionRefusedError")
    assert Webhook("https://no.such.host.invalid/secret", timeout_s=2).post("x").outcome == "failed"


@pytest.mark.parametrize(
    "address",
    [
        "hooks.example.org/secret",
        "ftp://x/secret",
        "http:///secret",
        "http://[x/secret",
        "http://x:99999/s",
        "http://a..b/secret",
        "http://a b/secret",
        "http://" + "a" * 64 + ".org/secret",
        "http://x/secr\u00e9t",
        "http://x/se cret",
        "http://x/s?se cret",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(ValueError, match="KAIKAI_SLACK_WEBHOOK") as error:
        Webhook(address)
    assert address not in str(error.value)
    assert error.value.__cause__ is None
