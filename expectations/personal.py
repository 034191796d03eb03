"""Where personal data may be in an event, and what an e-mail address looks like.

Here: places and patterns, as values and SQL fragments. Not here: the treatment itself, which needs
the vault and belongs to ingest.
"""

from expectations.columns import LOG_COLUMNS
from expectations.registry import Registry

# Unanchored and in RE2's syntax. `@` may be percent-encoded (in the address of a page) or escaped
# (in JSON). The domain's first label is not `2x`: image names such as icon@2x.png are no addresses.
# Letters are ranges, not \p{L}: that class takes RE2 40 ms to compile, for each use and thread.
_AT = r"(?:@|%40|%2540|\\u0040|\x{FF20}|&#64;|&commat;)"
_AT_SIGNS = ("'@'", "'%40'", "'%2540'", r"'\u0040'", "chr(65312)", "'&#64;'", "'&commat;'")
_BEYOND_ASCII = r"\x{C0}-\x{1FFF}\x{2070}-\x{2FFF}\x{3040}-\x{FEFF}\x{10000}-\x{10FFFF}"
_LETTER = rf"A-Za-z{_BEYOND_ASCII}"
_ESCAPED = r"\\u[0-9a-fA-F]{4}"
_LABEL = rf"(?:[{_LETTER}0-9\-]|{_ESCAPED})"
_FIRST_LABEL = (
    rf"(?:(?:[{_LETTER}]|{_ESCAPED}){_LABEL}*"
    r"|[0-9]|[0-9][A-WYZa-wyz0-9\-][A-Za-z0-9\-]*|[0-9][Xx][A-Za-z0-9\-]+)"
)
EMAIL_PATTERN = (
    rf"(?:[{_LETTER}0-9._%+\-]|{_ESCAPED})+{_AT}{_FIRST_LABEL}"
    rf"(?:\.{_LABEL}+)*\.(?:[Xx][Nn]--[A-Za-z0-9\-]+|[{_LETTER}]{{2,}})"
)
# In JSON text, `\na@b.com` is a line break and an address: a run of escapes before it is kept.
_WITH_ESCAPES_BEFORE = r"((?:\\[^u])*)" + EMAIL_PATTERN
BLANKED_EMAIL = "[email]"
# What an encrypted value begins with.
ENCRYPTED_MARK = "enc1."


def contains_email_sql(expr: str) -> str:
    """Write a DuckDB condition: true where the text `expr` holds something like an e-mail address.

    Null where `expr` is null. Cheap where there is no at sign in any spelling.
    """
    return f"({_has_at_sign_sql(expr)} and regexp_matches({expr}, {_text(EMAIL_PATTERN)}))"


def column_holding_an_email_sql(columns: list[str]) -> str:
    """Write a DuckDB expression: the first of `columns` with an e-mail address in it, else null.

    Most rows have no at sign at all, which one test says faster than a chain of cases.
    """
    any_at_sign = " or ".join(_has_at_sign_sql(name) for name in columns)
    cases = " ".join(f"when {contains_email_sql(name)} then '{name}'" for name in columns)
    return f"case when {any_at_sign} then case {cases} end end"


def blank_emails_sql(expr: str) -> str:
    """Write a DuckDB expression: `expr` with everything like an e-mail address made `[email]`."""
    return (
        f"case when {contains_email_sql(expr)} "
        f"then regexp_replace({expr}, {_text(_WITH_ESCAPES_BEFORE)}, '\\1{BLANKED_EMAIL}', 'g') "
        f"else {expr} end"
    )


def blanked_columns(registry: Registry) -> list[str]:
    """Name the log's columns in which ingest blanks e-mail addresses.

    Text that is data, not a key: blanking a key would make one of many. Where a key holds an
    address the split refuses the row; identifiers of persons become pseudonyms.
    """
    return [
        field.name
        for field in registry.fields.values()
        if field.emails == "blanked" and field.name in LOG_COLUMNS
    ]


def email_checked_columns(registry: Registry) -> list[str]:
    """Name the log's columns that must hold nothing like an e-mail address."""
    return [
        field.name
        for field in registry.fields.values()
        if field.emails in {"blanked", "refused"} and field.name in LOG_COLUMNS
    ]


