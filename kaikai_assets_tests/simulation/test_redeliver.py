"""Shuffled parts hold the same records, byte for byte."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from kaikai_assets.simulation.air import simulate_air
from kaikai_assets.simulation.redeliver import csv_records, shuffle_and_split

HEADER = b'"id","na,me"\r\n'
RECORDS = [b'1,"Plateau, Dakar"\r\n', b'2,"two\r\nlines ""quoted"""\r\n', b"3,\r\n", b"4,d\r\n", b"5,e\r\n"]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_parts_hold_every_record_once_and_repeat_the_header(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", HEADER + b"".join(RECORDS))
    parts = shuffle_and_split(file, tmp_path / "parts", 2, seed=1)
    assert [part.name for part in parts] == ["a_part001.csv", "a_part002.csv"]
    assert sorted(parts) == sorted((tmp_path / "parts").iterdir())
    found = [csv_records(part.read_bytes()) for part in parts]
    assert [records[0] for records in found] == [HEADER, HEADER]
    assert sorted(map(len, found)) == [3, 4]
    assert Counter(record for records in found for record in records[1:]) == Counter(RECORDS)


def test_a_last_record_without_line_end_is_not_glued_to_another(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", (HEADER + b"".join(RECORDS)).removesuffix(b"\r\n"))
    for seed in range(5):
        (part,) = shuffle_and_split(file, tmp_path / "parts", 1, seed)
        assert Counter(csv_records(part.read_bytes())) == Counter([HEADER, *RECORDS])


def test_the_seed_decides_the_order(tmp_path: Path) -> None:
    simulate_air(tmp_path, start=date(2025, 1, 1), days=1, source="airgradient_export_5min")
    (file,) = (tmp_path / "air" / "airgradient_export_5min").glob("*01-01.csv")

    def content(out: str, seed: int) -> list[bytes]:
        return [part.read_bytes() for part in shuffle_and_split(file, tmp_path / out, 3, seed)]

    assert content("a", 1) == content("b", 1) != content("c", 2)
    lines = b"\n".join(content("a", 1)).split(b"\n")
    assert Counter(filter(None, lines)) == Counter(file.read_bytes().split(b"\n")) + Counter({lines[0]: 2})
    assert lines[1:50] != file.read_bytes().split(b"\n")[1:50]


def test_a_file_cannot_make_more_parts_than_it_has_records(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", HEADER + b"".join(RECORDS))
    for parts in (0, 6):
        with pytest.raises(ValueError, match="5 records"):
            shuffle_and_split(file, tmp_path, parts, seed=1)
