"""``kaikai alerts``: look at alerts, and act on them."""

from datetime import UTC, datetime

import click

from kaikai_assets.alerts.lifecycle import Kind
from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.ledger.alerts import Entry, Known
from kaikai_assets.operations.dispatch import dispatch
from kaikai_assets.settings import utc_now


@click.group()
def alerts() -> None:
    """Alerts: what stands, who dealt with it, what was told."""


_LAST = click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Rows to list.")
_AUTHOR = click.option("--author", default="", help="Who acts; default: KAIKAI_AUTHOR.")


@alerts.command("list")
@click.argument("domain", required=False)
@click.option("--all", "every", is_flag=True, help="Those too that are cleared and dealt with, or superseded.")
@_LAST
def list_alerts(domain: str | None, every: bool, last: int) -> None:
    """List alerts that are active or that nobody acknowledged, the latest first."""
    platform, now = open_platform(), utc_now()
    for one in domains_of(platform, domain):
        known = [a for a in platform.ledger.alerts.known(one.name, now) if every or _open(a)]
        click.echo(f"{one.name}: {len(known)} alerts" + (f", the last {last}" if len(known) > last else ""))
        for alert in known[:last]:
            click.echo(f"  {_line(alert)}")


@alerts.command()
@click.argument("alert_id")
def show(alert_id: str) -> None:
    """Show an alert, named by its id or the beginning of it, with its log."""
    platform, now = open_platform(), utc_now()
    alert = platform.ledger.alerts.find(alert_id, now)
    episode, state = alert.seen.episode, alert.state
    click.echo(_line(alert))
    rows = {
        "rule set": f"{episode.rule_set} version {episode.rule_version}",
        "raised": _at(episode.raised_at),
        "last violation": _at(episode.last_violation_end),
        "cleared": _at(episode.closed_at),
        "violations": str(episode.n),
        "value": _number(episode.peak),
        "threshold": _number(episode.threshold),
        "assumed": episode.assumed or "-",
        "silenced until": _at(state.silenced_until),
        "escalation due": _at(state.escalation_due),
        "became known": _at(alert.first_seen_at),
    }
    for name, value in rows.items():
        click.echo(f"  {name:16}{value}")
    for entry in platform.ledger.alerts.log(episode.alert_id):
        click.echo(f"  {_entry(entry)}")


@alerts.command()
@click.argument("alert_id", required=False)
@_LAST
def log(alert_id: str | None, last: int) -> None:
    """Show the status log, of one alert or all, the latest last."""
    platform = open_platform()
    if alert_id is not None:
        alert_id = platform.ledger.alerts.find(alert_id, utc_now()).seen.episode.alert_id
    for entry in platform.ledger.alerts.log(alert_id, last):
        click.echo(f"{entry.alert_id}  {_entry(entry)}")


@alerts.command()
@click.argument("alert_id")
@_AUTHOR
@click.option("--reason", default="", help="Why, if there is something to say.")
def acknowledge(alert_id: str, author: str, reason: str) -> None:
    """Say that somebody deals with an alert: it is not escalated."""
    _act("acknowledge", alert_id, author, reason)


@alerts.command()
@click.argument("alert_id")
@_AUTHOR
@click.option("--reason", required=True, help="What was done.")
def resolve(alert_id: str, author: str, reason: str) -> None:
    """Say that the violations so far are dealt with; one that follows is a new matter."""
    _act("resolve", alert_id, author, reason)


@alerts.command()
@click.argument("alert_id")
@_AUTHOR
@click.option("--reason", required=True, help="Why.")
@click.option("--until", required=True, help="End, ISO 8601; UTC where it names no zone.")
def silence(alert_id: str, author: str, reason: str, until: str) -> None:
    """Tell nothing of the rule and entity of an alert until an instant; never of critical ones."""
    try:
        end = datetime.fromisoformat(until)
    except ValueError as error:
        raise click.BadParameter(f"{until!r} is not an instant, such as 2026-03-01T18:00Z") from error
    _act("silence", alert_id, author, reason, end if end.tzinfo else end.replace(tzinfo=UTC))


@alerts.command()
@click.argument("alert_id")
@_AUTHOR
@click.option("--reason", default="", help="Why, if there is something to say.")
def unsilence(alert_id: str, author: str, reason: str) -> None:
    """End a silence."""
    _act("unsilence", alert_id, author, reason)


@alerts.command()
@_LAST
def notifications(last: int) -> None:
    """Show the outbox, the latest last: noted, state, text, and why it was not sent."""
    for one in open_platform().ledger.outbox.listed(last):
        why = f"  ({one.reason})" if one.reason else ""
        click.echo(f"{_at(one.noted_at)}  {one.domain}  {one.state:8}  {one.text}{why}")


@alerts.command()
def send() -> None:
    """Escalate what is due and send what waits, as the sensor does each minute."""
    done = dispatch(open_platform())
    click.echo(", ".join(f"{count} {name}" for name, count in vars(done).items()))


def _act(kind: Kind, alert_id: str, author: str, reason: str, expires_at: datetime | None = None) -> None:
    platform = open_platform()
    who = author or platform.settings.author
    click.echo(str(platform.act_on_alert(kind, alert_id, who, reason=reason, expires_at=expires_at)))


def _open(alert: Known) -> bool:
    return not alert.seen.gone and (alert.state.active or not alert.state.acknowledged)


def _line(alert: Known) -> str:
    episode, state = alert.seen.episode, alert.state
    words = ["active" if state.active else "cleared"]
    words.append("resolved" if state.resolved else "acknowledged" if state.acknowledged else "unacknowledged")
    words += ["escalated"] if state.escalated else []
    words += ["silenced"] if state.silenced_until else []
    if alert.seen.gone:
        words = [f"superseded by {alert.seen.superseded_by}" if alert.seen.superseded_by else "withdrawn"]
    return (
        f"{episode.alert_id}  {_at(episode.opened_at)}  {episode.severity:8}  {episode.rule}  {episode.entity}  "
        f"{', '.join(words)}"
    )


def _entry(entry: Entry) -> str:
    rest = [f"by {entry.author}"] if entry.author else []
    rest += [f"until {_at(entry.expires_at)}"] if entry.expires_at else []
    rest += [f"by {entry.superseded_by}"] if entry.superseded_by else []
    rest += [entry.reason] if entry.reason else []
    return "  ".join([_at(entry.noted_at), f"{entry.change} at {_at(entry.effective_at)}", *rest])


def _at(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
