"""The SQL that a source's settings make of raw rows: candidates.

Every format arrives as JSON objects (`readers.py`), so one statement serves all. Only SQL text is
made here; running it is `mapping.py`.
"""

import json
from collections import Counter

from dagster_project.ingest.config import (
    MAPPED_FIELDS,
    TIME_FIELDS,
    FieldMapping,
    SourceSettings,
)
from dagster_project.ingest.mapping_sql import quote_name, quote_text
from dagster_project.ingest.mapping_times import time_sql

# Top-level keys of a canonical event that are no property.
_CANONICAL_KEYS = (*MAPPED_FIELDS, "properties")
# An object is a value here; in any other field it is a mistake.
_MAY_NEST = ("consent",)
# The entries of a row, null where it is no object or has a key twice.
_MAP = (
    "map_entries(case when __ff_is_object "
    "then try(cast(__ff_json::json as map(varchar, json))) end)"
)
SPACE = r"chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"


def candidates_sql(source_name: str, source: SourceSettings, raw_rows: str) -> str:
    """The statement that yields the columns of `candidates`.

    Args:
        source_name: the source.
        source: its settings.
        raw_rows: the name of a relation in `readers.RAW_SCHEMA`.

    Returns:
        A `select` whose rows are those of `raw_rows`, one for one. Names that begin with `__ff_`
        are its own, so that a column of the user's may have any other name.
    """
    mapping = _mapping(source)
    is_canonical = source.format == "canonical"
    named = source.named_properties
    mapped = [*mapping.values(), *named.values()]
    columns = list(dict.fromkeys(c for field in mapped for c in field.columns))
    # A structure is read faster than paths, but its names must differ by more than their case.
    folded = Counter(column.lower() for column in columns)
    keys = [c for c in columns if not c.startswith("$.") and folded[c.lower()] == 1]
    paths = [column for column in columns if column not in keys]
    at = {key: f"struct_extract(__ff_keys, {quote_text(key)})" for key in keys}
    at.update({path: f"__ff_paths[{i + 1}]" for i, path in enumerate(paths)})
    if is_canonical:
        keys.append("properties")

    expressions = {name: field for name, field in mapping.items() if field.sql is not None}
    for i, field in enumerate(named.values()):
        if field.sql is not None:
            expressions[f"property_{i}"] = field
    sql_columns = list(dict.fromkeys(c for field in expressions.values() for c in field.columns))
    scalars = [
        field.column
        for name, field in mapping.items()
        if field.column is not None and name not in _MAY_NEST
    ]
    scalars += [field.column for field in named.values() if field.column is not None]
    fields = [
        f"{_field_sql(name, mapping.get(name), at, source)} as {name}" for name in MAPPED_FIELDS
    ]
    times = [
        f"{_parsed_sql(name, mapping.get(name), source)} as {name}_parsed" for name in TIME_FIELDS
    ]
    properties = _canonical_properties() if is_canonical else _mapped_properties(source, mapped, at)
    return f"""
with lines as (
    select
        source_file as __ff_file,
        source_line as __ff_line,
        raw as __ff_raw,
        read_error as __ff_error,
        case when read_error is null and json_valid(raw) then raw end as __ff_json,
    from {raw_rows}
),
objects as (
    select
        *,
        starts_with(ltrim(__ff_json, {SPACE}), '{{') as __ff_is_object,
        json_keys(__ff_json) as __ff_names,
        json_transform(__ff_json, {_structure(keys)}) as __ff_keys,
        {_extracted(paths)} as __ff_paths,
    from lines
),
named as (
    select
        *,
        {"".join(f"{text_sql(at[c])} as {quote_name(c)}, " for c in sql_columns)}
    from objects
),
evaluated as (
    select
        * {_without(sql_columns)},
        {"".join(f"{_try_sql(field)} as __ff_{name}, " for name, field in expressions.items())}
        {properties},
    from named
),
fields as (
    select
        {quote_text(source_name)} as source,
        __ff_file as source_file,
        __ff_line as source_line,
        __ff_raw as raw,
        {_read_error(is_canonical, scalars, at, expressions)} as read_error,
        {", ".join(fields)},
        __ff_properties as properties,
    from evaluated
)
select *, {", ".join(times)} from fields
"""


