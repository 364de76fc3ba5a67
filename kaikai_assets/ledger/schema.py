"""Tables of the ledger."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    false,
)
from sqlalchemy import Text as AnyText


class Text(TypeDecorator[str]):
    """Text that may quote a damaged file: what PostgreSQL refuses, NUL and lone surrogates, is kept as an escape."""

    impl = AnyText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return value and value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


metadata = MetaData()

JOURNAL = {"journal": True}
"""``info`` of tables that nothing can make again: a backup holds them."""

sequence = Table(
    "arrival_sequence",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("last", BigInteger, nullable=False),
    comment="The last arrival number given.",
)

files = Table(
    "files",
    metadata,
    Column("arrival_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("identity", String(32), nullable=False, unique=True),
    Column("domain", String(64), nullable=False, index=True),
    Column("source", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("raw_file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("arrived_at", DateTime, nullable=False, comment="UTC"),
    Column("counted", String(32), nullable=False, comment="Digest of how its event days were told"),
    comment="One row a landed file.",
)

file_days = Table(
    "file_days",
    metadata,
    Column("arrival_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True, index=True),
    Column("records", BigInteger, nullable=False),
    Column("announced", Boolean, nullable=False, comment="Its raw event was emitted"),
    Column("erased", BigInteger, nullable=False, server_default="0", comment="Records of erased patients among them"),
    comment="Records of a file by event day; outbox of raw events.",
)

removals = Table(
    "removals",
    metadata,
    Column("arrival_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("removed_at", DateTime, nullable=False, comment="UTC"),
    Column("seen", BigInteger, nullable=False, comment="Last arrival then: later files of its days are late"),
    comment="Files whose bytes retention removed from raw; their days are sealed.",
)

redeliveries = Table(
    "redeliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("seen_at", DateTime, nullable=False, comment="UTC"),
    comment="Files whose content had landed before.",
    info=JOURNAL,
)

rejections = Table(
    "rejections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seen_at", DateTime, nullable=False, comment="UTC"),
    comment="Files that could not be taken; they lie in rejected/.",
    info=JOURNAL,
)

served = Table(
    "served",
    metadata,
    Column("arrival_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("served_at", DateTime, comment="UTC; null where nobody noted it"),
    comment="When the readings of a file first stood in the warehouse.",
    info=JOURNAL,
)

built = Table(
    "built",
    metadata,
    Column("table_name", String(96), primary_key=True),
    Column("part", String(10), primary_key=True, comment="Day, or '' for an unpartitioned table"),
    Column("digest", String(32), nullable=False, comment="Of everything it was made from"),
    Column("output", String(32), nullable=False, comment="Of its rows"),
    Column("rows", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False, comment="Last arrival that the build knew of"),
    Column("built_at", DateTime, nullable=False, comment="UTC"),
    comment="One row a built (table, day).",
)

lake_versions = Table(
    "lake_versions",
    metadata,
    Column("table_name", String(96), primary_key=True),
    Column("version", BigInteger, nullable=False),
    comment="The last version of each lake table that was seen; an older or absent one was deleted or restored.",
)

accounts = Table(
    "accounts",
    metadata,
    Column("domain", String(64), primary_key=True),
    Column("part", String(10), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("records", BigInteger, nullable=False),
    Column("leading", BigInteger, nullable=False),
    Column("absorbed", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("erased", BigInteger, nullable=False, server_default="0"),
    comment="Where the records of a day and source went: records = leading + absorbed + rejected + erased.",
)

attempts = Table(
    "attempts",
    metadata,
    Column("table_name", String(96), primary_key=True),
    Column("part", String(10), primary_key=True),
    Column("digest", String(32), nullable=False, comment="Of what was attempted; another digest starts anew"),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column(
        "transient", Boolean, nullable=False, server_default=false(), comment="The last failed for want of a resource"
    ),
    Column("at", DateTime, nullable=False, comment="UTC"),
    comment="Builds that were begun and have not succeeded.",
)

pending_days = Table(
    "pending_days",
    metadata,
    Column("domain", String(64), primary_key=True),
    Column("part", String(10), primary_key=True, comment="Day, or '' for unpartitioned tables"),
    Column("since", DateTime, nullable=False, comment="UTC"),
    comment="Days with pending targets, and since when; as the last plan saw them.",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("domain", String(64), primary_key=True),
    Column("hash", String(32), primary_key=True, comment="Keyed hash; joins to no pseudonym"),
    Column("at", DateTime, nullable=False, comment="UTC"),
    comment="Erased patients, whose later records are left out at landing.",
    info=JOURNAL,
)

privacy_audit = Table(
    "privacy_audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime, nullable=False, comment="UTC"),
    Column("domain", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("scope", Text, nullable=False, comment="JSON: counts, never whose"),
    comment="Who looked at, exported or erased what of a sensitive domain: no personal data.",
    info=JOURNAL,
)

pipeline_execution_log = Table(
    "pipeline_execution_log",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("job", String(128), nullable=False),
    Column("domain", String(64), nullable=False),
    Column("days", String(24), nullable=False, comment="First…last day asked for, or ''"),
    Column("status", String(16), nullable=False),
    Column("started_at", DateTime, comment="UTC"),
    Column("ended_at", DateTime, comment="UTC"),
    Column("rows_in", BigInteger, nullable=False, comment="Rows committed to bronze"),
    Column("rows_out", BigInteger, nullable=False, comment="Rows committed to silver and gold"),
    Column("rejected", BigInteger, nullable=False, comment="Records of the built days that are in quarantine"),
    Column("error", Text, nullable=False),
    comment="One row a run of Dagster.",
    info=JOURNAL,
)

_MATTER = (("rule_set", String(96)), ("rule", String(128)), ("entity", Text))

alerts_seen = Table(
    "alerts_seen",
    metadata,
    Column("alert_id", String(64), primary_key=True),
    Column("domain", String(64), nullable=False),
    *(Column(name, kind, nullable=False) for name, kind in _MATTER),
    Column("rule_version", Integer, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("opened_at", DateTime, nullable=False, comment="Event time, UTC"),
    Column("raised_at", DateTime, nullable=False, comment="Event time, UTC"),
    Column("last_violation_end", DateTime, nullable=False, comment="Event time, UTC"),
    Column("closed_at", DateTime, comment="Event time, UTC; null while open"),
    Column("n", BigInteger, nullable=False),
    Column("peak", Float(53)),
    Column("threshold", Float(53)),
    Column("assumed", Text),
    Column("gone", Boolean, nullable=False, comment="The data gives it no more"),
    Column("superseded_by", String(64), comment="Alert that overlaps one that is gone"),
    Column("news", Boolean, nullable=False, comment="Became known soon enough after it was raised to be told"),
    Column("first_seen_at", DateTime, nullable=False, comment="UTC"),
    Column("revision", BigInteger, nullable=False, comment="Grows with each change"),
    Column("published", BigInteger, nullable=False, comment="Revision that stands in the warehouse"),
    Index("alerts_seen_matter", "domain", "rule_set", "rule", "entity"),
    comment="Each alert that was ever seen, as it last stood.",
    info=JOURNAL,
)

alert_actions = Table(
    "alert_actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    *(Column(name, kind, nullable=False) for name, kind in _MATTER),
    Column("since", DateTime, nullable=False, comment="Event time, UTC"),
    Column("until", DateTime, nullable=False, comment="Event time, UTC, not included"),
    Column("at", DateTime, nullable=False, comment="When it was made, UTC"),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires_at", DateTime, comment="UTC; of a silence"),
    Index("alert_actions_matter", "domain", "rule_set", "rule", "entity"),
    comment="What people and the platform did about the violations of a rule by an entity in an interval.",
    info=JOURNAL,
)

alert_status_log = Table(
    "alert_status_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain", String(64), nullable=False),
    Column("alert_id", String(64), nullable=False, index=True),
    Column("change", String(24), nullable=False),
    Column(
        "effective_at",
        DateTime,
        nullable=False,
        comment="Event time of a change of the data, else when it was made; UTC",
    ),
    Column("noted_at", DateTime, nullable=False, comment="UTC"),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires_at", DateTime, comment="UTC; of a silence"),
    Column("superseded_by", String(64)),
    Column("published", Boolean, nullable=False, comment="Stands in the warehouse"),
    Index("alert_status_log_noted", "domain", "noted_at"),
    comment="One row a change of an alert.",
    info=JOURNAL,
)

notifications = Table(
    "notifications",
    metadata,
    Column("key", String(32), primary_key=True, comment="Idempotency key"),
    Column("domain", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    *(Column(name, kind, nullable=False) for name, kind in _MATTER),
    Column("since", DateTime, nullable=False, comment="Event time, UTC"),
    Column("until", DateTime, nullable=False, comment="Event time, UTC, not included; grows with the alert"),
    Column("state", String(16), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", DateTime, nullable=False, comment="UTC"),
    Column("noted_at", DateTime, nullable=False, comment="UTC"),
    Column("sent_at", DateTime, comment="When it was handed over, UTC"),
    Column("text", Text, nullable=False),
    Index("notifications_matter", "domain", "rule_set", "rule", "entity"),
    comment="Outbox: what is told about alerts.",
    info=JOURNAL,
)
