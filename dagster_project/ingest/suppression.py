"""The suppression list: identifiers of erased persons, as keyed hashes with the time of erasure.

It lies in the vault's database, so that an identifier leaves the vault and joins the list in one
transaction. Which identifiers a person has is found by `erasure`; which rows bear one is found by
`withholding`.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from dagster_project.ingest.vault import PREFIXES, Vault, VaultError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK: Final = 30_000
_TABLES: Final = """
create table if not exists suppressed (
    identifier_hash blob primary key,
    erased_us integer not null
) without rowid;
create table if not exists applied_erasures (request integer primary key);
"""


def erase_identifiers(vault: Vault, request: int, pseudonyms: Iterable[str], at: datetime) -> int:
    """Take identifiers and their keys out of the vault and put them on the list, at once.

    Can be done again: what is gone already stays gone.

    Args:
        vault: open; the caller holds the state's lock.
        request: the erasure's number; see `is_applied`.
        pseudonyms: what stands for the identifiers in the log.
        at: the erasure, UTC; rows of events before it are withheld from now on.

    Returns:
        How many identifiers left the vault.

    Raises:
        VaultError: the vault cannot be written; nothing has changed.
    """
    database = vault.database
    prefix_length = len(next(iter(PREFIXES.values())))
    wanted = {bytes.fromhex(one[prefix_length:]) for one in pseudonyms}
    try:
        # What is deleted is overwritten: a key must not be found in a free page of the file.
        database.execute("pragma secure_delete = on")
        with database:
            _make_tables(database)
            known = database.execute("select identifier_hash, pseudonym from identifiers")
            gone = [hashed for hashed, pseudonym in known if pseudonym in wanted]
            database.executemany(
                "delete from identifiers where identifier_hash = ?", [(one,) for one in gone]
            )
            database.executemany(
                "insert into suppressed values (?, ?) on conflict (identifier_hash) "
                "do update set erased_us = max(erased_us, excluded.erased_us)",
                [(one, _microseconds(at)) for one in gone],
            )
            database.execute("insert or ignore into applied_erasures values (?)", (request,))
    except sqlite3.Error as error:
        raise VaultError(
            f"the vault cannot be written ({error}); see that the disk has room and secrets/ is "
            "yours, and run the command again"
        ) from error
    vault.flush()
    return len(gone)


def is_applied(vault: Vault, request: int) -> bool:
    """Whether an erasure has left the vault; false after an old backup of secrets/ is restored."""
    if not is_in_use(vault):
        return False
    found = vault.database.execute(
        "select 1 from applied_erasures where request = ?", (request,)
    ).fetchone()
    return found is not None


def is_in_use(vault: Vault) -> bool:
    """Whether anybody was ever erased: most installations never look further."""
    return (
        vault.database.execute("select 1 from sqlite_master where name = 'suppressed'").fetchone()
        is not None
    )


def suppressed(vault: Vault, kind: str, space: str, values: Sequence[str]) -> dict[str, datetime]:
    """When identifiers were erased, the last time; those that never were are left out.

    Args:
        vault: open.
        kind, space, values: as for `Vault.pseudonyms`.

    Returns:
        value -> time, UTC.
    """
    if not is_in_use(vault):
        return {}
    hashes = vault.hashes(kind, space, values)
    erased: dict[bytes, int] = {}
    ordered = sorted(set(hashes.values()))
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        erased.update(
            vault.database.execute(
                f"select identifier_hash, erased_us from suppressed "
                f"where identifier_hash in ({marks})",
                chunk,
            )
        )
    return {
        value: _EPOCH + timedelta(microseconds=erased[hashed])
        for value, hashed in hashes.items()
        if hashed in erased
    }


def _make_tables(database: sqlite3.Connection) -> None:
    # Not executescript, which would end the transaction.
    for statement in _TABLES.split(";"):
        if statement.strip():
            database.execute(statement)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
