"""How a row is traced to the rows it was made of: by the part of event time that it stands for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

MADE = "made."
"""Prefix of the columns of the row that was made, beside those of a row that it may have been made of."""

Holds = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Span:
    """Event time that a row stands for: [``start``, ``end``), instants in UTC, of the entity that ``by`` names.

    A row is made of those rows of a table it reads that start within its span and equal it in the columns of ``by``
    that both have. ``of`` says for a table what else must hold: from pairs of rows (columns of the read table, and as
    ``made.<column>`` those of the row) and the registry to the pairs that count.
    """

    by: tuple[str, ...]
    start: pl.Expr
    end: pl.Expr
    of: Mapping[str, Holds] = field(default_factory=dict)


def narrow(
    rows: pl.DataFrame, span: Span, table: str, read: pl.DataFrame, start: pl.Expr, registry: pl.DataFrame
) -> pl.DataFrame:
    """Rows of a ``read`` table, which start at ``start``, that some ``rows`` were made of, each once."""
    made = rows.select(pl.all().name.prefix(MADE), _from=span.start, _to=span.end)
    numbered = read.with_columns(start.alias("_start")).with_row_index("_row")
    shared = [name for name in span.by if name in read.columns]
    pairs = numbered.join_where(
        made,
        pl.col("_start") >= pl.col("_from"),
        pl.col("_start") < pl.col("_to"),
        *(pl.col(name) == pl.col(f"{MADE}{name}") for name in shared),
    )
    if table in span.of:
        pairs = span.of[table](pairs, registry)
    return numbered.join(pairs.select("_row").unique(), on="_row", how="semi").select(read.columns)
