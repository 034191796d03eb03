"""The vault: the only place that ties an identifier of a person to its pseudonym.

`secrets/installation.key` holds 32 random bytes; `secrets/vault.sqlite` one row an identifier,
which is stored as a keyed hash only, with a random pseudonym and a random key of its own. Nothing
here knows events or the log: what is replaced by a pseudonym is decided in `treatment`.

The vault is never made anew in silence while a log exists: new pseudonyms for old persons would
split every one of them in two.
"""

import hashlib
import hmac
import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dagster_project.ingest.durable import (
    crash_point,
    fsync_file,
    fsync_folder,
    make_folder,
    write_atomic,
)
from dagster_project.ingest.errors import FootfallError
from dagster_project.state import StatePaths

KEY_FILE: Final = "installation.key"
VAULT_FILE: Final = "vault.sqlite"
KEY_BYTES: Final = 32
PREFIXES: Final = {"user": "u_", "anonymous": "a_", "device": "d_", "email": "e_", "crm": "c_"}
PSEUDONYM: Final = r"[a-z]_[0-9a-f]{32}"
"""What a pseudonym looks like, as a regular expression."""

_SEPARATOR: Final = "\x1f"
# All prefixes are as long as this one.
_PREFIX: Final = "u_"
# SQLite takes 32,766 parameters in a statement unless it was built otherwise.
_LOOKUP_CHUNK: Final = 30_000
_INSERT_ROWS: Final = 100
_PSEUDONYM_BYTES: Final = 16
_SCHEMA: Final = """
create table identifiers (
    identifier_hash blob primary key,
    pseudonym blob not null,
    data_key blob not null
) without rowid;
create table vault_check (key_proof blob not null);
"""


class VaultError(FootfallError):
    """The vault or the installation key is missing, unreadable or of another installation."""


