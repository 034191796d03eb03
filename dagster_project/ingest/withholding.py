"""Rows that are stored nowhere: those of erased persons, and those without the needed consent.

Here: finding them among the rows of a split, before anything of them is kept, the quarantine
included. They are counted by reason in the manifest. Not here: the list of the erased
(`suppression`), and reading a consent (`consent`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Final

import duckdb
import pyarrow as pa

from dagster_project.ingest import suppression
from dagster_project.ingest.config import SourceSettings
from dagster_project.ingest.consent import missing_consent_sql
from dagster_project.ingest.treatment import register_sources
from dagster_project.ingest.treatment_properties import EMAIL_SPACE, property_identifiers_sql
from dagster_project.ingest.vault import Vault
from expectations.contract import Registry, may_hold_personal_data_sql

LookUp = Callable[[str, str, Sequence[str]], dict[str, datetime]]
"""(kind, id space, identifiers) -> before when the rows of those count that are meant, UTC."""

ERASED: Final = "erased"
# In a line that cannot be read nobody knows what is an identifier: a word that is short is none.
_LEAST_LETTERS: Final = 6
_WORD: Final = re.compile(r"[^\s\"'`,;:=&?|(){}\[\]<>\\/]+")


def withhold(
    con: duckdb.DuckDBPyConnection,
    split: str,
    *,
    sources: Mapping[str, SourceSettings],
    registry: Registry,
    vault: Vault,
    junk: Iterable[str],
) -> list[tuple[date, str, str, int]]:
    """Delete from a split, refused rows included, what is to be stored nowhere.

    Args:
        con: where the split is.
        split: a table with SPLIT_COLUMNS.
        sources: the settings of every source in it, by name.
        registry: says where identifiers are in properties.
        vault: open.
        junk: values that are no identifiers, in any case of letters.

    Returns:
        (arrival date, source file, reason, rows), in order.
    """
    consent = missing_consent_sql({name: source.consent for name, source in sources.items()})
    if consent is None and not suppression.is_in_use(vault):
        return []
    find_erased(con, split, sources=sources, registry=registry, vault=vault, junk=junk)
    con.execute(
        f"""
        create or replace temp table withheld_rows as
        select
            given.rowid as row_number,
            case
                when erased_rows.row_number is not null then '{ERASED}'
                when given.read_error is null then {consent or "null"}
            end as reason
        from {split} as given
        left join erased_rows on erased_rows.row_number = given.rowid
        where reason is not null
        """
    )
    counts = con.execute(
        f"select arrival_date, source_file, reason, count(*) from withheld_rows "
        f"join {split} as given on given.rowid = row_number group by all order by all"
    ).fetchall()
    if counts:
        con.execute(f"delete from {split} where rowid in (select row_number from withheld_rows)")
    con.execute("drop table withheld_rows")
    con.execute("drop table erased_rows")
    return counts


def find_erased(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    *,
    sources: Mapping[str, SourceSettings],
    registry: Registry,
    vault: Vault,
    junk: Iterable[str],
) -> None:
    """Make the table `erased_rows` (row_number): rows of the erased from before their erasure.

    A row without a time that can be read is one of them: it may be from before.

    Args:
        con: where the rows are.
        rows: a table with source, event_name, event_ts TIMESTAMP, the three identifiers,
            properties, raw and read_error; `row_number` is its rowid.
        sources, registry, vault, junk: as for `withhold`.
    """
    con.execute("create or replace temp table erased_rows (row_number bigint)")
    if suppression.is_in_use(vault):
        _find(con, rows, sources, registry, junk, partial(suppression.suppressed, vault))


def find_rows_of(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    *,
    sources: Mapping[str, SourceSettings],
    registry: Registry,
    junk: Iterable[str],
    look_up: LookUp,
) -> None:
    """Make the table `erased_rows` of whom `look_up` knows, instead of those on the list.

    Args:
        con, rows, sources, registry, junk: as for `find_erased`.
        look_up: says of which identifiers rows count, and before when.
    """
    con.execute("create or replace temp table erased_rows (row_number bigint)")
    _find(con, rows, sources, registry, junk, look_up)


def _find(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    sources: Mapping[str, SourceSettings],
    registry: Registry,
    junk: Iterable[str],
    look_up: LookUp,
) -> None:
    register_sources(con, sources)
    no_identifiers = sorted({"", *(value.strip().lower() for value in junk)})
    con.execute("set variable junk = ?", [no_identifiers])
    con.execute(f"create or replace temp table borne as {_borne_sql(rows, registry)}")
    _add_words_of_unreadable(con, rows)
    _look_up(con, look_up)
    con.execute(
        f"""
        insert into erased_rows
        select distinct borne.row_number
        from borne
        join suppressed_values using (kind, space, value)
        join {rows} as given on given.rowid = borne.row_number
        where given.event_ts is null or given.event_ts < suppressed_values.erased_at
        """
    )
    con.execute("drop table borne")
    con.execute("drop table suppressed_values")


def _borne_sql(rows: str, registry: Registry) -> str:
    """(row_number, kind, space, value): the identifiers that readable rows bear."""
    columns = " union all ".join(
        f"""
        select given.rowid as row_number, '{kind}' as kind, {space} as space,
            trim({kind}_id) as value
        from {rows} as given
        join source_settings using (source)
        where read_error is null and {kind}_id is not null
            and not list_contains(getvariable('junk'), lower(trim({kind}_id)))
        """
        for kind, space in (
            ("user", "user_space"),
            ("anonymous", "device_space"),
            ("device", "device_space"),
        )
    )
    readable = f"""(
        select
            rowid as row_number,
            source,
            event_name,
            case when json_valid(properties) and json_type(properties) = 'OBJECT'
                then json_merge_patch(properties, '{{}}') else '{{}}' end as properties
        from {rows}
        where read_error is null and {may_hold_personal_data_sql(registry, "properties")}
    )"""
    inside = property_identifiers_sql(readable, registry)
    return f"{columns} union all select row_number, kind, space, value from ({inside})"


def _add_words_of_unreadable(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    """What may be an identifier in lines that nobody can read, in every kind and space."""
    found = con.execute(
        f"""
        select given.rowid, raw, user_space, device_space
        from {rows} as given
        join source_settings using (source)
        where read_error is not null and raw is not null
        """
    ).fetchall()
    borne: list[tuple[int, str, str, str]] = []
    for number, raw, user_space, device_space in found:
        for word in sorted({word for word in _WORD.findall(raw) if len(word) >= _LEAST_LETTERS}):
            borne.append((number, "user", user_space, word))
            borne += ((number, kind, device_space, word) for kind in ("anonymous", "device"))
            if "@" in word:
                borne.append((number, "email", EMAIL_SPACE, word.lower()))
    if borne:
        numbers, kinds, spaces, values = zip(*borne, strict=True)
        table = pa.table({"n": numbers, "kind": kinds, "space": spaces, "value": values})
        con.register("_words", table)
        con.execute("insert into borne select * from _words")
        con.unregister("_words")


def _look_up(con: duckdb.DuckDBPyConnection, look_up: LookUp) -> None:
    """Make `suppressed_values` (kind, space, value, erased_at) of what is borne and known."""
    con.execute(
        "create or replace temp table suppressed_values "
        "(kind varchar, space varchar, value varchar, erased_at timestamp)"
    )
    spaces = con.execute("select distinct kind, space from borne order by all").fetchall()
    for kind, space in spaces:
        values = con.execute(
            "select distinct value from borne where kind = ? and space = ?", [kind, space]
        ).fetchall()
        found = look_up(kind, space, [value for (value,) in values])
        for value, at in found.items():
            con.execute(
                "insert into suppressed_values values (?, ?, ?, ?)",
                [kind, space, value, at.astimezone(UTC).replace(tzinfo=None)],
            )
