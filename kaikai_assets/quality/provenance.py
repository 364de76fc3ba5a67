"""What became of each record: which values of it stand in a row, which were outdone, and why it was set aside.

It tells what ``merge`` did and decides nothing itself.
"""

from collections.abc import Sequence

import polars as pl

from kaikai_assets.quality.merge import merge, winners

_RECORD = ["arrival_seq", "record"]
_ORIGIN = ["source", "raw_file", *_RECORD]


def provenance(rows: pl.DataFrame, aside: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """One row for each record of typed ``rows`` (``conform``) that are merged over ``key``, and for each one of the
    quarantine ``aside``: ``source, raw_file, arrival_seq, record``, then

    - ``role``: ``leading`` if a value in the merged row was first said here, or the row has no value and is made of
      this record; ``absorbed`` if the row says nothing that was first said here; ``rejected``;
    - ``leads``, ``again``, ``outdone``: metrics of which its value stands in the row and was first said here, stands
      there but was first said elsewhere, or does not stand there;
    - ``cells``: what was set aside of it, ``metric: rule``;
    - ``reason``: why it was rejected, null otherwise. A content ``repeated`` since it was rejected is absorbed.
    """
    metrics = [name for name in rows.columns if f"{name}_bad" in rows.columns and name not in key]
    nothing = rows.clear().select(*_RECORD, pl.lit("").alias("metric"), _leads=pl.lit(True), _stands=pl.lit(True))
    said = pl.concat([nothing, *(_said(rows, key, metric) for metric in metrics)])
    values = said.group_by(_RECORD, maintain_order=True).agg(
        leads=pl.col("metric").filter("_leads"),
        again=pl.col("metric").filter(pl.col("_stands") & ~pl.col("_leads")),
        outdone=pl.col("metric").filter(~pl.col("_stands")),
    )
    unusable = (
        aside.filter(pl.col("kind") == "cell")
        .group_by(_RECORD, maintain_order=True)
        .agg(cells=pl.concat_str("column", "rule", separator=": "))
    )
    valueless = pl.all_horizontal(pl.col(metrics).is_null())
    own = _merged(rows, key, metrics).filter(valueless).select(*_RECORD, _own=pl.lit(True))
    none = pl.lit([], pl.List(pl.String))
    leading = (pl.col("leads").list.len() > 0) | pl.col("_own").fill_null(False)
    used = (
        rows.select(_ORIGIN)
        .join(values, on=_RECORD, how="left")
        .join(unusable, on=_RECORD, how="left")
        .join(own, on=_RECORD, how="left")
        .with_columns(pl.col("leads", "again", "outdone", "cells").fill_null(none))
        .with_columns(
            role=pl.when(leading).then(pl.lit("leading")).otherwise(pl.lit("absorbed")), reason=pl.lit(None, pl.String)
        )
    )
    repeated = pl.col("repeated") if "repeated" in aside.columns else pl.lit(False)
    # A record is refused as a whole, or for a cell without which it says nothing.
    others = aside.join(rows.select(_RECORD), on=_RECORD, how="anti", maintain_order="left")
    refused = (
        others.sort(pl.col("kind") != "record", maintain_order=True)
        .unique(_RECORD, keep="first")
        .with_columns(
            role=pl.when(repeated).then(pl.lit("absorbed")).otherwise(pl.lit("rejected")),
            leads=none,
            again=none,
            outdone=none,
            cells=none,
            reason=pl.concat_str("rule", "reason", separator=": "),
        )
    )
    columns = [*_ORIGIN, "role", "leads", "again", "outdone", "cells", "reason"]
    return pl.concat([used.select(columns), refused.select(columns)]).sort(_RECORD)


def _said(rows: pl.DataFrame, key: Sequence[str], metric: str) -> pl.DataFrame:
    """Records with a value of a metric: whether it stands in the merged row, and whether this record leads it."""
    kept = winners(rows, key, metric).rename({metric: "_kept", "arrival_seq": "_arrival", "record": "_number"})
    first = (pl.col("arrival_seq") == pl.col("_arrival")) & (pl.col("record") == pl.col("_number"))
    return (
        rows.filter(pl.col(metric).is_not_null())
        .join(kept, on=list(key), nulls_equal=True, maintain_order="left")
        .select(*_RECORD, pl.lit(metric).alias("metric"), _leads=first, _stands=pl.col(metric) == pl.col("_kept"))
    )


def _merged(rows: pl.DataFrame, key: Sequence[str], metrics: Sequence[str]) -> pl.DataFrame:
    filled = rows.with_columns(pl.col(f"{metric}_bad").fill_null(False) for metric in metrics)
    return merge(filled, key, metrics).rows
