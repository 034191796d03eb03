"""Personal text that the registry keeps: encrypted under the key of whom the row is about.

Here: whose key that is, and the encrypted values of a set of rows. Which names are encrypted, and
putting the values in their place, is `treatment_properties`'s business.
"""

import json
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa

from dagster_project.ingest.encryption import encrypt_text
from dagster_project.ingest.vault import Vault

# Of the identifiers that a row bears, the first one's key is taken: the person's before the
# device's. An export looks for it in the same order.
OWNER_KINDS = ("user", "anonymous", "device")


def encrypt_values(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    names: Mapping[str, list[str]],
    vault: Vault,
    junk: Iterable[str],
) -> None:
    """Make the table `property_secrets` (row_number, place, name, value).

    A row that bears no identifier has no key to put its text under: it is left out, and so is a
    value that is null.

    Args:
        con: where the rows are, and `source_settings`.
        rows: a table with row_number, source, properties and the three identifiers.
        names: names to encrypt, by place.
        vault: gives the keys.
        junk: values that are no identifiers, lower case.
    """
    con.execute(
        "create or replace temp table property_secrets "
        "(row_number bigint, place varchar, name varchar, value varchar)"
    )
    found = con.execute(_values_sql(rows, names), [["", *junk]]).fetchall()
    owners: dict[tuple[str, str], dict[str, None]] = {}
    for *_, kind, space, owner in found:
        owners.setdefault((kind, space), {})[owner] = None
    keys = {
        (kind, space): vault.data_keys(kind, space, list(values))
        for (kind, space), values in owners.items()
    }
    made = [
        (row, place, name, encrypt_text(keys[kind, space][owner], name, _text(text, json_type)))
        for row, place, name, text, json_type, kind, space, owner in found
    ]
    if made:
        columns = [list(column) for column in zip(*made, strict=True)]
        table = pa.table(
            {
                "row_number": pa.array(columns[0], pa.int64()),
                **dict(zip(("place", "name", "value"), columns[1:], strict=True)),
            }
        )
        con.register("_secrets", table)
        con.execute("insert into property_secrets select * from _secrets")
        con.unregister("_secrets")


def _text(text: str, json_type: str) -> str:
    """A text as it is; anything else as the JSON that it was."""
    return str(json.loads(text)) if json_type == "VARCHAR" else text


def _values_sql(rows: str, names: Mapping[str, list[str]]) -> str:
    """(row_number, place, name, JSON text, its type, kind, space, owner) of what to encrypt."""
    owners = " ".join(
        f"when {kind}_id is not null and not list_contains($1, lower(trim({kind}_id))) "
        f"then {{'kind': '{kind}', 'value': trim({kind}_id)}}"
        for kind in OWNER_KINDS
    )
    wanted = ", ".join(
        f"{{'place': '{place}', 'name': '{name}'}}" for place, given in names.items()
        for name in given
    )  # fmt: skip
    return f"""
        with owned as (
            select row_number, source, properties, case {owners} end as owner
            from {rows}
        ),
        wanted as (
            select *, unnest([{wanted}]) as spot from owned where owner is not null
        ),
        given as (
            select *, json_extract(properties, spot.place || '.' || spot.name) as value from wanted
        )
        select
            row_number,
            spot.place,
            spot.name,
            value::varchar,
            json_type(value),
            owner.kind,
            case owner.kind when 'user' then user_space else device_space end,
            owner.value
        from given
        join source_settings using (source)
        where value is not null and json_type(value) <> 'NULL'
    """
