"""Pseudonyms of patients, and keyed hashes for other uses, which do not join to them."""

import hashlib
import hmac

PSEUDONYM_VERSION = 2
"""The one version in use: a lake holds pseudonyms of one version and one key."""


def pseudonym(key: bytes, patient: str) -> str:
    """Version 2: HMAC-SHA256 (RFC 2104) of a patient's id, its first 32 hexadecimal digits."""
    return hmac.new(key, patient.encode(), hashlib.sha256).hexdigest()[:32]


def salted_sha256(salt: str, patient: str) -> str:
    """Version 1, to recognise old exports only: SHA-256 of id and salt one after the other, 64 hexadecimal digits.

    Another id with another salt can give the same text; nothing new is named so.
    """
    return hashlib.sha256((patient + salt).encode()).hexdigest()


def keyed(key: bytes, use: str, *texts: str) -> str:
    """HMAC-SHA256 of texts for a named use, 32 hexadecimal digits: no other use, nor a pseudonym, gives the same."""
    # An id holds no zero byte, so that this is never the text of a pseudonym.
    message = "\0".join((use, *texts, ""))
    return hmac.new(key, message.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]
