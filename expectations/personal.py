"""Where personal data may be in an event, and what an e-mail address looks like.

Here: places and patterns, as values and SQL fragments. Not here: the treatment itself, which needs
the vault and belongs to ingest.
"""

from expectations.registry import Registry

# Unanchored and in RE2's syntax. `@` may be percent-encoded (in an address of a page) or escaped
# (in JSON). The domain's first label is not `2x`: image names such as icon@2x.png are no addresses.
EMAIL_PATTERN = (
    r"(?i)[\p{L}\p{N}._%+\-]+"
    r"(?:@|%40|%2540|\\u0040|\x{FF20}|&#64;|&commat;)"
    r"(?:\p{L}[\p{L}\p{N}\-]*|[0-9]|[0-9][a-wyz0-9\-][a-z0-9\-]*|[0-9]x[a-z0-9\-]+)"
    r"(?:\.[\p{L}\p{N}\-]+)*"
    r"\.(?:\p{L}{2,}|xn--[a-z0-9\-]+)"
)
_SIGNS = r"@|%40|%2540|\\u0040|\x{FF20}|&#64;|&commat;"
BLANKED_EMAIL = "[email]"


def contains_email_sql(expr: str) -> str:
    """A DuckDB condition: true where the text `expr` holds something like an e-mail address.

    Null where `expr` is null. Cheap where there is no at sign in any spelling.
    """
    return (
        f"(regexp_matches({expr}, {_text(_SIGNS)}) "
        f"and regexp_matches({expr}, {_text(EMAIL_PATTERN)}))"
    )


def blank_emails_sql(expr: str) -> str:
    """A DuckDB expression: `expr` with everything like an e-mail address made `[email]`."""
    return (
        f"case when {contains_email_sql(expr)} "
        f"then regexp_replace({expr}, {_text(EMAIL_PATTERN)}, '{BLANKED_EMAIL}', 'g') "
        f"else {expr} end"
    )


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


def may_hold_personal_data_sql(registry: Registry, expr: str) -> str:
    """A DuckDB condition: false only where JSON text `expr` has no key that needs treatment.

    One pass over the text, without parsing; true does not mean that there is anything to treat.
    """
    names = sorted({p.path.rsplit(".", 1)[-1] for p in registry.personal})
    # A key may be written with escapes: such text is never waved through.
    keys = '"(?:' + "|".join(names) + r')"\s*:|\\u00'
    return f"regexp_matches({expr}, {_text(keys)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
