"""The contract as one DuckDB query: which rows are accepted, and every reason why one is not.

Here: rules of the registry turned into conditions, grouped so that a rule is one test of a set of
event names, however many event types share it. Not here: where rows come from or go to.

A reason is `field: what is wrong`; it never holds a value of the row but a registered event name.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from expectations.columns import AMOUNT_TYPE, SPLIT_COLUMNS
from expectations.personal import contains_email_sql
from expectations.registry import FieldRule, PropertyRule, Registry

NO_SALE = "is negative, which is no sale: map the row to order_refunded or inventory_adjusted"
_STRING_IN_JSON = r'"(?:[^"\\]|\\.)*"'
# DuckDB's parser lets these through; nobody else's does.
_NOT_STANDARD_JSON = r"(?i)nan|inf|,\s*[}\]]"


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that is true (not null) for a row that breaks it, and its reason, both SQL."""

    broken: str
    reason: str


def split_sql(
    registry: Registry,
    relation: str,
    *,
    earliest_event_date: date,
    max_future_hours: int,
) -> str:
    """Write the query that splits candidates into accepted rows and refused ones.

    Args:
        registry: the contract.
        relation: a DuckDB table, view or parenthesised query with CANDIDATE_COLUMNS and
            `arrival_date`, the UTC day on which each row arrived.
        earliest_event_date: an event before this UTC day is refused.
        max_future_hours: an event more than this after the end of the arrival date is refused.

    Returns:
        A SELECT with SPLIT_COLUMNS, one row a candidate. `reasons` is empty for an accepted row,
        holds one reason for a row that could not be read, else every reason there is. A value of
        a refused row that has no value of its type is null.

    """
    rules = list(_rules(registry, earliest_event_date, max_future_hours))
    any_broken = "\n            or ".join(f"({rule.broken})" for rule in rules)
    all_reasons = ",\n            ".join(
        f"case when {rule.broken} then {rule.reason} end" for rule in rules
    )
    amounts = [name for name, rule in registry.fields.items() if rule.type == "amount"]
    parsed_amounts = ",\n        ".join(
        f"case when not contains({name}, '_') then try_cast({name} as {AMOUNT_TYPE}) end as _{name}"
        for name in amounts
    )
    return f"""
with parsed as (
    select
        *,
        {parsed_amounts},
        try_cast(is_bot as boolean) as _is_bot,
        {_valid_object("properties", registry.fields["properties"])} as _properties_valid
    from {relation}
),
extracted as (
    select
        *,
        case
            when {_in_events("event_name", _events_with_checks(registry))}
                and _properties_valid and strlen(properties) > 2
            then json_transform(properties, {_text(_structure(registry))})
        end as _p
    from parsed
),
judged as (
    select
        *,
        case
            when read_error is not null then ['row: ' || read_error]
            when {any_broken}
            then list_filter([
            {all_reasons}
            ], lambda reason: reason is not null)
            else []::varchar[]
        end as _reasons
    from extracted
)
select
    {_select_list(registry, amounts)}
from judged
"""


def _select_list(registry: Registry, amounts: list[str]) -> str:
    made = {
        "event_ts": "event_ts_parsed",
        "sent_ts": "sent_ts_parsed",
        "currency": "upper(currency)",
        "is_bot": "_is_bot",
        "properties": "coalesce(properties, '{}')",
        "contract_version": str(registry.contract_version),
        "reasons": "_reasons",
        **{name: f"_{name}" for name in amounts},
    }
    return ",\n    ".join(
        f"cast({made.get(name, name)} as {kind}) as {name}" for name, kind in SPLIT_COLUMNS.items()
    )


def _rules(registry: Registry, earliest: date, max_future_hours: int) -> Iterator[Rule]:
    for field in registry.fields.values():
        yield from _field_rules(field, earliest, max_future_hours)
    yield from _requirements(registry)
    yield from _signs(registry)
    yield from _property_rules(registry)
    yield from _line_rules(registry)


def _field_rules(field: FieldRule, earliest: date, max_future_hours: int) -> Iterator[Rule]:
    broken = [*_presence(field), *_text_limits(field), *_type_limits(field)]
    if field.bounded:
        parsed = f"{field.name}_parsed"
        last = f"arrival_date + interval {24 + max_future_hours} hour"
        broken += [
            (f"{parsed} < timestamp '{earliest.isoformat()}'", f"is before {earliest.isoformat()}"),
            (
                f"{parsed} > {last}",
                f"is more than {max_future_hours} hours after the end of the arrival date",
            ),
        ]
    for condition, says in broken:
        yield Rule(condition, _text(f"{field.name}: {says}"))


