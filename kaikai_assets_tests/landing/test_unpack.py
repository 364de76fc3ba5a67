"""Packed files and encodings: read whole, or refused with the reason."""

import gzip
import hashlib
from itertools import islice, permutations
from pathlib import Path

import pytest
import zstandard

from kaikai_assets.landing.readers import read_header, read_records, require_sound_record
from kaikai_assets.landing.unpack import UnreadableFile, chunks, fingerprint, text_lines, utf8_chunks
from kaikai_assets_tests.landing.making import LIMIT, MAKERS, PACKERS, described, put

ROWS = [{"id": f"s{n}", "time": "2025-03-01T06:05:00Z", "pm25": str(n)} for n in range(3000)]
TEXT = MAKERS["csv"](ROWS)
SKIPPED = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"


def unpacked(path: Path, limit: int = LIMIT) -> bytes:
    return b"".join(chunks(path, limit))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize("packed", [".gz", ".zst"])
@pytest.mark.parametrize("form", MAKERS)
def test_a_packed_file_reads_like_the_plain_one(tmp_path: Path, form: str, packed: str) -> None:
    source, content = described(format=form), MAKERS[form](ROWS)
    plain = read_records(put(tmp_path / f"x.{form}", content), source, LIMIT)
    path = put(tmp_path / f"x.{form}{packed}", PACKERS[packed](content))
    assert plain.height == len(ROWS)
    assert read_records(path, source, LIMIT).equals(plain)
    assert read_header(path, source, LIMIT) == ["id", "time", "pm25"]


@pytest.mark.parametrize("packed", PACKERS)
def test_the_bytes_say_how_a_file_is_packed_and_not_its_name(tmp_path: Path, packed: str) -> None:
    for name in ("x.csv", "x.csv.gz", "x.csv.zst"):
        assert unpacked(put(tmp_path / name, PACKERS[packed](TEXT))) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:]),
        zstd(TEXT[:1000]) + zstd(TEXT[1000:]),
        SKIPPED + zstd(TEXT),
        zstd(TEXT[:1000]) + SKIPPED + zstd(TEXT[1000:]),
    ],
    ids=["gzip members", "zstd frames", "a frame to skip first", "a frame to skip between"],
)
def test_a_file_packed_in_pieces_is_read_to_its_end(tmp_path: Path, content: bytes) -> None:
    assert unpacked(put(tmp_path / "x", content)) == TEXT


@pytest.mark.parametrize("pack", [gzip.compress, zstd, PACKERS[".zst"]], ids=["gzip", "zstd", "zstd without checksum"])
@pytest.mark.parametrize("kept", [5, 40, 0.5, -4, -1])
def test_a_packed_file_that_ends_early_is_refused(tmp_path: Path, pack: type, kept: float) -> None:
    whole: bytes = pack(TEXT)
    cut = whole[: kept if isinstance(kept, int) else int(len(whole) * kept)]
    path = put(tmp_path / "x.csv.gz", cut)
    with pytest.raises(UnreadableFile, match="damaged: cannot unpack: Truncated"):
        unpacked(path)
    with pytest.raises(UnreadableFile, match="damaged"):
        read_records(path, described(), LIMIT)


def test_a_second_piece_that_ends_early_is_noticed(tmp_path: Path) -> None:
    for pack in (gzip.compress, zstd):
        with pytest.raises(UnreadableFile, match="Truncated"):
            unpacked(put(tmp_path / "x", pack(TEXT) + pack(TEXT)[:-1]))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_a_packed_file_that_is_damaged_is_refused(tmp_path: Path, pack: type) -> None:
    whole: bytes = pack(TEXT)
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 20]) + whole[middle + 20 :]
    for content in (damaged, whole + b"junk"):
        with pytest.raises(UnreadableFile, match="damaged: cannot unpack"):
            unpacked(put(tmp_path / "x", content))


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("form", MAKERS)
def test_a_file_too_large_when_unpacked_is_refused(tmp_path: Path, form: str, packed: str) -> None:
    content = MAKERS[form](ROWS)
    path = put(tmp_path / f"x.{form}{packed}", PACKERS[packed](content))
    source = described(format=form)
    # Parquet and workbooks are packed in themselves.
    assert read_records(path, source, LIMIT if form in ("parquet", "xlsx") else len(content)).height == len(ROWS)
    with pytest.raises(UnreadableFile, match=f"too large: more than {len(content) - 1} bytes when unpacked"):
        read_records(path, source, len(content) - 1)


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_before_it_is_gathered(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000))
    pieces = chunks(path, 3 << 18)
    assert len(b"".join(islice(pieces, 3))) <= 3 << 18
    with pytest.raises(UnreadableFile, match="too large"):
        next(pieces)


