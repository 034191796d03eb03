"""Personal data inside `properties`: dropped, replaced or encrypted, as the registry says.

Here: what becomes of the JSON object of an accepted row. The event's own fields are treated in
`treatment`, and e-mail addresses in free text are blanked there as well.

Rows without any of the registry's names pass untouched. In the others, one merge patch (RFC 7386)
sets every personal name to null, and a second one puts pseudonyms and encrypted text in: two passes
over the text however many names there are. What is nested deeper is removed by `treatment_nested`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from dagster_project.ingest.treatment_encryption import encrypt_values
from dagster_project.ingest.treatment_nested import remove_nested
from dagster_project.ingest.vault import Vault
from expectations.contract import (
    Registry,
    may_hold_personal_data_sql,
    personal_event_properties,
    personal_properties,
)

EMAIL_SPACE: Final = "emails"
# Kinds whose values mean one thing whatever the source; the others have the source's spaces.
FIXED_SPACES: Final = {"email": EMAIL_SPACE, "crm": "crm"}
PLACES: Final = frozenset({"$", "$.traits", "$.context.traits"})
_SCALARS: Final = ("VARCHAR", "BIGINT", "UBIGINT", "DOUBLE")
_IN_USE: Final = frozenset({"drop", "pseudonymise", "encrypt", "keep"})
_Place = tuple[str, str, str | None]


@dataclass(frozen=True)
class _Rules:
    """Names to treat in each object of `properties`: `$`, `$.traits`, `$.context.traits`."""

    removed: Mapping[str, list[str]]
    replaced: Mapping[str, list[tuple[str, str]]]
    encrypted: Mapping[str, list[str]]


def treat_properties(
    con: duckdb.DuckDBPyConnection,
    accepted: str,
    *,
    registry: Registry,
    vault: Vault,
    junk: Iterable[str],
) -> str:
    """Make the table `treated_properties` (row_number, properties) of the rows that change.

    Args:
        con: where `accepted` is; the table `source_settings` (source, user_space, device_space)
            is there too.
        accepted: a table with row_number BIGINT, source, event_name, properties (JSON text) and the
            three identifiers user_id, anonymous_id, device_id.
        registry: says which names hold what.
        vault: gives the pseudonyms.
        junk: values that are no identifiers, lower case; they are dropped.

    Returns:
        The table's name.

    Raises:
        ValueError: the registry asks for a treatment that is not in use.
    """
    con.execute(
        "create or replace temp table treated_properties (row_number bigint, properties varchar)"
    )
    con.execute(
        f"""
        create or replace temp table personal_rows as
        select
            row_number,
            source,
            event_name,
            user_id,
            anonymous_id,
            device_id,
            json_merge_patch(properties, '{{}}') as properties
        from {accepted}
        where {may_hold_personal_data_sql(registry, "properties")}
        """
    )
    for events, rules in _rules_by_events(registry):
        _treat_rows(con, events, rules, vault, junk)
    remove_nested(con, registry)
    con.execute("drop table personal_rows")
    return "treated_properties"


def _rules_by_events(registry: Registry) -> list[tuple[str, _Rules]]:
    """(condition on event_name, rules) for each set of events that is treated alike."""
    everywhere = personal_properties(registry)
    alike: dict[tuple[_Place, ...], list[str]] = defaultdict(list)
    for event, places in personal_event_properties(registry).items():
        alike[tuple(places)].append(event)
    named = sorted(event for events in alike.values() for event in events)
    groups = [(f"event_name not in ({_texts(named)})" if named else "true", _rules(everywhere))]
    for own, events in alike.items():
        groups.append((f"event_name in ({_texts(events)})", _rules([*everywhere, *own])))
    return groups


def _rules(places: Iterable[_Place]) -> _Rules:
    removed: dict[str, list[str]] = defaultdict(list)
    replaced: dict[str, list[tuple[str, str]]] = defaultdict(list)
    encrypted: dict[str, list[str]] = defaultdict(list)
    for path, treatment, kind in places:
        if treatment not in _IN_USE:
            raise ValueError(f"{path}: the treatment {treatment!r} is not in use; drop it instead")
        if treatment == "keep":
            continue
        place, _, name = path.rpartition(".")
        if place not in PLACES:
            raise ValueError(
                f"{path}: personal data is treated in {', '.join(sorted(PLACES))} only"
            )
        removed[place].append(name)
        if treatment == "pseudonymise" and kind is not None:
            replaced[place].append((name, kind))
        if treatment == "encrypt":
            encrypted[place].append(name)
    return _Rules(removed, replaced, encrypted)


def _treat_rows(
    con: duckdb.DuckDBPyConnection, events: str, rules: _Rules, vault: Vault, junk: Iterable[str]
) -> None:
    touched = []
    for place, names in rules.removed.items():
        touched.append(f"list_has_any(json_keys(properties, '{place}'), [{_texts(names)}])")
    con.execute(
        f"""
        create or replace temp table touched_rows as
        select * from personal_rows
        where ({events}) and ({" or ".join(f"coalesce({test}, false)" for test in touched)})
        """
    )
    if con.execute("select count(*) from touched_rows").fetchall() == [(0,)]:
        return
    _collect_replacements(con, rules, vault, junk)
    con.execute(
        f"""
        insert into treated_properties
        select
            touched.row_number,
            case when patch is null then removed else json_merge_patch(removed, patch) end
        from (
            select row_number, json_merge_patch(properties, {_removal(rules)}) as removed
            from touched_rows
        ) as touched
        left join property_patches using (row_number)
        """
    )


def _removal(rules: _Rules) -> str:
    """SQL of the merge patch that sets every personal name of a row to null.

    A patch for an object that the row has not got would make it, empty.
    """
    members = [
        f"case when json_type(properties, '{place}') = 'OBJECT' "
        f"then {_text(_members_of(place, json.dumps(dict.fromkeys(names))))} end"
        for place, names in rules.removed.items()
    ]
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def _members_of(place: str, members: str) -> str:
    """The JSON text of an object at `place`, without the outer braces."""
    for key in reversed(place.split(".")[1:]):
        members = f'{{"{key}": {members}}}'
    return members[1:-1]


def _collect_replacements(
    con: duckdb.DuckDBPyConnection, rules: _Rules, vault: Vault, junk: Iterable[str]
) -> None:
    """Make `property_patches` (row_number, patch): what stands in the place of the values."""
    encrypt_values(con, "touched_rows", rules.encrypted, vault, junk)
    found = _identifiers_sql("touched_rows", rules.replaced)
    con.execute(
        f"""
        create or replace temp table property_values as
        select * from ({found}) where lower(value) not in ({_texts(["", *junk])})
        """
    )
    make_pseudonym_map(con, "property_pseudonyms", "property_values", vault)
    con.execute(
        """
        create or replace temp table property_patches as
        with placed as (
            select row_number, place, name, pseudonym as value
            from property_values
            join property_pseudonyms using (kind, space, value)
            union all
            select * from property_secrets
        ),
        by_place as (
            select row_number, place, json_group_object(name, value)::varchar as members
            from placed
            group by row_number, place
        )
        select
            row_number,
            '{' || string_agg(
                case place
                    when '$' then members[2:-2]
                    when '$.traits' then '"traits":' || members
                    else '"context":{"traits":' || members || '}'
                end,
                ',' order by place
            ) || '}' as patch
        from by_place
        group by row_number
        """
    )


def property_identifiers_sql(rows: str, registry: Registry) -> str:
    """Write a query for the identifiers that stand in properties at the registry's places.

    Args:
        rows: a relation with row_number, source, event_name and properties (text of a JSON object
            without a key twice); the table `source_settings` is there too.
        registry: says which names hold what.

    Returns:
        A SELECT of row_number, place, name, kind, space, value; junk is not left out.
    """
    groups = [
        _identifiers_sql(f"(from {rows} where {events})", rules.replaced)
        for events, rules in _rules_by_events(registry)
    ]
    return " union all ".join(groups)


def _identifiers_sql(rows: str, replaced: Mapping[str, list[tuple[str, str]]]) -> str:
    found = []
    for place, given in replaced.items():
        names = _texts(name for name, _ in given)
        kinds = _texts(kind for _, kind in given)
        paths = _texts(f"{place}.{name}" for name, _ in given)
        found.append(
            f"""
            select
                row_number,
                source,
                '{place}' as place,
                unnest([{names}]) as name,
                unnest([{kinds}]) as kind,
                unnest(json_extract_string(properties, [{paths}])) as given,
                unnest(json_type(properties, [{paths}])) as type
            from {rows}
            where list_has_any(json_keys(properties, '{place}'), [{names}])
            """
        )
    fixed = " ".join(f"when kind = '{kind}' then '{at}'" for kind, at in FIXED_SPACES.items())
    return f"""
        select
            row_number,
            place,
            name,
            kind,
            case
                {fixed}
                when kind = 'user' then user_space
                else device_space
            end as space,
            case when kind = 'email' then lower(trim(given)) else trim(given) end as value
        from ({" union all ".join(found)})
        join source_settings using (source)
        where type in ({_texts(_SCALARS)})
    """


def make_pseudonym_map(
    con: duckdb.DuckDBPyConnection, name: str, values: str, vault: Vault
) -> None:
    """Make a table (kind, space, value, pseudonym) of the distinct identifiers in `values`.

    Args:
        con: where the tables are.
        name: of the new table.
        values: a table or parenthesised query with kind, space, value; nulls are left out.
        vault: gives the pseudonyms.
    """
    con.execute(
        f"create or replace temp table {name} "
        "(kind varchar, space varchar, value varchar, pseudonym varchar)"
    )
    spaces = con.execute(
        f"select distinct kind, space from {values} where value is not null order by all"
    ).fetchall()
    for kind, space in spaces:
        distinct = con.execute(
            f"select distinct value from {values} "
            "where kind = ? and space = ? and value is not null",
            [kind, space],
        ).to_arrow_table()
        given = vault.pseudonyms(kind, space, distinct.column(0).to_pylist())
        pairs = pa.table({"value": list(given), "pseudonym": list(given.values())})
        con.register("_pairs", pairs)
        con.execute(f"insert into {name} select ?, ?, value, pseudonym from _pairs", [kind, space])
        con.unregister("_pairs")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(_text(value) for value in values)