def personal_properties(registry: Registry) -> list[tuple[str, str, str | None]]:
    """Places in `properties` to treat on every event.

    Returns:
        (JSON path such as `$.traits.email`, treatment, identifier kind or null); the kind is one
        of IDENTIFIER_KINDS and set exactly where the treatment is `pseudonymise`.

    """
    return [(p.path, p.treatment, p.kind) for p in registry.personal if not p.events]


def personal_event_properties(
    registry: Registry,
) -> dict[str, list[tuple[str, str, str | None]]]:
    """Places to treat beyond `personal_properties`, by event name.

    `$.name` is a product's name on product_viewed and a person's on profile_updated.
    """
    found: dict[str, list[tuple[str, str, str | None]]] = {}
    for personal in registry.personal:
        for event in sorted(personal.events):
            found.setdefault(event, []).append((personal.path, personal.treatment, personal.kind))
    return found


def may_hold_personal_data_sql(
    registry: Registry, expr: str, *, event_name: str = "event_name"
) -> str:
    """Write a DuckDB condition: false only where JSON text `expr` has no key that needs treatment.

    One pass over the text, without parsing; true does not mean that there is anything to treat.

    Args:
        registry: the contract.
        expr: the text of `properties`.
        event_name: the expression of the event's name; some keys are personal on some events.
    """
    top: set[str] = set()
    traits: set[str] = set()
    for path, _, _ in personal_properties(registry):
        (top if _place(path) == "$" else traits).add(_key(path))
    conditions = [
        _has_key_sql(expr, top),
        f"(contains({expr}, '\"traits\"') and {_has_key_sql(expr, traits - top)})",
        # A key may be written with escapes: such text is never waved through.
        rf"contains({expr}, '\u00')",
    ]
    for event, entries in personal_event_properties(registry).items():
        keys = {_key(path) for path, _, _ in entries}
        conditions.append(f"({event_name} = '{event}' and {_has_key_sql(expr, keys)})")
    return f"({' or '.join(conditions)})"


def personal_key_left_sql(registry: Registry, expr: str, *, event_name: str = "event_name") -> str:
    """Write a DuckDB expression: the path of a key in `expr` that is left in clear, else null.

    That is a key to drop, or one to encrypt whose value is not encrypted.

    `expr` must be the text of a JSON object.
    """
    tests = [*_left_tests(expr, personal_properties(registry), None)]
    for event, entries in personal_event_properties(registry).items():
        tests += _left_tests(expr, entries, f"{event_name} = '{event}'")
    cases = " ".join(tests)
    return f"case when {may_hold_personal_data_sql(registry, expr)} then case {cases} end end"


def _left_tests(
    expr: str, entries: list[tuple[str, str, str | None]], condition: str | None
) -> list[str]:
    dropped: dict[str, list[str]] = {}
    encrypted: dict[str, list[str]] = {}
    for path, treatment, _ in entries:
        by_place = {"drop": dropped, "encrypt": encrypted}.get(treatment)
        if by_place is not None:
            by_place.setdefault(_place(path), []).append(_key(path))
    when = f"{condition} and " if condition else ""
    tests = []
    for place, keys in dropped.items():
        listed = ", ".join(_text(key) for key in keys)
        found = f"list_intersect(json_keys({expr}, '{place}'), [{listed}])"
        tests.append(f"when {when}len({found}) > 0 then '{place}.' || {found}[1]")
    for place, keys in encrypted.items():
        for key in keys:
            value = f"json_extract_string({expr}, '{place}.{key}')"
            tests.append(
                f"when {when}not starts_with({value}, '{ENCRYPTED_MARK}') then '{place}.{key}'"
            )
    return tests


def _has_at_sign_sql(expr: str) -> str:
    tests = " or ".join(f"contains({expr}, {sign})" for sign in _AT_SIGNS)
    return f"({tests})"


def _has_key_sql(expr: str, keys: set[str]) -> str:
    pattern = '"(?:' + "|".join(sorted(keys)) + r')"\s*:'
    return f"regexp_matches({expr}, {_text(pattern)})"


def _place(path: str) -> str:
    return path.rpartition(".")[0]


def _key(path: str) -> str:
    return path.rpartition(".")[2]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
