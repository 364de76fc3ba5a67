"""``kaikai trace``."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import polars as pl

from kaikai_assets.cli.opening import open_platform
from kaikai_assets.operations.raw_text import RawFile
from kaikai_assets.operations.selection import NoSuchRow, key_of, shown
from kaikai_assets.operations.trace import Layer, trace
from kaikai_assets.quality.contracts import metrics

_LISTED = 25


@click.command("trace")
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@click.option("--column", help="Only what led to this column's value.")
@click.option(
    "--limit", type=click.IntRange(0), help=f"Most rows and records to list; default: {_LISTED} rows, all records."
)
@click.option("--decrypt", is_flag=True, help="Open sealed raw files; this is noted.")
@click.option("--reason", help="Why they are opened.")
def trace_command(
    table: str, key: tuple[str, ...], column: str | None, limit: int | None, decrypt: bool, reason: str | None
) -> None:
    """Explain a row of TABLE down to the raw lines it was made of.

    KEY selects the row by one or more column=value, for example: day=2025-03-01 sensor_id=SENS001.
    """
    if decrypt != bool(reason):
        raise click.UsageError("--decrypt needs --reason TEXT, and the other way round")
    texts: dict[str, str] = {}
    for part in key:
        name, equals, text = part.partition("=")
        if not equals:
            raise click.BadParameter(f"{part!r} is not column=value", param_hint="KEY")
        texts[name] = text
    try:
        found = trace(open_platform(), table, texts, column, reason)
    except NoSuchRow as error:
        raise click.ClickException(str(error)) from error
    for line in [
        *_row(found.row),
        *(line for layer in found.layers for line in _layer(layer, _LISTED if limit is None else limit)),
        *_records(found.files, limit),
        *(f"! {note}" for note in found.notes),
    ]:
        # Escapes of a raw line are part of it in a file or a pipe, but no command to a terminal.
        click.echo(_printable(line) if sys.stdout.isatty() else line, color=True)


def _row(layer: Layer) -> Iterator[str]:
    yield layer.table
    for name, value in layer.rows.row(0, named=True).items():
        mark = "  <--" if name in layer.traced else ""
        if value is not None or mark:
            yield f"  {name:24} {shown(value)}{mark}"


def _layer(layer: Layer, limit: int) -> Iterator[str]:
    yield ""
    yield f"{layer.table}: {_counted(layer.rows.height, 'row')}"
    flags = {f"{metric.name}_flag" for metric in metrics(layer.contract)}
    names = (
        [*key_of(layer.contract), *layer.traced] if layer.traced else [n for n in layer.rows.columns if n not in flags]
    )
    for row in layer.rows.select(list(dict.fromkeys(names))).head(limit).iter_rows(named=True):
        yield "  " + "  ".join(f"{name}={shown(value)}" for name, value in row.items() if value is not None)
    yield from _rest(layer.rows.height, limit)


def _records(files: Sequence[RawFile], limit: int | None) -> Iterator[str]:
    total = sum(file.records.height for file in files)
    roles = pl.concat([file.records["role"] for file in files]) if files else pl.Series("role", [], pl.String)
    counts = ", ".join(f"{(roles == role).sum()} {role}" for role in ("leading", "absorbed", "rejected"))
    yield ""
    yield f"raw: {_counted(total, 'record')} of {_counted(len(files), 'file')}: {counts}"
    left = total if limit is None else limit
    for file in files:
        shown_here = file.records.head(left)
        if shown_here.height:
            yield from _file(file, shown_here)
        left -= shown_here.height
    yield from _rest(total, total if limit is None else limit)


def _file(file: RawFile, records: pl.DataFrame) -> Iterator[str]:
    yield ""
    yield f"raw/{file.file.raw_file}"
    yield f"  arrival {file.file.arrival_seq}, {file.file.arrived_at:%Y-%m-%d %H:%M:%S} UTC, source {file.file.source}"
    yield from (f"  came again as {name}, {at:%Y-%m-%d %H:%M:%S} UTC" for name, at in file.again)
    if file.problem:
        yield f"  ! {file.problem}: its records cannot be shown"
    if file.header:
        yield f"  {'line':7} {file.header[0]:<7} {'header':9} {file.header[1]}"
    for row in records.iter_rows(named=True):
        at = f" (line {row['line']})" if file.unit == "element" and row["line"] else ""
        place = f"  {file.unit:7} {str(row['record']) + at:7}"
        if row["text"] is None:
            yield f"{place} {row['role']}"
        else:
            text, *further = row["text"].split("\n")
            yield f"{place} {row['role']:9} {text}"
            for number, line in enumerate(further, start=row["line"] + 1):
                yield f"  {'line':7} {number:<7} {'':9} {line}"
        if remark := _remark(row):
            yield f"  {'':15} {'':9} ^ {remark}"


def _remark(row: dict[str, Any]) -> str:
    """What a record's role does not say."""
    leads, again, outdone = (", ".join(row[name]) for name in ("leads", "again", "outdone"))
    if row["role"] == "absorbed" and not outdone and not row["cells"] and not row["reason"]:
        return "duplicate: an earlier record says all this"
    parts = [
        f"leads {leads}" if leads and (again or outdone) else "",
        f"an earlier record says {again}" if again else "",
        f"another record's {outdone} stands" if outdone else "",
        f"set aside: {', '.join(row['cells'])}" if row["cells"] else "",
        row["reason"] or "",
    ]
    return "; ".join(part for part in parts if part)


def _rest(total: int, limit: int) -> Iterator[str]:
    if total > limit:
        yield f"  ... and {total - limit} more"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line)
