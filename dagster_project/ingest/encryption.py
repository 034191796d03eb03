"""Personal text under the key of one identifier: made at ingest, read by an export alone.

Here: the form of an encrypted value. Not here: which values are encrypted (`treatment_encryption`),
and where keys live (`vault`): once a key is gone, so is the text, wherever copies of it lie.

AES-SIV (RFC 5297) rather than a random nonce: the same text of the same person is the same value,
so that an event delivered twice is a duplicate and no conflict.
"""

import base64
import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from expectations.contract import ENCRYPTED_MARK

MARK: Final = ENCRYPTED_MARK


def encrypt_text(data_key: bytes, name: str, text: str) -> str:
    """Encrypt a value.

    Args:
        data_key: of the identifier, from the vault.
        name: of the property; the value cannot be moved to another one.
        text: the value; an empty one is encrypted too.

    Returns:
        `enc1.` and URL-safe base64.
    """
    sealed = _cipher(data_key).encrypt(_padded(text), [name.encode()])
    return MARK + base64.urlsafe_b64encode(sealed).decode()


def decrypt_text(data_key: bytes, name: str, value: str) -> str | None:
    """The text behind an encrypted value; null where it was made under another key or name."""
    try:
        sealed = base64.urlsafe_b64decode(value.removeprefix(MARK))
        opened = _cipher(data_key).decrypt(sealed, [name.encode()])
    except (InvalidTag, ValueError):
        return None
    return opened[1:].decode("utf-8", "surrogatepass")


def is_encrypted(value: object) -> bool:
    """Whether a property's value has the form that `encrypt_text` gives."""
    return isinstance(value, str) and value.startswith(MARK)


def _padded(text: str) -> bytes:
    # The cipher takes no empty text.
    return b"\x00" + text.encode("utf-8", "surrogatepass")


def _cipher(data_key: bytes) -> AESSIV:
    return AESSIV(hmac.digest(data_key, b"footfall\x1fpersonal text", hashlib.sha512))
