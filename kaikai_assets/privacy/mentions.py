"""Whether a text names a patient: a word of it is the id, or the id stands in it as it is spelled."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kaikai_assets.privacy.pseudonyms import keyed, pseudonym

_WORD = re.compile(r"[\w.+@:-]+")
_MARKS = ".+@:"
_PART = re.compile(f"[{re.escape(_MARKS)}]")


def words(text: str) -> Iterator[str]:
    """What of a text may be an id, in order: words with the marks in them, without outer ones, and between them."""
    for word in _WORD.findall(text):
        yield from dict.fromkeys(part for part in (word, word.strip(_MARKS), *_PART.split(word)) if part)


def is_word(patient: str) -> bool:
    """Whether ``words`` finds an id; one with blanks or slashes it does not."""
    return _WORD.fullmatch(patient) is not None


def spelled(patient: str) -> re.Pattern[str]:
    """Finds an id as it is, or as JSON writes it, where it is no part of a longer word."""
    forms = {patient, json.dumps(patient)[1:-1], json.dumps(patient, ensure_ascii=False)[1:-1]}
    return re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(forms))) + r")(?![\w-])")


def suppression(key: bytes, domain: str, name: str) -> str:
    """Hash by which an erased patient, given as pseudonym, is known again."""
    return keyed(key, "suppressed", domain, name)


@dataclass(frozen=True)
class Naming:
    """Finds texts that name patients: those of some pseudonyms, those of some suppressions, or the one of an id."""

    key: bytes
    domain: str
    names: Collection[str] = ()
    suppressed: Collection[str] = ()
    patient: str = ""

    def finds(self, text: str) -> bool:
        """Whether a text names one of them."""
        return any(map(self._is_one, set(words(text)))) or bool(self.patient and spelled(self.patient).search(text))

    def _is_one(self, word: str) -> bool:
        name = pseudonym(self.key, word)
        return name in self.names or (
            bool(self.suppressed) and suppression(self.key, self.domain, name) in self.suppressed
        )
