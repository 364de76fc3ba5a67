"""The two keys of sensitive domains, from the settings; without them a published key that takes only simulated ids."""

import hashlib
import secrets
from dataclasses import dataclass, field

from kaikai_assets.settings import Settings

SIMULATED = "sim-"
"""How the ids of simulated patients begin: the only ones that the demo key takes."""

_BYTES = 32


class KeyProblem(ValueError):
    """A key is missing or is not the right one; the message names the setting, never a value."""


@dataclass(frozen=True)
class Keys:
    """``pseudonym`` makes pseudonyms and other keyed hashes, ``encryption`` wraps the data keys; 32 bytes each."""

    pseudonym: bytes = field(repr=False)
    encryption: bytes = field(repr=False)
    demo: bool = False


def new_keys() -> dict[str, str]:
    """Two new random keys by the name of their setting."""
    return {name: secrets.token_hex(_BYTES) for name in ("KAIKAI_PSEUDONYM_KEY", "KAIKAI_ENCRYPTION_KEY")}


def keys_of(settings: Settings) -> Keys:
    """The keys in force. Raises ``KeyProblem`` when one is not 64 hexadecimal digits, or only one is set."""
    texts = {
        "KAIKAI_PSEUDONYM_KEY": settings.pseudonym_key.get_secret_value(),
        "KAIKAI_ENCRYPTION_KEY": settings.encryption_key.get_secret_value(),
    }
    if not any(texts.values()):
        pseudonym, encryption = (hashlib.sha256(f"demo {name}".encode()).digest() for name in texts)
        return Keys(pseudonym, encryption, demo=True)
    if lacking := [name for name, text in texts.items() if not text]:
        raise KeyProblem(f"{lacking[0]} is not set, but the other key is; kaikai privacy new-keys prints both")
    pseudonym, encryption = (_key(name, text) for name, text in texts.items())
    return Keys(pseudonym, encryption)


def _key(name: str, text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise KeyProblem(f"{name} must be {2 * _BYTES} hexadecimal digits; kaikai privacy new-keys prints such")
    return key