def _mapping(source: SourceSettings) -> dict[str, FieldMapping]:
    if source.mapping is not None:
        return source.mapping
    return {name: FieldMapping(column=name) for name in MAPPED_FIELDS}


def _field_sql(
    name: str, field: FieldMapping | None, at: dict[str, str], source: SourceSettings
) -> str:
    default = {"currency": source.currency, "consent": source.consent.default}.get(name)
    text = "null::varchar" if field is None else _value_sql(name, field, at)
    return text if default is None else f"coalesce({text}, {quote_text(default)})"


def _value_sql(name: str, field: FieldMapping, at: dict[str, str]) -> str:
    if field.value is not None:
        return text_sql(quote_text(field.value))
    if field.sql is not None:
        return text_sql(f"__ff_{name}[1]")
    return _replaced(text_sql(at[field.column or ""]), field.values or {})


def _replaced(text: str, values: dict[str, str]) -> str:
    if not values:
        return text
    whens = " ".join(f"when {quote_text(k)} then {quote_text(v)}" for k, v in values.items())
    return f"case {text} {whens} else {text} end"


def _parsed_sql(name: str, field: FieldMapping | None, source: SourceSettings) -> str:
    if field is None:
        return "null::timestamp"
    return time_sql(name, field.timezone or source.timezone, field.unit, field.format)


def text_sql(value: str) -> str:
    """A value as candidates hold it: trimmed, the empty one null."""
    # Half the time of trimming every value; most have nothing to trim.
    return (
        f"case when {value} >= '!' and right({value}, 1) >= '!' then {value} "
        f"else nullif(trim({value}, {SPACE}), '') end"
    )


def is_no_json_sql(text: str) -> str:
    """Whether DuckDB's parser took a NaN or Infinity: no JSON to anything that reads the log."""
    outside_strings = rf"""regexp_replace({text}, '"(\\.|[^"\\])*"', '', 'g')"""
    return (
        f"(contains({text}, 'NaN') or contains({text}, 'Infinity')) "
        f"and regexp_matches({outside_strings}, 'NaN|Infinity')"
    )


def _try_sql(field: FieldMapping) -> str:
    # A list, so that a null value and a failure can be told apart.
    return f"try(list_value(cast(({field.sql}\n) as varchar)))"


def _without(columns: list[str]) -> str:
    return f"exclude ({', '.join(map(quote_name, columns))})" if columns else ""


def _read_error(
    is_canonical: bool,
    scalars: list[str],
    at: dict[str, str],
    expressions: dict[str, FieldMapping],
) -> str:
    whens = [
        "__ff_error is not null then __ff_error",
        "__ff_json is null then 'malformed_json'",
        "not __ff_is_object then 'not_an_object'",
        "len(list_distinct(__ff_names)) < len(__ff_names) then 'duplicate_key'",
    ]
    if scalars:
        # Only a text that begins like an object or array is worth a second parse.
        looks = " or ".join(f"coalesce({at[c]}[1] in ('{{', '['), false)" for c in scalars)
        kinds = f"json_type(__ff_json, {_paths(scalars)})"
        whens.append(
            f"({looks}) and list_has_any({kinds}, ['OBJECT', 'ARRAY']) then 'not_a_scalar'"
        )
    if is_canonical:
        whens += [
            "json_type(__ff_given) not in ('OBJECT', 'NULL') then 'properties_not_an_object'",
            "len(__ff_extra) > 0 and list_has_any(__ff_extra, json_keys(__ff_given)) "
            "then 'property_given_twice'",
        ]
    whens.append(f"{is_no_json_sql('__ff_properties')} then 'malformed_json'")
    whens += [f"__ff_{name} is null then 'mapping_failed'" for name in expressions]
    return "case " + " ".join(f"when {when}" for when in whens) + " end"


