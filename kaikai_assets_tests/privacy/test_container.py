"""What is sealed opens to the same text, whatever it is; an erased patient's lines are blank there, no others."""

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.privacy import vault as vaults
from kaikai_assets.privacy.key_store import KeyStore
from kaikai_assets.privacy.keys import Keys
from kaikai_assets.privacy.vault import Vault, opened
from kaikai_assets.settings import utc_now
from kaikai_assets_tests.landing.making import LIMIT, described, put

KEYS = Keys(b"p" * 32, b"e" * 32)
PATIENTS = ("anna", "boris", "chloé")

records = st.lists(
    st.tuples(st.sampled_from(PATIENTS), st.text(st.characters(codec="latin-1", exclude_characters='\0\r\n",'))),
    min_size=1,
    max_size=12,
)


def vault_in(folder: Path) -> Vault:
    return Vault("ward", KEYS, KeyStore(folder, KEYS, create=True), set())


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_in(tmp_path / "keys")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    records, st.sampled_from(["utf-8", "latin-1", "utf-16"]), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.data()
)
def test_a_file_opens_as_it_was_but_for_the_erased(
    tmp_path: Path,
    vault: Vault,
    rows: list[tuple[str, str]],
    encoding: str,
    end: str,
    ended: bool,
    data: st.DataObject,
) -> None:
    source = described(entity={"column": "id"}, encoding=encoding)
    lines = ["id,time,pm25", *(f'{patient},"{text}",1' for patient, text in rows)]
    text = end.join(lines) + (end if ended else "")
    file = put(tmp_path / "file.csv", text.encode(encoding))
    container = tmp_path / "file.sealed"
    # Blocks of a few lines each.
    size = data.draw(st.integers(1, 200))
    with pytest.MonkeyPatch.context() as patched, container.open("wb") as out:
        patched.setattr(vaults, "_BLOCK_BYTES", size)
        assert vault.seal(file, source, out, LIMIT) == 0
    opener = vault.opener()
    with opened(container, opener, source) as found:
        assert found.path.read_bytes().decode(encoding) == text
    assert opener.records(container) == len(rows)
    gone = data.draw(st.sampled_from(PATIENTS))
    opener.erased = {vault.store.key_of("ward", vault.pseudonym(gone))[0]}
    with opened(container, opener, source) as found:
        left = found.path.read_bytes().decode(encoding).removesuffix("\n").split("\n")
    kept = ["" if line.startswith(f"{gone},") else line for line in lines]
    assert [line.removesuffix("\r") for line in left] == kept
    assert opener.records(container) == sum(patient != gone for patient, _ in rows)


def test_destroying_one_key_leaves_the_others_and_no_way_back(tmp_path: Path, vault: Vault) -> None:
    source = described(entity={"column": "id"})
    container, out = tmp_path / "file.sealed", io.BytesIO()
    vault.seal(put(tmp_path / "file.csv", "id,time,pm25\nanna,t,1\nboris,t,2\n"), source, out, LIMIT)
    container.write_bytes(out.getvalue())
    name = vault.pseudonym("anna")
    _, key = vault.store.key_of("ward", name)
    vault.store.destroy("ward", name, vault.suppression(name), utc_now())
    for file in (tmp_path / "keys").iterdir():
        assert name.encode() not in file.read_bytes()
    assert key not in (tmp_path / "keys" / "keys.sqlite").read_bytes()
    with opened(container, vault.opener(), source) as found:
        assert found.path.read_text("utf-8") == "id,time,pm25\n\nboris,t,2\n"


@pytest.mark.parametrize("at", [20, 90, -3])
def test_a_damaged_container_is_refused(tmp_path: Path, vault: Vault, at: int) -> None:
    source = described(entity={"column": "id"})
    out = io.BytesIO()
    vault.seal(put(tmp_path / "file.csv", "id,time,pm25\nanna,t,1\nboris,t,2\n"), source, out, LIMIT)
    content = bytearray(out.getvalue())
    content[at] ^= 1
    (tmp_path / "file.sealed").write_bytes(content)
    with pytest.raises(UnreadableFile), opened(tmp_path / "file.sealed", vault.opener(), source):
        pass


def test_two_processes_agree_on_the_key_of_a_new_patient(tmp_path: Path) -> None:
    first, second = vault_in(tmp_path), vault_in(tmp_path)
    assert first.store.key_of("ward", "x") == second.store.key_of("ward", "x") != first.store.key_of("ward", "y")
    assert first.store.key_of("school", "x") != first.store.key_of("ward", "x")
