"""The SQL that a built-in format makes of raw rows: candidates.

What a format has to say of itself, and the statement that follows from it, belong here. What each
format says is in its own module (`shape_segment.py`, …); the canonical format and mappings have
`mapping_rows.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dagster_project.ingest.config import MAPPED_FIELDS, TIME_FIELDS, SourceSettings
from dagster_project.ingest.mapping_rows import SPACE, is_no_json_sql, text_sql
from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.mapping_times import time_sql


@dataclass(frozen=True)
class TimeForm:
    """How a format writes its times: a unit, a strptime format, or neither for ISO 8601."""

    unit: str | None = None
    format: str | None = None


@dataclass(frozen=True)
class Shape:
    """What a format makes of a row, as SQL over the columns of the steps.

    Attributes:
        is_json: rows are JSON objects, there as `__ff_json` (null where a row is none); else there
            is `__ff_text` alone, null where the row could not be read.
        steps: select lists, each over what the one before it yields, beginning with `*`; names of
            new columns begin with `__ff_`.
        errors: condition and code of what makes a row unreadable, the first that is true.
        scalars: values that must be no object or array, with their JSON paths.
        fields: the value of each field that the format fills.
        properties: the text of a JSON object.
        time: the form of event_ts and sent_ts.
    """

    is_json: bool
    steps: tuple[str, ...]
    fields: Mapping[str, str]
    properties: str
    errors: tuple[tuple[str, str], ...] = ()
    scalars: Mapping[str, str] = field(default_factory=dict)
    time: TimeForm = TimeForm()


def shaped_sql(source_name: str, source: SourceSettings, shape: Shape, raw_rows: str) -> str:
    """The statement that yields the columns of `candidates`.

    Args:
        source_name: the source.
        source: its settings.
        shape: of its format.
        raw_rows: the name of a relation in `readers.RAW_SCHEMA`.

    Returns:
        A `select` whose rows are those of `raw_rows`, one for one.
    """
    steps, last = [], "read_rows"
    for number, step in enumerate(shape.steps):
        steps.append(f"step_{number} as (select {step} from {last}),")
        last = f"step_{number}"
    values = ", ".join(f"{value} as __ff_{name}" for name, value in shape.fields.items())
    fields = ", ".join(f"{_field(name, shape, source)} as {name}" for name in MAPPED_FIELDS)
    times = ", ".join(
        f"{time_sql(name, source.timezone, shape.time.unit, shape.time.format)} as {name}_parsed"
        if name in shape.fields
        else f"null::timestamp as {name}_parsed"
        for name in TIME_FIELDS
    )
    return f"""
with lines as (
    select
        source_file as __ff_file,
        source_line as __ff_line,
        raw as __ff_raw,
        read_error as __ff_error,
        case when read_error is null then raw end as __ff_text,
    from {raw_rows}
),
read_rows as (select *, {_JSON_STEP if shape.is_json else "null as __ff_json"} from lines),
{" ".join(steps)}
valued as (select *, {values}, {shape.properties} as __ff_properties from {last}),
fields as (
    select
        {quote_text(source_name)} as source,
        __ff_file as source_file,
        __ff_line as source_line,
        __ff_raw as raw,
        {_read_error(shape)} as read_error,
        {fields},
        coalesce(__ff_properties, '{{}}') as properties,
    from valued
)
select *, {times} from fields
"""


# A row that is no object is none to the steps either.
_JSON_STEP = f"""
        json_valid(__ff_text) as __ff_is_json,
        case when __ff_is_json and starts_with(ltrim(__ff_text, {SPACE}), '{{')
            then __ff_text end as __ff_json,
        json_keys(__ff_json) as __ff_names
"""


def snake_case_sql(text: str) -> str:
    """A name as the registry writes them: `Order Completed` and `orderCompleted` are one name."""
    # `iOS App Opened` has no hump to split.
    hump = rf"regexp_replace({text}, '([a-z0-9])([A-Z])', '\1_\2', 'g')"
    words = f"lower(case when contains(trim({text}), ' ') then {text} else {hump} end)"
    return rf"trim(regexp_replace({words}, '[\s_./:-]+', '_', 'g'), '_')"


def is_too_deep_sql(text: str, depth: int = 64) -> str:
    """Whether a text that holds JSON nests deeper; the reader guards no text within a text.

    Innermost pairs are taken out, a level at a time, of the few texts that could be too deep.
    """
    brackets = rf"""regexp_replace(regexp_replace({text},
        '"(?:[^"\\]|\\.)*"', '', 'gs'), '[^\[\]{{}}]', '', 'g')"""
    left = rf"""list_reduce(list_resize([{brackets}], {depth} + 1, ''),
        lambda rest, _: regexp_replace(rest, '\[\]|\{{\}}', '', 'g'))"""
    return f"case when len({brackets}) > 2 * {depth} then {left} <> '' else false end"


def _field(name: str, shape: Shape, source: SourceSettings) -> str:
    default = {"currency": source.currency, "consent": source.consent.default}.get(name)
    text = text_sql(f"__ff_{name}") if name in shape.fields else "null::varchar"
    return text if default is None else f"coalesce({text}, {quote_text(default)})"


def _read_error(shape: Shape) -> str:
    whens = ["__ff_error is not null then __ff_error"]
    if shape.is_json:
        whens += [
            "not __ff_is_json then 'malformed_json'",
            "__ff_json is null then 'not_an_object'",
            "len(list_distinct(__ff_names)) < len(__ff_names) then 'duplicate_key'",
        ]
    if shape.scalars:
        # Only a text that begins like an object or array is worth a second parse.
        looks = " or ".join(
            f"coalesce({value}[1] in ('{{', '['), false)" for value in shape.scalars
        )
        paths = f"[{', '.join(map(quote_text, shape.scalars.values()))}]"
        whens.append(
            f"({looks}) and list_has_any(json_type(__ff_json, {paths}), ['OBJECT', 'ARRAY']) "
            "then 'not_a_scalar'"
        )
    whens += [f"{condition} then {quote_text(code)}" for condition, code in shape.errors]
    whens.append(f"{is_no_json_sql('__ff_properties')} then 'malformed_json'")
    return "case " + " ".join(f"when {when}" for when in whens) + " end"
