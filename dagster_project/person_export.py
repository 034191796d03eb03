"""All that is held of a person, as plain values: what an access request is answered with.

Here: which rows of the warehouse, of records, of landing and of quarantine are the person's, and
reading the text that is encrypted under their key. Tables and views are found by their columns, so
that a new one is part of the answer from its first day. Not here: finding the person (`person`),
and JSON.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import duckdb

from dagster_project.erasure_models import erased_ids
from dagster_project.identifiers import Identifier
from dagster_project.ingest.config import Settings
from dagster_project.ingest.encryption import decrypt_text, is_encrypted
from dagster_project.ingest.erasure_files import Finder, landed_rows, quarantined_rows
from dagster_project.ingest.quarantine import read_file
from dagster_project.ingest.readers import read_file as read_landed
from dagster_project.ingest.vault import PREFIXES, Vault
from dagster_project.loading import registry_of
from dagster_project.person import Person, find_person
from dagster_project.records.entries import OUTBOX, SCHEMAS, recover
from dagster_project.records.outbox import told_before
from dagster_project.state import StatePaths

_SCHEMAS: Final = ("core", "marts", "ml")
# Columns by which a row is somebody's, the most telling first, and the rows that are the person's.
# A row goes by the first that it fills: others may have used the same device.
_BELONGS: Final = {
    "person_id": "person_id in (from persons)",
    "event_key": "event_key in (from events_of_person)",
    "order_key": "order_key in (from orders_of_person)",
    "session_id": "session_id in (from sessions_of_person)",
    "entity_id": "entity_id in (from persons)",
    "owner_id": "owner_id in (from persons union all from visitors)",
    "user_id": "user_id in (select unnest($users::varchar[]))",
    "visitor_id": "visitor_id in (from visitors)",
}
_ALWAYS: Final = datetime(9999, 12, 31, tzinfo=UTC)
_SECTIONS: Final = {
    "core.fct_events": "events",
    "core.fct_sessions": "sessions",
    "core.fct_orders": "orders",
    "marts.customer_360": "customer_360",
    "ml.recommendations": "recommendations",
    "ml.anomaly_scores": "scores",
}


def export_person(
    con: duckdb.DuckDBPyConnection | None,
    paths: StatePaths,
    settings: Settings,
    vault: Vault,
    identifier: Identifier,
) -> dict[str, Any]:
    """Gather all that is held.

    Args:
        con: the warehouse, open for reading; none before the first build.
        paths: the state folder. settings: the settings. vault: open.
        identifier: the one that was named.

    Returns:
        `identifiers`, a list a section of `events`, `sessions`, `orders`, `customer_360`, `scores`,
        `recommendations`, `quarantined` and `delivered` (rows as they landed), and `other_tables`;
        values that JSON has.
    """
    person = Person((), (), (), (identifier.pseudonym,), ())
    sections: dict[str, Any] = {name: [] for name in _SECTIONS.values()}
    other: dict[str, Any] = {}
    if con is not None:
        person = find_person(con, identifier.pseudonym, erased_ids(paths))
        _make_lists(con)
        for table, rows in _rows_by_table(con, person):
            if table in _SECTIONS:
                sections[_SECTIONS[table]] = rows
            elif rows:
                other[table] = rows
        if told := _rows_of_outbox(con, paths):
            other["records.outbox"] = told
    finder = _finder(paths, settings, vault, person)
    keys = vault.keys_of_pseudonyms({*person.pseudonyms, *person.shared})
    for event in (*sections["events"], *other.get("core.fct_event_duplicates", ())):
        _open_properties(event, keys)
    return {
        "identifiers": _identifiers(identifier, person),
        **sections,
        "quarantined": list(_quarantined(finder)),
        "delivered": list(_delivered(finder)),
        "other_tables": other,
    }


def _finder(paths: StatePaths, settings: Settings, vault: Vault, person: Person) -> Finder:
    """Finds the rows that bear one of the person's identifiers, of whatever time."""
    hers = vault.hashes_of_pseudonyms(person.pseudonyms)

    def is_hers(kind: str, space: str, values: Sequence[str]) -> dict[str, datetime]:
        hashes = vault.hashes(kind, space, values)
        return dict.fromkeys((one for one in values if hashes[one] in hers), _ALWAYS)

    return Finder(paths, settings, registry_of(settings), vault, is_hers)


