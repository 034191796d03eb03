"""Personal names deeper inside `properties` than the registry's places: removed, whatever they are.

Here: the walk through nested objects and arrays. A trait at its place may become a pseudonym or
encrypted text (`treatment_properties`); in an object that nobody described (`products[0].email`,
`order.contact.phone`) the same name says the same about its value, and none is needed there.
"""

import json
import math
from typing import Any, Final

import duckdb
import pyarrow as pa

from dagster_project.ingest.vault import PSEUDONYM
from expectations.contract import Registry, personal_properties

_PLACES: Final = ((), ("traits",), ("context", "traits"))
_TREATED: Final = rf'"(?:{PSEUDONYM}|enc1\.[A-Za-z0-9_=-]*)"'


def remove_nested(con: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    """Mend the rows of `treated_properties` and `personal_rows` with such a name left.

    Args:
        con: has both tables; a row of the second that is not in the first was left as it is.
        registry: says which names are personal on every event.
    """
    names = _names(registry)
    key = f'"(?:{"|".join(sorted(names))})"\\s*:\\s*'
    left = con.execute(
        """
        select row_number, coalesce(treated.properties, personal.properties) as text
        from personal_rows as personal
        left join treated_properties as treated using (row_number)
        where regexp_matches(regexp_replace(text, ?, '', 'g'), ?)
        """,
        [key + _TREATED, key],
    ).fetchall()
    # A name that stands in a text only is found by the pattern and not by the walk.
    mended = [(row, text) for row, before in left if (text := _without(before, names)) is not None]
    if not mended:
        return
    rows, texts = zip(*mended, strict=True)
    table = pa.table(
        {"row_number": pa.array(rows, pa.int64()), "properties": pa.array(texts, pa.string())}
    )
    con.register("_mended", table)
    con.execute(
        "delete from treated_properties where row_number in (select row_number from _mended)"
    )
    con.execute("insert into treated_properties select * from _mended")
    con.unregister("_mended")


def _names(registry: Registry) -> frozenset[str]:
    # The names of traits alone (`name`, `id`, `age`) mean other things elsewhere.
    paths = (path for path, treatment, _ in personal_properties(registry) if treatment != "keep")
    return frozenset(path[2:] for path in paths if path.count(".") == 1)


def _without(text: str, names: frozenset[str]) -> str | None:
    """The JSON text without the names below the places; null where there is none of them."""
    content = json.loads(text, parse_float=_float)
    found = False
    waiting: list[tuple[Any, tuple[str, ...] | None]] = [(content, ())]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, list):
            waiting += [(one, None) for one in value]
        elif isinstance(value, dict):
            if place not in _PLACES:
                for name in names.intersection(value):
                    del value[name]
                    found = True
            waiting += [
                (one, None if place is None else (*place, name)) for name, one in value.items()
            ]
    if not found:
        return None
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _float(text: str) -> float | str:
    """A number; one beyond a double as its text, since JSON has no infinity."""
    value = float(text)
    return value if math.isfinite(value) else text
