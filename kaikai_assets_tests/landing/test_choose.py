from datetime import date
from pathlib import Path

import pytest

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.choose import captured, choose_source, match_header
from kaikai_assets.landing.readers import read_header
from kaikai_assets.landing.sources import Source, SourceError, read_sources
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.simulation.air import simulate_air
from kaikai_assets_tests.conftest import REAL
from kaikai_assets_tests.landing.making import LIMIT, MAKERS, PACKERS, described, put, workbook

PLAIN = described()
WIDER = described(source="wider", columns={"pm25": "pm25", "co2": "co2"})
TWIN = described(source="twin", grain="PT5M")
BY_FOLDER = described(source="by_folder", match="folder")
ROW = {"id": "S1", "time": "2025-03-01T06:05:00Z", "pm25": "12.5"}


def among(*sources: Source) -> dict[str, Source]:
    return {source.source: source for source in sources}


def test_the_only_description_that_fits_is_taken_whatever_the_order_of_columns() -> None:
    assert (
        match_header(["extra", "pm25", "time", "id"], among(PLAIN, described(source="o", columns={"x": "x"}))) == PLAIN
    )


def test_the_description_that_explains_more_of_the_header_wins() -> None:
    header = ["id", "time", "pm25", "co2"]
    assert match_header(header, among(PLAIN, WIDER)) == WIDER
    assert match_header(header, among(WIDER, PLAIN)) == WIDER
    assert match_header(header[:3], among(WIDER, PLAIN)) == PLAIN


def test_optional_columns_count_where_they_stand() -> None:
    optional = described(source="optional", columns={"pm25": "pm25", "co2": {"from": "co2", "optional": True}})
    assert match_header(["id", "time", "pm25", "co2"], among(PLAIN, optional)) == optional
    with pytest.raises(SourceError, match="fits several sources"):
        match_header(["id", "time", "pm25"], among(PLAIN, optional))


def test_members_that_stand_in_a_message_decide_between_sources_of_objects() -> None:
    weather = described(source="weather", format="json", columns={"wind": "wind.speed"})
    air = described(source="air", format="json", columns={"pm25": "pm25"})
    assert match_header(["id", "time", "wind.speed", "x"], among(air, weather)) == weather


def test_a_tie_is_refused_with_the_candidates_and_the_way_out() -> None:
    with pytest.raises(SourceError, match=r"plain, twin\): put the file into inbox/<domain>/<source>/"):
        match_header(["id", "time", "pm25"], among(PLAIN, TWIN))


def test_a_description_for_its_folder_only_is_no_candidate() -> None:
    assert match_header(["id", "time", "pm25"], among(BY_FOLDER, PLAIN)) == PLAIN
    with pytest.raises(SourceError, match="no source is taken by its header"):
        match_header(["id", "time", "pm25"], among(BY_FOLDER))


def test_a_header_that_fits_none_is_refused_with_the_nearest_and_what_differs() -> None:
    with pytest.raises(SourceError) as refused:
        match_header(["ID", "timestamp", "pm25"], among(PLAIN, described(source="far", columns={"a": "b", "c": "d"})))
    message = "header fits no source; nearest is 'plain', lacking 'id', 'time' (nearest: 'timestamp')"
    assert str(refused.value) == message


def test_an_empty_header_is_refused_too() -> None:
    with pytest.raises(SourceError, match="lacking 'id', 'time', 'pm25'"):
        match_header([], among(PLAIN))


def test_the_folder_of_a_source_decides_before_any_header(tmp_path: Path) -> None:
    path = put(tmp_path / "twin" / "deep" / "x.csv", "id,time,pm25\n")
    assert choose_source(path, Path("twin/deep/x.csv"), among(PLAIN, TWIN), LIMIT) == TWIN
    # A file that merely has a source's name is not in its folder.
    assert choose_source(path, Path("twin"), among(PLAIN), LIMIT) == PLAIN


