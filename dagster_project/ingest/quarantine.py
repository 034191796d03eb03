"""The place of what broke the contract: encrypted rows with their reasons.

Here: encrypting refused rows, and reading them back with the key. What is refused, and why, is
decided by the contract; `staging` writes the file, `retention` removes it when its days are over.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths

_NONCE_BYTES = 12
QUARANTINE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
        ("reasons", pa.list_(pa.string())),
        ("raw_encrypted", pa.binary()),
    ]
)


@dataclass(frozen=True)
class QuarantinedRow:
    """A refused row. `source_line` 0 stands for a file that was refused as a whole."""

    source: str
    source_file: str
    source_line: int
    reasons: tuple[str, ...]
    raw: str


def encrypt_rows(vault: Vault, rows: pa.Table) -> pa.Table:
    """Refused rows (source, source_file, source_line, reasons, raw) with `raw` under the key.

    AES-GCM with a random nonce a row, the file and line as associated data.
    """
    cipher = AESGCM(vault.derive_key("quarantine"))
    raws, files, lines = (rows[name].to_pylist() for name in ("raw", "source_file", "source_line"))
    sealed = [
        _seal(cipher, raw or "", f"{file}:{line}")
        for raw, file, line in zip(raws, files, lines, strict=True)
    ]
    columns = [rows[name] for name in QUARANTINE_SCHEMA.names[:-1]]
    return pa.Table.from_arrays(
        [*columns, pa.array(sealed, pa.binary())], names=QUARANTINE_SCHEMA.names
    ).cast(QUARANTINE_SCHEMA)


def _seal(cipher: AESGCM, raw: str, place: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, raw.encode("utf-8", "surrogatepass"), place.encode())


def read_quarantine(paths: StatePaths, vault: Vault, day: date) -> Iterator[QuarantinedRow]:
    """The refused rows of an arrival date, in the clear.

    Raises:
        FootfallError: a row was not written by this installation's key.
    """
    for file in sorted(paths.quarantine_day(day).glob("*.parquet")):
        yield from read_file(file, vault)


def read_file(file: Path, vault: Vault) -> Iterator[QuarantinedRow]:
    """The refused rows of one file, in the clear and in its order.

    Raises:
        FootfallError: a row was not written by this installation's key.
    """
    cipher = AESGCM(vault.derive_key("quarantine"))
    for row in pq.ParquetFile(file).read().to_pylist():
        sealed = row["raw_encrypted"]
        place = f"{row['source_file']}:{row['source_line']}".encode()
        try:
            raw = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except InvalidTag as error:
            raise FootfallError(
                f"{file}: was written under another key; restore secrets/ from its backup"
            ) from error
        yield QuarantinedRow(
            source=row["source"],
            source_file=row["source_file"],
            source_line=row["source_line"],
            reasons=tuple(row["reasons"]),
            raw=raw.decode("utf-8", "surrogatepass"),
        )


def count_reasons(file: Path) -> list[tuple[str, int]]:
    """The reasons in a quarantine file, the most frequent first; they hold no values of rows."""
    if not file.is_file():
        return []
    reasons = pq.ParquetFile(file).read(columns=["reasons"])["reasons"].to_pylist()
    counts = Counter(reason for row in reasons for reason in row)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
