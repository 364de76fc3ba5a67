"""Tables of the ledger."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, MetaData, String, Table, Text

metadata = MetaData()

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
    comment="Records of a file by event day; outbox of raw events.",
)

redeliveries = Table(
    "redeliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("seen_at", DateTime, nullable=False, comment="UTC"),
    comment="Files whose content had landed before.",
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
    comment="Where the records of a day and source went: records = leading + absorbed + rejected.",
)

attempts = Table(
    "attempts",
    metadata,
    Column("table_name", String(96), primary_key=True),
    Column("part", String(10), primary_key=True),
    Column("digest", String(32), nullable=False, comment="Of what was attempted; another digest starts anew"),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("at", DateTime, nullable=False, comment="UTC"),
    comment="Builds that were begun and have not succeeded.",
)