def _canonical_properties() -> str:
    # Keys that are no field move into properties.
    known = _list(_CANONICAL_KEYS)
    members = _members(f"list_filter({_MAP}, lambda e: e.key not in {known})")
    return f"""
        __ff_keys.properties as __ff_given,
        case when json_type(__ff_given) = 'OBJECT' then __ff_given::varchar
            else '{{}}' end as __ff_object,
        list_filter(__ff_names, lambda k: k not in {known}) as __ff_extra,
        case when coalesce(len(__ff_extra), 0) = 0 then __ff_object
            when __ff_object = '{{}}' then coalesce('{{' || {members} || '}}', '{{}}')
            else coalesce(__ff_object[:-2] || ',' || {members} || '}}', __ff_object)
            end as __ff_properties"""


def _mapped_properties(
    source: SourceSettings, mapped: list[FieldMapping], at: dict[str, str]
) -> str:
    named = source.named_properties
    listed = [name for name in source.properties or () if name != "*"]
    tests = [f"e.key in {_list(listed)}"] if listed else []
    if "*" in (source.properties or ()):
        # A path takes its whole top-level key, or a part that is an id would stay in clear.
        used = {_top_key(column) for field in mapped for column in field.columns}
        # What has its name from the settings is not there twice.
        tests.append(f"e.key not in {_list(sorted(used | named.keys()))}")
    if not tests and not named:
        return "'{}' as __ff_properties"
    test = " or ".join(tests) or "false"
    if source.format != "jsonl":
        test = f"({test}) and coalesce(e.value::varchar, 'null') not in ('\"\"', 'null')"
    entries = f"list_filter({_MAP}, lambda e: {test})"
    members = _members(entries)
    if named:
        values = [
            f"{quote_text(json.dumps(name, ensure_ascii=False) + ':')} "
            f"|| to_json({_value_sql(f'property_{i}', field, at)})::varchar"
            for i, (name, field) in enumerate(named.items())
        ]
        members = f"concat_ws(',', nullif({members}, ''), {', '.join(values)})"
    return f"coalesce('{{' || {members} || '}}', '{{}}') as __ff_properties"


def _members(entries: str) -> str:
    pair = "to_json(e.key)::varchar || ':' || coalesce(e.value::varchar, 'null')"
    return f"array_to_string(list_transform({entries}, lambda e: {pair}), ',')"


def _top_key(column: str) -> str:
    if not column.startswith("$."):
        return column
    rest = column[2:]
    if rest.startswith('"'):
        return rest[1:].split('"', 1)[0]
    return rest.replace("[", ".").split(".", 1)[0]


def _paths(columns: tuple[str, ...] | list[str]) -> str:
    """A list of JSON paths; one that begins with `$.` is there already, others are keys."""
    paths = [
        column if column.startswith("$.") else "/" + column.replace("~", "~0").replace("/", "~1")
        for column in columns
    ]
    return f"[{', '.join(map(quote_text, paths))}]::varchar[]"


def _extracted(paths: list[str]) -> str:
    # Nothing to extract would be a parse of each row all the same.
    return f"json_extract_string(__ff_json, {_paths(paths)})" if paths else "null::varchar[]"


def _structure(keys: list[str]) -> str:
    """What `json_transform` takes; DuckDB looks keys up by their exact names."""
    types = {key: "JSON" if key == "properties" else "VARCHAR" for key in keys}
    return quote_text(json.dumps(types or {"": "VARCHAR"}))


def _list(texts: tuple[str, ...] | list[str]) -> str:
    return f"({', '.join(map(quote_text, texts))})" if texts else "('')"
