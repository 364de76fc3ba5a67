"""Many deliveries to one row for each key: for each metric the value first seen latest wins.

The rank of a value is the first arrival of that very value, so a redelivery never undoes a correction. An empty cell
erases nothing. Contradicting values of one file are settled by value order and marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kaikai_assets.quality.codes import codes

_ARRIVAL = ["arrival_seq", "raw_file", "record"]


@dataclass(frozen=True)
class Merged:
    """One row a key: ``rows`` (key, ``source``, ``arrival_seq``, ``raw_file``, ``record`` of the leading record;
    metrics, ``<metric>_bad``, ``<metric>_doubt``). ``contradictions``: losing values, ``column`` and ``raw_value``.
    """

    rows: pl.DataFrame
    contradictions: pl.DataFrame


def merge(rows: pl.DataFrame, key: Sequence[str], metrics: Sequence[str]) -> Merged:
    """Merge typed rows (``conform``) over ``key``.

    A metric is ``doubt``ful when its winning value came ahead of time or contradicts another value of its file.
    """
    code = codes(rows, key)
    # Polars is slower here.
    order = pl.Series(np.argsort(code.to_numpy()))
    code = code.gather(order)
    again = (code == code.shift(1)).fill_null(False)
    several = again | again.shift(-1, fill_value=False)
    many = rows[order.filter(several)].with_columns(code.filter(several).alias("_code"), _place=several.arg_true())
    # Most of what comes twice is the same record again: its first arrival stands for all.
    content = ["_code", *metrics, *(f"{metric}_bad" for metric in metrics)]
    distinct = many.sort("_code", *_ARRIVAL).unique(content, keep="first", maintain_order=True)
    different = distinct.select(pl.len().over("_code") > 1).to_series()
    kept = (~several).scatter(distinct.filter(~different)["_place"], True)
    doubt = [pl.col("ahead").alias(f"{metric}_doubt") for metric in metrics]
    merged = rows[order.filter(kept)].with_columns(code.filter(kept).alias("_code"), *doubt).drop("ahead")
    resolved, losers = _resolve(distinct.filter(different), key, metrics)
    if resolved.height:
        merged = pl.concat([merged, resolved.select(merged.columns)]).sort("_code")
    return Merged(merged.drop("_code"), losers)


def winners(rows: pl.DataFrame, key: Sequence[str], metric: str) -> pl.DataFrame:
    """The value of a metric that ``merge`` keeps for each key, with the ``arrival_seq`` and ``record`` that said it
    first. No row where there is no value."""
    by = list(key)
    ranked = _ranked(rows.sort([*by, *_ARRIVAL]), by, metric)
    return ranked.filter("_first").select(*by, metric, pl.col("_rank").alias("arrival_seq"), "record")


def _resolve(rows: pl.DataFrame, key: Sequence[str], metrics: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row for each key of which records differ, and the values that lost; ``rows`` by key and arrival."""
    last = rows.unique("_code", keep="last", maintain_order=True)
    leading = last.drop("ahead", *metrics, *(f"{metric}_bad" for metric in metrics))
    texts = {name: pl.lit(None, pl.String) for name in ("column", "raw_value")}
    losers = [rows.clear().select("_code", "source", "raw_file", "record", "arrival_seq", **texts)]
    for metric in metrics:
        ranked = _ranked(rows, ["_code"], metric)
        doubt = (pl.col("ahead") | pl.col("_tie")).alias(f"{metric}_doubt")
        winner = ranked.filter("_first").select("_code", metric, doubt)
        bad = rows.group_by("_code").agg(pl.col(f"{metric}_bad").any())
        leading = leading.join(winner, on="_code", how="left").join(bad, on="_code", how="left")
        values = {"column": pl.lit(metric), "raw_value": pl.col(metric).cast(pl.String)}
        lost = ranked.filter(pl.col("_tied") & ~pl.col("_first")).rename({"_rank": "arrival_seq"})
        losers.append(lost.select("_code", "source", "raw_file", "record", "arrival_seq", **values))
    fill = [pl.col(f"{metric}_{what}").fill_null(False) for metric in metrics for what in ("bad", "doubt")]
    return leading.with_columns(fill), last.select("_code", *key).join(pl.concat(losers), on="_code").drop("_code")


def _ranked(rows: pl.DataFrame, by: list[str], metric: str) -> pl.DataFrame:
    """Values of a metric, each with the record that said it first, best of a key first; ``rows`` by arrival."""
    return (
        rows.filter(pl.col(metric).is_not_null())
        .group_by([*by, metric], maintain_order=True)
        .agg(
            pl.col("arrival_seq").first().alias("_rank"),
            pl.col("ahead", "source", "raw_file", "record").first(),
        )
        # The larger value of one file wins: any fixed order would do, and an alert should not be lost.
        .sort([*by, "_rank", metric], descending=[*(False for _ in by), True, True])
        .with_columns(
            _first=pl.int_range(pl.len()).over(by) == 0,
            _tied=pl.col("_rank") == pl.col("_rank").first().over(by),
        )
        .with_columns(_tie=pl.col("_tied").sum().over(by) > 1)
    )