def _presence(field: FieldRule) -> Iterator[tuple[str, str]]:
    if field.required:
        also = f" and {field.name}_parsed is null" if field.type == "time" else ""
        yield f"{field.name} is null{also}", "is missing"


def _text_limits(field: FieldRule) -> Iterator[tuple[str, str]]:
    name = field.name
    if field.max_length is not None:
        # Bytes first: strlen costs nothing, length counts characters.
        too_long, unit = f"strlen({name}) > {field.max_length}", "bytes"
        if field.type == "text":
            too_long, unit = f"{too_long} and length({name}) > {field.max_length}", "characters"
        yield too_long, f"is longer than {field.max_length} {unit}"
    if field.control_characters == "refused":
        yield rf"regexp_matches({name}, '[\x00-\x1f\x7f]')", "holds control characters"
    if field.emails == "refused":
        yield contains_email_sql(name), "holds an e-mail address"
    if field.pattern is not None:
        says = field.pattern_says or f"does not match {field.pattern}"
        yield f"not regexp_full_match({name}, {_text(field.pattern)})", says


def _type_limits(field: FieldRule) -> Iterator[tuple[str, str]]:
    name = field.name
    if field.type == "amount":
        yield f"{name} is not null and _{name} is null", f"is no number that fits {AMOUNT_TYPE}"
    elif field.type == "boolean":
        yield f"{name} is not null and _{name} is null", "is neither true nor false"
    elif field.type == "json":
        short = f"strlen({name}) <= {field.max_length}"
        yield f"{short} and try_cast({name} as json) is null", "is not valid JSON"
    elif field.type == "json_object":
        yield f"not _{name}_valid", "is not a valid JSON object"
    elif field.type == "time":
        yield f"{name} is not null and {name}_parsed is null", "is no time that can be read"
        if not field.bounded:
            yield f"not isfinite({name}_parsed)", "is not finite"


def _requirements(registry: Registry) -> Iterator[Rule]:
    events_by_need: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for event in registry.events.values():
        for reference in event.requires:
            events_by_need[(reference,)].append(event.name)
        if event.requires_any:
            events_by_need[event.requires_any].append(event.name)
    for references, events in events_by_need.items():
        missing = " and ".join(f"{_value(reference)} is null" for reference in references)
        yield Rule(
            f"{_in_events('event_name', events)} and {missing}",
            f"{_text(' or '.join(references) + ': is required for ')} || event_name",
        )


def _signs(registry: Registry) -> Iterator[Rule]:
    events_by_reference: dict[str, list[str]] = defaultdict(list)
    for event in registry.events.values():
        for reference in event.not_negative:
            events_by_reference[reference].append(event.name)
    for reference, events in events_by_reference.items():
        scope, _, name = reference.rpartition(".")
        if scope == "products":
            negative = _any_line(f"{_number(f'line.{name}')} < 0")
        elif scope == "properties":
            negative = f"{_number(_value(reference))} < 0"
        else:
            negative = f"_{name} < 0"
        where = f"properties.{reference}" if scope == "products" else reference
        yield Rule(
            f"{_in_events('event_name', events)} and {negative}", _text(f"{where}: {NO_SALE}")
        )


def _property_rules(registry: Registry) -> Iterator[Rule]:
    for rule in registry.properties.values():
        events = [e.name for e in registry.events.values() if rule.name in e.properties]
        if events and rule.is_checked and rule.type != "lines":
            yield Rule(
                f"{_in_events('event_name', events)} and {_breaks(f'_p.{rule.name}', rule)}",
                _text(f"properties.{rule.name}: {_must_be(rule)}"),
            )


