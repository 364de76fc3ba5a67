"""Many deliveries to one row for each key: for each metric the value first seen latest wins.

The rank of a value is the first arrival of that very value, so a redelivery never undoes a correction. An empty cell
erases nothing. Contradicting values of one file are settled by value order and marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


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
    by = list(key)
    ordered = _by_arrival(rows, by)
    same = pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in by)
    ordered = ordered.with_columns(_again=same.fill_null(False))
    ordered = ordered.with_columns(_many=pl.col("_again") | pl.col("_again").shift(-1, fill_value=False))
    doubt = [pl.col("ahead").alias(f"{metric}_doubt") for metric in metrics]
    alone = ordered.filter(~pl.col("_many")).drop("_again", "_many").with_columns(doubt)
    many = ordered.filter(pl.col("_many")).drop("_again", "_many")
    if not many.height:
        return Merged(alone.drop("ahead"), _losers(alone.clear(), by, []))
    # Most of what comes twice is the same record again: its first arrival stands for all.
    content = [*by, *metrics, *(f"{metric}_bad" for metric in metrics)]
    distinct = many.unique(content, keep="first", maintain_order=True)
    several = distinct.select(pl.len().over(by) > 1).to_series()
    settled = distinct.filter(~several).with_columns(doubt)
    contested = distinct.filter(several)
    columns = [name for name in alone.columns if name != "ahead"]
    merged, losers = [alone.select(columns), settled.select(columns)], _losers(alone.clear(), by, [])
    if contested.height:
        resolved, losers = _resolve(contested, by, metrics)
        merged.append(resolved.select(columns))
    return Merged(pl.concat(merged).sort(by), losers)


def winners(rows: pl.DataFrame, key: Sequence[str], metric: str) -> pl.DataFrame:
    """The value of a metric that ``merge`` keeps for each key, with the ``arrival_seq`` and ``record`` that said it
    first. No row where there is no value."""
    by = list(key)
    ranked = _ranked(_by_arrival(rows, by), by, metric)
    return ranked.filter("_first").select(*by, metric, pl.col("_rank").alias("arrival_seq"), "record")


def _by_arrival(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    return rows.sort([*by, "arrival_seq", "raw_file", "record"])


def _resolve(rows: pl.DataFrame, by: list[str], metrics: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    leading = rows.unique(by, keep="last", maintain_order=True).drop(
        "ahead", *metrics, *(f"{metric}_bad" for metric in metrics)
    )
    losers = []
    for metric in metrics:
        ranked = _ranked(rows, by, metric)
        winner = ranked.filter("_first").select(
            *by, metric, (pl.col("ahead") | pl.col("_tie")).alias(f"{metric}_doubt")
        )
        bad = rows.group_by(by).agg(pl.col(f"{metric}_bad").any())
        leading = leading.join(winner, on=by, how="left", nulls_equal=True).join(
            bad, on=by, how="left", nulls_equal=True
        )
        losers.append(_losers(ranked.filter(pl.col("_tied") & ~pl.col("_first")), by, [metric]))
    fill = [pl.col(f"{metric}_{what}").fill_null(False) for metric in metrics for what in ("bad", "doubt")]
    return leading.with_columns(fill), pl.concat(losers)


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


def _losers(ranked: pl.DataFrame, by: list[str], metric: Sequence[str]) -> pl.DataFrame:
    value = pl.col(metric[0]).cast(pl.String) if metric else pl.lit(None, pl.String)
    arrival = "_rank" if "_rank" in ranked.columns else "arrival_seq"
    return ranked.select(
        *by,
        "source",
        "raw_file",
        "record",
        pl.col(arrival).alias("arrival_seq"),
        pl.lit(metric[0] if metric else None, pl.String).alias("column"),
        value.alias("raw_value"),
    )
