"""Every setting of the platform, read from ``KAIKAI_*`` environment variables.

A setting lives here or nowhere: the rest of the code takes a ``Settings`` and never reads the environment.
"""

from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import Field, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Typed settings; each field is read from ``KAIKAI_<NAME>``. Paths not given are folders of the data root."""

    model_config = SettingsConfigDict(env_prefix="KAIKAI_", frozen=True)

    data: Path = Field(Path("data"), description="Data root; holds inbox, raw, lake, ledger and warehouse.")
    lake: str = Field("", description="URI of the lake; default: the folder `lake` of the data root.")
    ledger_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL of the ledger; default: SQLite in the data root."
    )
    first_day: date = Field(date(2020, 1, 1), description="Days before this one are not partitions.")
    settle_s: float = Field(2.0, ge=0, description="A file is taken when unchanged for this many seconds.")
    max_unpacked_bytes: int = Field(16 * 2**30, gt=0, description="Larger files, once unpacked, are rejected.")
    tick_bytes: int = Field(64 * 2**20, gt=0, description="Larger files are landed by a run, not in a sensor's tick.")
    tick_s: float = Field(20.0, gt=0, description="Seconds of landing that a sensor's tick may take.")
    run_days: int = Field(366, ge=0, description="Most days that one run builds; 0: any number.")
    older_runs: int = Field(
        1,
        gt=0,
        description="Runs over days before yesterday that the sensor keeps in flight; today never waits for them.",
    )
    group_records: int = Field(
        1_000_000,
        gt=0,
        description="Days are computed together up to this many records; of two such groups one is made, one written.",
    )
    attempts: int = Field(3, gt=0, description="Attempts at one unchanged day before it is called broken.")
    retry_s: float = Field(
        30.0, ge=0, description="Seconds before the sensor tries a failed day again; doubles each time, up to an hour."
    )
    overdue_h: float = Field(6.0, gt=0, description="A day pending for more hours than this is reported.")
    retain_raw_days: dict[str, PositiveInt] = Field(
        {}, description="JSON: days after arrival before retention removes raw files, by domain."
    )
    lake_history_days: int = Field(
        7,
        ge=1,
        description="Days that replaced files of the lake stay for readers and time travel.",
    )

    pseudonym_key: SecretStr = Field(
        SecretStr(""), description="Key of pseudonyms, 64 hexadecimal digits; `kaikai privacy new-keys` prints one."
    )
    encryption_key: SecretStr = Field(
        SecretStr(""), description="Key that wraps the data keys of sensitive raw files, 64 hexadecimal digits."
    )
    keys: str = Field("", description="Folder of the key store; default: the folder `keys` of the data root.")
    author: str = Field("", description="Who acts on alerts from the command line, where `--author` does not say it.")
    slack_webhook: SecretStr = Field(
        SecretStr(""), description="URL of a Slack webhook for notifications of alerts; without it they go to the log."
    )
    notify_every_s: float = Field(
        3600.0, ge=0, description="Seconds between two notifications of one rule and sensor or patient."
    )
    notify_within_h: float = Field(
        36.0, gt=0, description="Alerts that become known later than this after they were raised are not told."
    )

    @field_validator("data", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        # A relative root must mean the same folder in every process that Dagster starts.
        return value.expanduser().resolve()

    @property
    def inbox(self) -> Path:
        return self.data / "inbox"

    @property
    def raw(self) -> Path:
        return self.data / "raw"

    @property
    def rejected(self) -> Path:
        return self.data / "rejected"

    @property
    def lake_uri(self) -> str:
        return self.lake or str(self.data / "lake")

    @property
    def ledger_uri(self) -> str:
        return self.ledger_url.get_secret_value() or f"sqlite:///{self.data / 'ledger.sqlite'}"

    @property
    def key_store(self) -> Path:
        return Path(self.keys).expanduser().resolve() if self.keys else self.data / "keys"

    @property
    def warehouse(self) -> Path:
        return self.data / "warehouse" / "kaikai.duckdb"


def utc_now() -> datetime:
    """The current instant, UTC, microseconds."""
    return datetime.now(UTC)