def _line_rules(registry: Registry) -> Iterator[Rule]:
    for rule in registry.properties.values():
        if rule.type != "lines":
            continue
        events = [e.name for e in registry.events.values() if rule.name in e.properties]
        if not events:
            continue
        in_events = _in_events("event_name", events)
        # json_transform makes null of what is no array; only then is a second look needed.
        yield Rule(
            f"{in_events} and _properties_valid and _p.{rule.name} is null "
            f"and contains(properties, '\"{rule.name}\"') "
            f"and json_type(properties, '$.{rule.name}') <> 'NULL'",
            _text(f"properties.{rule.name}: is not an array"),
        )
        # A line that is no object has no member of ours; only then is a second look needed.
        empty = "line is null or " + " and ".join(f"line.{m} is null" for m in registry.lines)
        yield Rule(
            f"{in_events} and {_any_line(empty, rule.name)} and len(list_filter("
            f"json_type(properties, '$.{rule.name}[*]'), lambda kind: kind <> 'OBJECT')) > 0",
            _text(f"properties.{rule.name}: holds something that is no object"),
        )
        for line_rule in registry.lines.values():
            if line_rule.is_checked:
                broken = _any_line(_breaks(f"line.{line_rule.name}", line_rule), rule.name)
                yield Rule(
                    f"{in_events} and {broken}",
                    _text(f"properties.{rule.name}.{line_rule.name}: {_must_be(line_rule)}"),
                )


def _events_with_checks(registry: Registry) -> list[str]:
    def is_checked(event_name: str) -> bool:
        event = registry.events[event_name]
        required = any(r.startswith(("properties.", "products.")) for r in event.requires)
        return required or any(registry.properties[p].is_checked for p in event.properties)

    return [name for name in registry.events if is_checked(name)]


def _structure(registry: Registry) -> str:
    """Write the shape for json_transform: every property that some rule looks at, parsed once."""
    looked_at = {p for e in registry.events.values() for p in e.properties}
    required = {
        r.removeprefix("properties.")
        for e in registry.events.values()
        for r in (*e.requires, *e.not_negative)
        if r.startswith("properties.")
    }
    members = []
    for rule in registry.properties.values():
        if rule.type == "lines":
            lines = ", ".join(f'"{name}": "VARCHAR"' for name in registry.lines)
            members.append(f'"{rule.name}": [{{{lines}}}]')
        elif rule.name in required or (rule.name in looked_at and rule.is_checked):
            members.append(f'"{rule.name}": "VARCHAR"')
    return "{" + ", ".join(members) + "}"


def _valid_object(name: str, field: FieldRule) -> str:
    # What is too long is said to be too long, and is not parsed.
    return f"""case
            when {name} is null or strlen({name}) > {field.max_length} then true
            when not starts_with(ltrim({name}, ' \t\r\n'), '{{') then false
            when regexp_matches({name}, {_text(_NOT_STANDARD_JSON)})
                and regexp_matches(
                    regexp_replace({name}, {_text(_STRING_IN_JSON)}, '""', 'g'),
                    {_text(_NOT_STANDARD_JSON)}
                ) then false
            else try_cast({name} as json) is not null
        end"""


def _value(reference: str) -> str:
    scope, _, name = reference.rpartition(".")
    return f"nullif(trim(_p.{name}), '')" if scope == "properties" else name


def _any_line(condition: str, name: str = "products") -> str:
    return f"len(list_filter(_p.{name}, lambda line: {condition})) > 0"


def _number(value: str) -> str:
    return f"try_cast(case when not contains({value}, '_') then {value} end as double)"


def _breaks(value: str, rule: PropertyRule) -> str:
    if rule.type == "boolean":
        return f"{value} is not null and try_cast({value} as boolean) is null"
    number = _number(value)
    tests = [f"isfinite({number})"]
    if rule.type == "integer":
        tests.append(f"{number} = floor({number})")
    if rule.min is not None:
        tests.append(f"{number} >= {rule.min}")
    if rule.above is not None:
        tests.append(f"{number} > {rule.above}")
    if rule.max is not None:
        tests.append(f"{number} <= {rule.max}")
    return f"{value} is not null and not coalesce({' and '.join(tests)}, false)"


def _must_be(rule: PropertyRule) -> str:
    if rule.type == "boolean":
        return "is neither true nor false"
    what = "whole number" if rule.type == "integer" else "finite number"
    bounds = []
    if rule.min is not None:
        bounds.append(f"at least {rule.min:g}")
    if rule.above is not None:
        bounds.append(f"above {rule.above:g}")
    if rule.max is not None:
        bounds.append(f"at most {rule.max:g}")
    return f"must be a {what}" + (", " + " and ".join(bounds) if bounds else "")


def _in_events(column: str, events: Iterable[str]) -> str:
    return f"{column} in ({', '.join(_text(event) for event in events)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