def _identifiers(named: Identifier, person: Person) -> dict[str, Any]:
    kinds = {prefix: kind for kind, prefix in PREFIXES.items()}

    def told(pseudonyms: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            {
                "kind": kinds[one[:2]],
                "pseudonym": one,
                "value": named.value if one == named.pseudonym else None,
            }
            for one in pseudonyms
        ]

    return {
        "person_ids": list(person.person_ids),
        "visitor_ids": list(person.visitor_ids),
        "alone": told(person.pseudonyms),
        "shared_with_others": told(person.shared),
    }


def _make_lists(con: duckdb.DuckDBPyConnection) -> None:
    """Sessions and orders of the person: a session is whose its last event is."""
    con.execute(
        """
        create or replace temp table sessions_of_person as
        select session_id
        from core.fct_events
        where session_id is not null
            and session_id in (
                select session_id from core.fct_events where event_key in (from events_of_person)
            )
        group by session_id
        having arg_max(event_key, (event_ts, event_key)) in (from events_of_person)
        """
    )
    con.execute(
        """
        create or replace temp table orders_of_person as
        select order_key
        from core.fct_orders
        where visitor_id in (from visitors)
            or user_id in (select user_id from bearing where person_id in (from persons))
        """
    )


def _rows_by_table(
    con: duckdb.DuckDBPyConnection, person: Person
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(schema.table, rows of the person) of every table that names one."""
    relations = con.execute(
        "select schema_name, table_name, list(column_name) from duckdb_columns() "
        "where database_name = current_database() and list_contains(?, schema_name) "
        "group by 1, 2 order by 1, 2",
        [list(_SCHEMAS)],
    ).fetchall()
    for schema, table, columns in relations:
        condition = _is_the_persons(columns)
        if condition is None:
            continue
        parameters = {"users": list(person.user_ids)} if "$users" in condition else {}
        found = con.execute(
            f'select * from "{schema}"."{table}" where {condition} order by all', parameters
        )
        yield f"{schema}.{table}", _plain_rows(found)


def _is_the_persons(columns: Sequence[str]) -> str | None:
    """Whether a row with these columns is the person's, in SQL; None where they name nobody."""
    telling = [name for name in _BELONGS if name in columns]
    if not telling:
        return None
    cases = " ".join(f"when {name} is not null then {_BELONGS[name]}" for name in telling)
    return f"case {cases} end"


def _rows_of_outbox(con: duckdb.DuckDBPyConnection, paths: StatePaths) -> list[dict[str, Any]]:
    """What other systems were asked to do about the person."""
    names = SCHEMAS[OUTBOX].names
    con.register("outbox_lines", told_before(paths, recover(paths), names))
    condition = _is_the_persons(names)
    return _plain_rows(
        con.execute(f"select * from outbox_lines where {condition} order by publication, firing_id")
    )


def _plain_rows(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [one[0] for one in found.description or []]
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in found.fetchall()
    ]


def _plain(value: Any) -> Any:
    """A value in the types of JSON; amounts as text, since JSON has no decimals."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _open_properties(event: dict[str, Any], keys: dict[str, bytes]) -> None:
    """Make an object of an event's properties, and text of what is encrypted in it."""
    event["properties"] = properties = json.loads(event["properties"])
    # As at ingest: the key of the user, else of the visitor, else of the device.
    owner = event["user_id"] or event["anonymous_id"] or event["device_id"]
    key = keys.get(owner or "")
    context = properties.get("context")
    for place in (
        properties,
        properties.get("traits"),
        context.get("traits") if isinstance(context, dict) else None,
    ):
        if not isinstance(place, dict):
            continue
        for name, value in place.items():
            if is_encrypted(value):
                text = None if key is None else decrypt_text(key, name, value)
                place[name] = "(encrypted; its key is gone)" if text is None else text


def _quarantined(finder: Finder) -> Iterator[dict[str, Any]]:
    for place in quarantined_rows(finder):
        for number, row in enumerate(read_file(place.file, finder.vault)):
            if number in place.rows:
                yield {
                    "source": row.source,
                    "source_file": row.source_file,
                    "source_line": row.source_line,
                    "reasons": list(row.reasons),
                    "raw": row.raw,
                }


def _delivered(finder: Finder) -> Iterator[dict[str, Any]]:
    for place in landed_rows(finder).places:
        name = str(place.file.relative_to(finder.paths.landing))
        source = name.partition("/")[0]
        settings = finder.settings
        for batch in read_landed(
            place.file, name, source, settings.sources[source], settings.settings
        ):
            for row in batch.to_pylist():
                if row["source_line"] in place.rows:
                    yield {
                        "source": source,
                        "source_file": name,
                        "source_line": row["source_line"],
                        "raw": row["raw"],
                    }
