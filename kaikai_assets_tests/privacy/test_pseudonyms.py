"""Pseudonyms against published vectors."""

from hypothesis import given
from hypothesis import strategies as st

from kaikai_assets.privacy.pseudonyms import keyed, pseudonym, salted_sha256

KEY = bytes(range(32))


def test_version_2_is_hmac_sha256() -> None:
    # RFC 4231, test case 2.
    published = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonym(b"Jefe", "what do ya want for nothing?") == published[:32]


def test_version_1_is_sha256_of_id_and_salt() -> None:
    # FIPS 180-2, appendix B.1: "abc". Where the id ends it does not say, which is why it is not used any more.
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert salted_sha256("c", "ab") == published == salted_sha256("bc", "a")
    assert salted_sha256("2salt", "P1") == salted_sha256("salt", "P12")


texts = st.text(st.characters(codec="utf-8"))


@given(texts, texts, texts.filter(lambda text: "\0" not in text))
def test_a_keyed_hash_of_one_use_is_none_of_another(first: str, second: str, patient: str) -> None:
    assert keyed(KEY, "a", first) == keyed(KEY, "a", first)
    assert keyed(KEY, "a", first) != keyed(KEY, "b", first)
    assert keyed(KEY, "a", f"{first}{second}", "") != keyed(KEY, "a", first, f"{second}x")
    assert keyed(KEY, "a", patient) != pseudonym(KEY, patient)
