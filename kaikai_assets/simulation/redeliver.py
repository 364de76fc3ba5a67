"""The same records in other files and another order, to show that neither matters."""

from pathlib import Path

from kaikai_assets.simulation.files import write_whole
from kaikai_assets.simulation.streams import Stream


def shuffle_and_split(file: Path, out: Path, parts: int, seed: int) -> list[Path]:
    """Write the records of a CSV file, shuffled, as `parts` files of about equal length under `out`.

    Each part repeats the header. Records keep their bytes; a last record without a line end gets the header's.
    """
    header, *body = csv_records(file.read_bytes())
    if not 1 <= parts <= len(body):
        raise ValueError(f"{file.name} has {len(body)} records: it cannot make {parts} parts")
    if not body[-1].endswith((b"\n", b"\r")):
        body[-1] += header[len(header.rstrip(b"\r\n")) :]
    shuffled = [body[index] for index in Stream(seed).order(len(body))]
    return [
        write_whole(out / f"{file.stem}_part{part + 1:03d}{file.suffix}", b"".join([header, *shuffled[part::parts]]))
        for part in range(parts)
    ]


def csv_records(content: bytes) -> list[bytes]:
    """Split CSV text into records with their line ends; line ends within quotes do not count."""
    records: list[bytes] = []
    unclosed = b""
    for line in content.splitlines(keepends=True):
        unclosed += line
        if unclosed.count(b'"') % 2 == 0:
            records.append(unclosed)
            unclosed = b""
    return [*records, unclosed] if unclosed else records