def test_any_other_folder_decides_nothing(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", "id,time,pm25\n")
    assert choose_source(path, Path("march/x.csv"), among(PLAIN, BY_FOLDER), LIMIT) == PLAIN


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("form", MAKERS)
def test_a_file_of_any_format_finds_its_source(tmp_path: Path, form: str, packed: str) -> None:
    every = among(*(described(source=name, format=name) for name in MAKERS))
    path = put(tmp_path / f"x.{form.upper()}{packed}", PACKERS[packed](MAKERS[form]([ROW])))
    assert choose_source(path, Path(path.name), every, LIMIT).source == form


def test_each_separator_and_encoding_is_tried(tmp_path: Path) -> None:
    german = described(source="german", separator=";", encoding="latin-1", columns={"pm25": "Größe"})
    tabs = described(source="tabs", separator="\t")
    every = among(PLAIN, german, tabs)
    semicolons = put(tmp_path / "a.txt", "id;time;Größe\n".encode("latin-1"))
    assert choose_source(semicolons, Path("a.txt"), every, LIMIT) == german
    assert choose_source(put(tmp_path / "b.tsv", "id\ttime\tpm25\n"), Path("b.tsv"), every, LIMIT) == tabs


def test_each_sheet_is_looked_at_for_the_sources_that_read_it(tmp_path: Path) -> None:
    sheets = {"notes": [["anything"]], "march": [["id", "time", "pm25"], list(ROW.values())]}
    path = put(tmp_path / "x.xlsx", workbook(sheets))
    april = described(source="april", format="xlsx", sheet="april")
    march = described(source="march", format="xlsx", sheet="march")
    for every in (among(april, march), among(march, april)):
        assert choose_source(path, Path("x.xlsx"), every, LIMIT) == march


def test_what_no_dialect_can_read_is_refused_with_all_reasons(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", "ids;time;pm25\n")
    with pytest.raises(SourceError) as refused:
        choose_source(path, Path("x.csv"), among(PLAIN, described(source="semi", separator=";")), LIMIT)
    assert "no source has any of its columns 'ids;time;pm25'" in str(refused.value)
    assert "nearest is 'semi', lacking 'id' (nearest: 'ids')" in str(refused.value)


@pytest.mark.parametrize("name", ["x.pdf", "x", "csv", "x.gz", "x.csv.old"])
def test_a_name_that_says_no_known_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no source reads files with a name that ends like this one"):
        choose_source(put(tmp_path / name, "id,time,pm25\n"), Path(name), among(PLAIN), LIMIT)


def test_the_entity_is_taken_from_the_name_as_raw_keeps_it() -> None:
    source = described(entity={"from_name": r"^patient_(\w+)\."})
    assert captured(source, "patient_042.csv") == "042"
    assert captured(source, "patient 042.csv") == "042"
    assert captured(PLAIN, "patient_042.csv") == ""


@pytest.mark.parametrize("name", ["p42.csv", "patient_.csv"])
def test_a_name_without_the_entity_is_refused(name: str) -> None:
    with pytest.raises(UnreadableFile, match="name does not match"):
        captured(described(entity={"from_name": r"patient_(\d*)"}), name)


SHIPPED = read_sources([AIR.sources])
EXAMPLES = {
    "airgradient_api": "air/airgradient-5min/7-jours-164928.csv",
    "airgradient_export": "air/airgradient-export/151726.csv",
    "airgradient_export_5min": "air/airgradient-export/151726.csv",
    "airgradient_locations": "air/locations_info.csv",
    "openaq_long": "air/openaq-long/donnees_dakar.csv",
}


@pytest.mark.skipif(not REAL.is_dir(), reason="real files are not at hand")
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_shipped_description_fits_a_real_file(name: str) -> None:
    path = REAL / EXAMPLES[name]
    header = read_header(path, SHIPPED[name], LIMIT)
    assert SHIPPED[name].missing_from(header) == []
    if SHIPPED[name].match == "header":
        assert choose_source(path, Path(path.name), SHIPPED, LIMIT).source == name


def test_the_networks_own_descriptions_fit_its_own_files(tmp_path: Path) -> None:
    simulate_air(tmp_path, start=date(2025, 3, 1), days=1, sensors=2, seed=1)
    chosen = {choose_source(path, Path(path.name), SHIPPED, LIMIT).source for path in tmp_path.rglob("*.csv")}
    assert chosen == {"kaikai_csv", "kaikai_sensors"}
    assert chosen | set(EXAMPLES) == set(SHIPPED)
