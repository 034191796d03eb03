"""Settings of a mapping: where the value of each field and property comes from.

Which fields there are, and what one may say of each, belongs here. What a mapping does to a row is
`mapping_rows.py`, which expressions may be run `mapping_sql.py`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dagster_project.ingest.config_types import Strict, problem
from dagster_project.ingest.mapping_sql import check_expression

TIME_FIELDS = ("event_ts", "sent_ts")
# The fields that a mapping can fill besides `properties`, in the order of the candidates table.
MAPPED_FIELDS = (
    "event_id", "event_name", "event_ts", "sent_ts", "user_id", "anonymous_id", "device_id",
    "source_session_id", "product_id", "category", "brand", "price", "quantity", "currency",
    "order_id", "revenue", "coupon", "impression_id", "page_url", "page_path", "referrer",
    "utm_source", "utm_medium", "utm_campaign", "device_type", "os", "browser", "app", "country",
    "region", "city", "ip", "user_agent", "locale", "is_bot", "consent",
)  # fmt: skip


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
        # The zones of the times are worked out by DuckDB, whose list is its own.
        duckdb.execute("select timezone(?, timestamp '2000-01-01')", [name]).fetchall()
    except (ZoneInfoNotFoundError, ValueError, OSError, duckdb.Error):
        raise problem(
            f"{name!r} is no time zone; give an IANA name such as Europe/Berlin"
        ) from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]


class FieldMapping(Strict):
    """Where the value of one field comes from: exactly one of `column`, `value`, `sql`.

    Attributes:
        column: a column's name; for jsonl a top-level key, or a path that starts with `$.`.
        values: replacements by exact text; a value that is not listed stays as it is.
        unit: the unit of an epoch number. format: a strptime format. timezone: of naive times.
        value: a constant. sql: one expression of DuckDB over the row's columns, all text.
    """

    column: str | None = Field(default=None, min_length=1)
    values: dict[str, str] | None = None
    unit: Literal["s", "ms", "us", "ns"] | None = None
    format: str | None = Field(default=None, min_length=1)
    timezone: Zone | None = None
    value: str | None = None
    sql: str | None = None

    @property
    def sql_columns(self) -> tuple[str, ...]:
        """The columns that `sql` names, sorted."""
        return check_expression(self.sql) if self.sql is not None else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the value depends on."""
        return (self.column,) if self.column is not None else self.sql_columns

    @model_validator(mode="after")
    def _is_consistent(self) -> "FieldMapping":
        given = [key for key in ("column", "value", "sql") if getattr(self, key) is not None]
        if len(given) != 1:
            raise problem("give exactly one of column, value, sql")
        if self.values is not None and self.column is None:
            raise problem("goes with column alone", "values")
        if self.unit is not None and self.format is not None:
            raise problem("goes without unit: a number has no format", "format")
        if self.sql is not None:
            try:
                check_expression(self.sql)
            except ValueError as error:
                raise problem(str(error), "sql") from None
        if self.format is not None:
            try:
                duckdb.execute("select try_strptime('', ?)", [self.format]).fetchall()
            except duckdb.Error:
                raise problem(f"{self.format!r} is no strptime format", "format") from None
        return self


def _column_shorthand(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Mapped = Annotated[FieldMapping, BeforeValidator(_column_shorthand)]


def split_properties(given: object) -> tuple[list[str], dict[str, object]]:
    """The columns and the named ones of a list such as `["*", {file_path: filename}]`."""
    where = "mapping.properties"
    columns: list[str] = []
    named: dict[str, object] = {}
    for item in given if isinstance(given, list) else [None]:
        if isinstance(item, str) and item:
            columns.append(item)
        elif isinstance(item, dict) and len(item) == 1 and all(isinstance(n, str) for n in item):
            ((name, value),) = item.items()
            if not name or name in named:
                raise problem(f"{name!r} is given twice or empty", where)
            named[name] = value
        else:
            raise problem("is no list of columns, or of a name with its column each", where)
    if twice := next((name for name in columns if name in named), None):
        raise problem(f"{twice!r} is a column and a name", where)
    return columns, named


def check_fields(mapping: Mapping[str, FieldMapping], named: Mapping[str, FieldMapping]) -> None:
    """Check that each field is one, and that it is mapped as its kind can be.

    Args:
        mapping: the fields.
        named: the properties with names of their own.

    Raises:
        PydanticCustomError: the first that is not.
    """
    for name, field in mapping.items():
        if name not in MAPPED_FIELDS:
            raise problem(f"no field of an event; put it into properties. The fields: "
                           f"{', '.join(MAPPED_FIELDS)}", f"mapping.{name}")  # fmt: skip
        if name not in TIME_FIELDS:
            _check_no_time(field, f"mapping.{name}")
        elif field.value is not None:
            raise problem("a time cannot be a constant", f"mapping.{name}.value")
    for name, field in named.items():
        _check_no_time(field, f"mapping.properties.{name}")
    for name in ("event_name", "event_ts"):
        if name not in mapping:
            raise problem(f"{name} is missing", "mapping")


def _check_no_time(field: FieldMapping, where: str) -> None:
    for key in ("unit", "format", "timezone"):
        if getattr(field, key) is not None:
            raise problem("is for event_ts and sent_ts alone", f"{where}.{key}")
