"""What a verification found."""

from dataclasses import dataclass, field

from kaikai_assets.ledger.targets import Target


@dataclass(frozen=True)
class Difference:
    """Something that is not as a rebuild from raw makes it: a table (or ``raw``, ``ledger``), its part, and what."""

    table: str
    part: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.part}: {self.what}" if self.part else f"{self.table}: {self.what}"


@dataclass
class Compared:
    """Parts of one table: how many were compared, and how many of them are equal."""

    table: str
    parts: int = 0
    equal: int = 0

    @property
    def differing(self) -> int:
        return self.parts - self.equal


@dataclass
class Verification:
    """A finished verification. ``pending`` targets, those built anew ``meanwhile`` and those of ``sealed`` days, whose
    raw files are gone, were not compared."""

    domain: str
    files: int = 0
    tables: dict[str, Compared] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    pending: set[Target] = field(default_factory=set)
    meanwhile: set[Target] = field(default_factory=set)
    sealed: set[Target] = field(default_factory=set)

    @property
    def clean(self) -> bool:
        """Whether all that was compared is equal."""
        return not self.differences

    def note(self, table: str, part: str, wrong: list[str]) -> None:
        """Count a compared part, with what is wrong about it."""
        compared = self.tables.setdefault(table, Compared(table))
        compared.parts += 1
        compared.equal += not wrong
        self.differences += [Difference(table, part, what) for what in wrong]
