"""Conservation of records: of each day and source, records = leading + absorbed + rejected."""

from collections.abc import Sequence

import polars as pl

from kaikai_assets.quality.codes import codes


class ConservationError(ValueError):
    """Records of a day are not all accounted for; the message names day, source and the counts."""


def account(
    bronze: pl.DataFrame, usable: pl.DataFrame, merged: pl.DataFrame, key: Sequence[str], rejected: pl.DataFrame
) -> pl.DataFrame:
    """Where the records of each day and source went: ``day, source, records, leading, absorbed, rejected``.

    ``usable`` are the records that could be read, ``merged`` the rows they became (``source``, ``arrival_seq`` and
    ``record`` of the leading record), ``rejected`` the records that could not, ``repeated`` where their content had
    been rejected before. Each class is counted on its own, so that they add up only if nothing was lost or invented:
    rows lead, and a usable record that does not lead is absorbed only by a row of its key. Raises
    ``ConservationError`` for a row that no record leads.
    """
    by, record, keys = ["day", "source"], ["arrival_seq", "record"], list(key)
    ids = codes(pl.concat([usable.select(record), merged.select(record)]), record)
    of_usable, of_merged = ids.head(usable.height), ids.tail(merged.height)
    invented = merged.filter(~of_merged.is_in(of_usable.implode())).sort(by)
    for row in invented.head(1).iter_rows(named=True):
        raise ConservationError(f"{row['day']}, {row['source']}: {invented.height} rows that no record leads")
    others = usable.filter(~of_usable.is_in(of_merged.implode()))
    # First the few rows of their keys: the right side of a join is the one that costs.
    near = merged.select(keys).join(others, on=keys, how="semi", nulls_equal=True)
    held = others.join(near, on=keys, how="semi", nulls_equal=True)
    counts = {
        "records": bronze.group_by(by).len("records"),
        "leading": merged.group_by(by).len("leading"),
        "absorbed": held.group_by(by).len("absorbed"),
        "repeated": rejected.filter("repeated").group_by(by).len("repeated"),
        "rejected": rejected.filter(~pl.col("repeated")).group_by(by).len("rejected"),
    }
    joined = counts.pop("records")
    for count in counts.values():
        joined = joined.join(count, on=by, how="full", coalesce=True)
    joined = joined.with_columns(pl.col("records", *counts).fill_null(0).cast(pl.Int64))
    absorbed = pl.col("absorbed") + pl.col("repeated")
    return joined.select(*by, "records", "leading", absorbed, "rejected").sort(by)


def verify(accounts: pl.DataFrame, landed: pl.DataFrame) -> None:
    """Compare with the records counted at landing (``day, source, landed``). Raises ``ConservationError``."""
    joined = accounts.join(landed, on=["day", "source"], how="full", coalesce=True).fill_null(0)
    accounted = pl.col("leading") + pl.col("absorbed") + pl.col("rejected")
    wrong = joined.filter((pl.col("records") != accounted) | (pl.col("records") != pl.col("landed")))
    for row in wrong.sort("day", "source").head(1).iter_rows(named=True):
        raise ConservationError(
            f"{row['day']}, {row['source']}: {row['landed']} records landed, {row['records']} in bronze, "
            f"{row['leading']} leading + {row['absorbed']} absorbed + {row['rejected']} rejected"
        )