class Vault:
    """An open vault. One writer at a time: whoever holds the state folder's lock.

    Use as a context manager, or call `close`.
    """

    def __init__(self, folder: Path, installation_key: bytes, database: sqlite3.Connection) -> None:
        self._folder = folder
        self._key = installation_key
        self._hash_key = self.derive_key("identifier")
        self._database = database

    @classmethod
    def create(cls, paths: StatePaths) -> Self:
        """Make the secrets folder, a new installation key and an empty vault.

        Raises:
            VaultError: a key, a vault or a log is there already.
        """
        if _secrets_present(paths) or _has_log(paths):
            raise VaultError(
                f"{paths.secrets}: not made anew, since a key, a vault or a log exists; "
                "restore secrets/ from its backup"
            )
        # Made whole beside and renamed at once: a crash leaves no key without its vault.
        beside = paths.home / ".secrets.tmp"
        shutil.rmtree(beside, ignore_errors=True)
        make_folder(beside, mode=0o700)
        beside.chmod(0o700)
        key = os.urandom(KEY_BYTES)
        write_atomic(beside / KEY_FILE, key, mode=0o600)
        vault_file = beside / VAULT_FILE
        os.close(os.open(vault_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        database = _connect(vault_file)
        database.executescript(_SCHEMA)
        database.execute("insert into vault_check values (?)", (_key_proof(key),))
        database.commit()
        database.close()
        fsync_folder(beside)
        crash_point("vault: made beside")
        try:
            beside.rename(paths.secrets)
        except OSError as error:
            raise VaultError(
                f"{paths.secrets}: holds other files; move them away and try again"
            ) from error
        fsync_folder(paths.home)
        return cls.open(paths)

    @classmethod
    def open(cls, paths: StatePaths) -> Self:
        """Open the vault that is there.

        Raises:
            VaultError: a file is missing, unreadable, or the key is not this vault's.
        """
        key_file, vault_file = paths.secrets / KEY_FILE, paths.secrets / VAULT_FILE
        key = _read_key(key_file)
        if not vault_file.is_file():
            raise VaultError(f"{vault_file}: is missing; restore secrets/ from its backup")
        try:
            database = _connect(vault_file)
            rows = database.execute("select key_proof from vault_check").fetchall()
        except sqlite3.Error as error:
            raise VaultError(
                f"{vault_file}: cannot be read ({error}); restore secrets/ from its backup"
            ) from error
        if rows != [(_key_proof(key),)]:
            database.close()
            raise VaultError(
                f"{key_file}: is not the key of {VAULT_FILE}; restore both from one backup"
            )
        return cls(paths.secrets, key, database)

    @classmethod
    def open_or_create(cls, paths: StatePaths) -> Self:
        """Open the vault; make one only where neither a key, nor a vault, nor a log exists."""
        if _secrets_present(paths) or _has_log(paths):
            return cls.open(paths)
        return cls.create(paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; what was not committed is dropped."""
        self._database.close()

    def derive_key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, from the installation key; the same each time."""
        return hmac.digest(self._key, f"footfall{_SEPARATOR}{purpose}".encode(), "sha256")

    def pseudonyms(self, kind: str, space: str, values: Sequence[str]) -> dict[str, str]:
        """Pseudonyms of identifiers; those never seen get a random one, on disk on return.

        Args:
            kind: `user`, `anonymous`, `device`, `email` or `crm`.
            space: the id space in which a value means one thing.
            values: identifiers as they are; repeats are allowed.

        Returns:
            value -> prefix and 32 hex digits.

        Raises:
            ValueError: an unknown kind.
            VaultError: the vault cannot be written.
        """
        prefix = _prefix(kind)
        hashes = self._hashes(kind, space, values)
        known = self._stored(hashes.values())
        fresh = sorted(set(hashes.values()).difference(known))
        if fresh:
            known.update(self._store(fresh))
        return {value: prefix + known[hashed].hex() for value, hashed in hashes.items()}

    def lookup(self, kind: str, space: str, value: str) -> str | None:
        """The pseudonym of an identifier, or null where it has none; adds nothing."""
        prefix = _prefix(kind)
        hashed = self._hashes(kind, space, [value])[value]
        found = self._stored([hashed]).get(hashed)
        return None if found is None else prefix + found.hex()

    def data_keys(self, kind: str, space: str, values: Sequence[str]) -> dict[str, bytes]:
        """The keys of identifiers, under which what the registry keeps of a person is encrypted.

        Args:
            kind, space, values: as for `pseudonyms`; those never seen get a key, on disk on return.

        Returns:
            value -> 32 bytes.
        """
        self.pseudonyms(kind, space, values)
        hashes = self._hashes(kind, space, values)
        found = self._stored(hashes.values(), "data_key")
        return {value: found[hashed] for value, hashed in hashes.items()}

    def keys_of_pseudonyms(self, pseudonyms: Iterable[str]) -> dict[str, bytes]:
        """The keys behind pseudonyms; of those that the vault does not know, nothing.

        Reads the whole vault: the way back is not indexed, since only export and erasure take it.
        """
        wanted = {bytes.fromhex(one[len(_PREFIX) :]): one for one in pseudonyms}
        found = self._database.execute("select pseudonym, data_key from identifiers")
        return {wanted[pseudonym]: key for pseudonym, key in found if pseudonym in wanted}

    def hashes_of_pseudonyms(self, pseudonyms: Iterable[str]) -> frozenset[bytes]:
        """The stored hashes behind pseudonyms; reads the whole vault as well."""
        wanted = {bytes.fromhex(one[len(_PREFIX) :]) for one in pseudonyms}
        found = self._database.execute("select identifier_hash, pseudonym from identifiers")
        return frozenset(hashed for hashed, pseudonym in found if pseudonym in wanted)

    def hashes(self, kind: str, space: str, values: Iterable[str]) -> dict[str, bytes]:
        """The keyed hashes by which identifiers are stored, by value.

        Raises:
            ValueError: an unknown kind.
        """
        _prefix(kind)
        return self._hashes(kind, space, values)

    @property
    def database(self) -> sqlite3.Connection:
        """The open database, for `suppression`, which changes it in step with the identifiers."""
        return self._database

    def count(self) -> int:
        """How many identifiers the vault knows."""
        return int(self._database.execute("select count(*) from identifiers").fetchone()[0])

    def _is_empty(self) -> bool:
        return self._database.execute("select 1 from identifiers limit 1").fetchone() is None

    def flush(self) -> None:
        """Make sure that the vault is on disk. Commits are; this guards the file's own name."""
        fsync_file(self._folder / VAULT_FILE)
        fsync_folder(self._folder)

    def _hashes(self, kind: str, space: str, values: Iterable[str]) -> dict[str, bytes]:
        # The two padded blocks of the key are hashed once; copying the state halves the time of
        # `hmac.digest` a value.
        inner, outer = _padded_states(self._hash_key)
        inner.update(f"{kind}{_SEPARATOR}{space}{_SEPARATOR}".encode())
        hashes: dict[str, bytes] = {}
        for value in values:
            first = inner.copy()
            first.update(value.encode())
            second = outer.copy()
            second.update(first.digest())
            hashes[value] = second.digest()
        return hashes

    def _stored(self, hashes: Iterable[bytes], column: str = "pseudonym") -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        if self._is_empty():
            return found
        ordered = sorted(set(hashes))
        for start in range(0, len(ordered), _LOOKUP_CHUNK):
            chunk = ordered[start : start + _LOOKUP_CHUNK]
            marks = ",".join("?" * len(chunk))
            found.update(
                self._database.execute(
                    f"select identifier_hash, {column} from identifiers "
                    f"where identifier_hash in ({marks})",
                    chunk,
                )
            )
        return found

    def _store(self, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """Add identifiers in the order of the key, which fills the tree's pages one by one.

        A hundred rows a statement: a third less time than one, and no gain from a thousand.
        """
        width = _PSEUDONYM_BYTES + KEY_BYTES
        noise = os.urandom(width * len(hashes))
        added: dict[bytes, bytes] = {}
        row: list[bytes] = []
        try:
            with self._database:
                for first in range(0, len(hashes), _INSERT_ROWS):
                    row.clear()
                    chunk = hashes[first : first + _INSERT_ROWS]
                    for hashed, at in zip(
                        chunk, range(first * width, len(noise), width), strict=False
                    ):
                        pseudonym = noise[at : at + _PSEUDONYM_BYTES]
                        added[hashed] = pseudonym
                        row += (hashed, pseudonym, noise[at + _PSEUDONYM_BYTES : at + width])
                    marks = ",".join(["(?,?,?)"] * len(chunk))
                    self._database.execute(f"insert into identifiers values {marks}", row)
        except sqlite3.Error as error:
            raise VaultError(
                f"{self._folder / VAULT_FILE}: cannot be written ({error}); "
                "see that the disk has room and the file is yours"
            ) from error
        crash_point("vault: identifiers stored")
        return added


def _padded_states(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """SHA-256 after the inner and after the outer padded key (RFC 2104)."""
    block = key.ljust(64, b"\0")
    inner, outer = bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)
    return hashlib.sha256(inner), hashlib.sha256(outer)


def _prefix(kind: str) -> str:
    if kind not in PREFIXES:
        raise ValueError(f"no kind of identifier: {kind!r}; one of {', '.join(PREFIXES)}")
    return PREFIXES[kind]


def _key_proof(key: bytes) -> bytes:
    return hmac.digest(key, b"footfall\x1fvault belongs to this key", "sha256")


def _secrets_present(paths: StatePaths) -> bool:
    return (paths.secrets / KEY_FILE).exists() or (paths.secrets / VAULT_FILE).exists()


def _has_log(paths: StatePaths) -> bool:
    return any(
        folder.is_dir() and any(folder.iterdir()) for folder in (paths.manifests, paths.log_events)
    )


def _read_key(key_file: Path) -> bytes:
    try:
        key = key_file.read_bytes()
    except OSError as error:
        raise VaultError(
            f"{key_file}: cannot be read ({error.strerror}); restore secrets/ from its backup"
        ) from error
    if len(key) != KEY_BYTES:
        raise VaultError(
            f"{key_file}: has {len(key)} bytes and not {KEY_BYTES}; "
            "restore secrets/ from its backup"
        )
    return key


def _connect(file: Path) -> sqlite3.Connection:
    """A connection whose commits are on disk: a rollback journal, flushed with its folder."""
    database = sqlite3.connect(file)
    database.execute("pragma journal_mode = delete")
    database.execute("pragma synchronous = extra")
    database.execute("pragma cache_size = -262144")
    return database