LATIN = "id,time,pm25\ns1,Thiès,1\ns2,Médina,2\n"


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("latin-1", LATIN.encode("latin-1")),
        ("cp1252", LATIN.encode("cp1252")),
        ("utf-8", LATIN.encode()),
        ("utf-8", LATIN.encode("utf-8-sig")),
        ("utf-8-sig", LATIN.encode()),
        ("utf-16", LATIN.encode("utf-16")),
        ("utf-16-le", LATIN.encode("utf-16-le")),
    ],
)
def test_a_file_is_read_in_its_described_encoding(tmp_path: Path, encoding: str, content: bytes, packed: str) -> None:
    path = put(tmp_path / "x.csv", PACKERS[packed](content))
    found = read_records(path, described(encoding=encoding), LIMIT)
    assert found["time"].to_list() == ["Thiès", "Médina"]
    assert found["record"].to_list() == [2, 3]


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_json_is_read_in_its_described_encoding(tmp_path: Path, form: str) -> None:
    path = put(tmp_path / "x.json", '{"id": "Thiès", "time": ""}'.encode("latin-1"))
    assert read_records(path, described(format=form, encoding="latin-1"), LIMIT)["id"].to_list() == ["Thiès"]


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (LATIN.encode("latin-1"), "utf-8", "not utf-8 text: byte 19 is 0xe8"),
        (b"\xef\xbb\xbf" + LATIN.encode("latin-1"), "utf-8", "not utf-8 text: byte 22 is 0xe8"),
        (LATIN.encode("utf-16"), "utf-8", "not utf-8 text: byte 0 is 0xff"),
        (b"\x00\x9f\x92\x96" * 9, "utf-8", "not utf-8 text: byte 1 is 0x9f"),
        (b"\x89PNG\r\n\x1a\n", "utf-8", "not utf-8 text: byte 0 is 0x89"),
        (LATIN.encode() + b"\xe2\x82", "utf-8", "not utf-8 text: byte 38 is 0xe2"),
        (LATIN.encode("utf-16-le"), "utf-16", "not utf-16 text"),
        (LATIN.encode(), "ascii", "not ascii text: byte 19 is 0xc3"),
    ],
    ids=["latin-1", "latin-1 after a mark", "utf-16", "junk", "a picture", "cut", "utf-16 without mark", "not ascii"],
)
@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
def test_a_file_that_is_not_text_of_its_encoding_is_refused_with_the_first_wrong_byte(
    tmp_path: Path, form: str, content: bytes, encoding: str, reason: str
) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read_records(put(tmp_path / "x", content), described(format=form, encoding=encoding), LIMIT)


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 18])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_wrong_byte_far_into_a_file_is_named_by_its_place(tmp_path: Path, size: int, start: str) -> None:
    # The first byte of é stands at the end of a piece, the wrong one at the start of the next.
    text = start.encode() + b"x" * (size - len(start.encode())) + b"\xc3"
    with pytest.raises(UnreadableFile, match=f"byte {size} is 0xc3"):
        list(utf8_chunks(put(tmp_path / "x", text + b"x" * 10), "utf-8", LIMIT))


@pytest.mark.parametrize("content", [b"id,time\x00pm25\n", b"i\x00d\x00,\x00t\x00\n\x00", b"\x00" * 100])
def test_zero_bytes_are_text_that_no_header_has(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="header holds zero bytes"):
        read_records(put(tmp_path / "x.csv", content), described(), LIMIT)


MISTAKEN = [(form, other) for form, other in permutations(MAKERS, 2) if {form, other} != {"json", "ndjson"}]


@pytest.mark.parametrize(("form", "other"), MISTAKEN)
def test_a_file_of_another_format_is_refused(tmp_path: Path, form: str, other: str) -> None:
    path = put(tmp_path / "x", MAKERS[other](ROWS[:9]))
    # Lines that are none of it would each be set aside; landing asks for one that is.
    of_form = require_sound_record if form == "ndjson" else read_records
    with pytest.raises(UnreadableFile):
        of_form(path, described(format=form), LIMIT)


def test_lines_are_cut_at_newlines_only_wherever_a_piece_ends(tmp_path: Path) -> None:
    lines = [f"{'é' * (n % 7)}\r\x85\u2028{n}\n" for n in range(300_000)]
    assert list(text_lines(put(tmp_path / "x", "".join(lines)), "utf-8", LIMIT)) == lines


def test_the_fingerprint_is_that_of_the_bytes_on_disk(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT)
    assert fingerprint(put(tmp_path / "x.gz", packed)) == hashlib.sha256(packed).hexdigest()
