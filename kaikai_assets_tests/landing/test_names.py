"""Names of files: whatever a file is called, it lands, and raw, ledger and log hold a name that harms nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing.raw import safe_name
from kaikai_assets_tests.landing.conftest import Landing

CONTENT = "id,time,pm25\ns1,2025-03-01,1\n"
NAMES = {
    "with blanks.csv": "with_blanks.csv",
    "line\nbreak.csv": "line_break.csv",
    "tab\tand\x1bescape.csv": "tab_and_escape.csv",
    "Me\u0301dina.csv": "Médina.csv",
    "Médina.csv": "Médina.csv",
    "up..down.csv": "up..down.csv",
    "data[1] (copy).csv": "data_1___copy_.csv",
    "-rf.csv": "-rf.csv",
    "~root.csv": "_root.csv",
    "$(id);'\".csv": "__id____.csv",
    "C:\\data\\a.csv": "C__data_a.csv",
    "%2e%2e%2f.csv": "_2e_2e_2f.csv",
    "landed.json.csv": "landed.json.csv",
    "a" * 251 + ".csv": "a" * 116 + ".csv",
    "你" * 80 + ".csv": "你" * 38 + ".csv",
    "mesure_\udce9.csv": "mesure__.csv",
    "UPPER.CSV": "UPPER.CSV",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_lands_under_a_safe_one(landing: Landing, name: str) -> None:
    landing.drop(name, CONTENT)
    (landed,) = landing.land().landed
    assert landed.name == NAMES[name]
    assert (landing.settings.raw / landed.raw_file).read_text() == CONTENT
    assert landing.ledger.landed.files("air")[1]["raw_file"] == landed.raw_file
    landing.check_whole()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_noted_when_it_comes_again(landing: Landing, name: str) -> None:
    landing.drop("first.csv", CONTENT)
    landing.land()
    landing.drop(name, CONTENT)
    (again,) = landing.land().redelivered
    assert again == name.replace("\udce9", "\\xe9")
    landing.check_whole()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_can_be_rejected(landing: Landing, name: str) -> None:
    landing.drop(name, "wrong,header\n")
    landing.drop("sound.csv", CONTENT)
    report = landing.land()
    ((rejected, reason),) = report.rejected
    assert landing.rejected() == {rejected: reason}
    assert len(report.landed) == 1
    assert landing.waiting() == []


@pytest.mark.parametrize("name", ["landed.json", "reason.json"])
def test_a_file_named_like_what_lies_beside_it_is_kept_whole(landing: Landing, name: str) -> None:
    content = '[{"id": "s1", "time": "2025-03-01", "pm25": 1}]'
    landing.drop(name, content)
    (landed,) = landing.land().landed
    assert (landing.settings.raw / landed.raw_file).read_text() == content
    landing.check_whole()


@pytest.mark.parametrize("folder", ["with blank/é", "..hidden not/x", "a\nb", "plain"])
def test_files_in_folders_of_any_name_land(landing: Landing, folder: str) -> None:
    landing.drop(f"{folder}/a.csv", CONTENT)
    report = landing.land()
    assert len(report.landed) == (0 if folder.startswith(".") else 1)
    assert report.rejected == []


@tried(max_examples=400, deadline=None)
@given(name=st.text(st.characters(exclude_characters="/\x00", codec=None), min_size=1, max_size=260))
def test_a_safe_name_is_a_short_word_that_stays_as_it_is(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert safe == Path(safe).name
    assert safe.isprintable()
    assert not safe.startswith(".")
    assert 0 < len(safe.encode()) <= 120
    assert not set(safe) & set(" /\\\"'$;&|<>*?[]()~`:\n\t")


def test_a_safe_name_keeps_its_ending_when_it_is_cut() -> None:
    assert safe_name("x" * 300 + ".parquet").endswith("x.parquet")
    assert len(safe_name("x." + "y" * 300)) == 120
