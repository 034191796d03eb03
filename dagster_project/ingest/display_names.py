"""Names of countries and currencies, from the Unicode CLDR as Babel bundles it, for dbt to read.

Belongs here: two small tables that no run changes. Not here: what the log holds, where a country
is what its source called it.
"""

from importlib.metadata import version

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.durable import write_atomic_table
from dagster_project.state import StatePaths

COUNTRIES = pa.schema([(name, pa.string()) for name in ("country", "country_code", "country_name")])
CURRENCIES = pa.schema(
    [("currency", pa.string()), ("currency_name", pa.string()), ("decimals", pa.int32())]
)
_VERSION = b"babel"


def write_inputs(paths: StatePaths) -> None:
    """Write `countries` and `currencies`, unless this version of the names has been written."""
    if all(_is_written(paths, name) for name in ("countries", "currencies")):
        return
    for name, table in (("countries", countries()), ("currencies", currencies())):
        versioned = table.replace_schema_metadata({_VERSION: _present()})
        write_atomic_table(paths.warehouse_inputs / f"{name}.parquet", versioned)


def countries() -> pa.Table:
    """A row a way to write a country: ISO 3166 code of two or three letters, or English name."""
    from babel import Locale
    from babel.core import get_global

    names = {
        code: name
        for code, name in Locale("en").territories.items()
        if len(code) == 2 and code.isalpha() and code != "ZZ"
    }
    written = {code: code for code in names}
    for alias, codes in get_global("territory_aliases").items():
        if len(alias) == 3 and alias.isalpha() and len(codes) == 1 and codes[0] in names:
            written[alias] = codes[0]
    written |= {name: code for code, name in names.items()}
    rows = [
        {"country": one, "country_code": code, "country_name": names[code]}
        for one, code in sorted(written.items())
    ]
    return pa.Table.from_pylist(rows, schema=COUNTRIES)


def currencies() -> pa.Table:
    """A row an ISO 4217 currency, those of the past among them, with its usual decimals."""
    from babel import Locale
    from babel.numbers import get_currency_precision

    rows = [
        {"currency": code, "currency_name": name, "decimals": get_currency_precision(code)}
        for code, name in sorted(Locale("en").currencies.items())
    ]
    return pa.Table.from_pylist(rows, schema=CURRENCIES)


def _present() -> bytes:
    return version("babel").encode()


def _is_written(paths: StatePaths, name: str) -> bool:
    file = paths.warehouse_inputs / f"{name}.parquet"
    if not file.exists():
        return False
    return (pq.read_schema(file).metadata or {}).get(_VERSION) == _present()
