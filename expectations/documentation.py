"""The contract as a page for people: `docs/events.md`.

Here: the registry as Markdown. `python -m expectations.documentation > docs/events.md` writes it
anew; a test says when it is behind.
"""

import sys

from expectations.registry import (
    EventType,
    FieldRule,
    PersonalProperty,
    PropertyRule,
    Registry,
    load_registry,
)

_FIELD_TYPES = {
    "text": "text",
    "time": "time",
    "amount": "number, DECIMAL(18,4)",
    "boolean": "true or false",
    "json": "JSON",
    "json_object": "JSON object",
}


def documentation(registry: Registry) -> str:
    """Write the contract as Markdown: fields, event types by family, properties, personal data."""
    parts = [
        "# Events",
        f"Contract version {registry.contract_version}. This page is made from "
        "`expectations/registry/`; change it there.",
        "A row that breaks a rule goes to quarantine with all its reasons; nothing of it is "
        "corrected silently. An event name or a property that is not on this page is kept as it "
        "is, and reported.",
        "## Fields of every event",
        _fields(registry),
        "## Event types",
    ]
    for family, about in registry.families.items():
        events = [event for event in registry.events.values() if event.family == family]
        parts += [f"### {family}", about, _events(events)]
    parts += [
        "## Properties",
        "In the JSON object `properties`. Numbers may be given as text.",
        _properties(registry),
        "### Lines of `products`",
        "Each line may also have `product_id`, `category`, `brand` and `name`.",
        _table(
            ("member", "type", "meaning"),
            [
                (f"`{rule.name}`", _range(rule), rule.description)
                for rule in registry.lines.values()
            ],
        ),
        "## Personal data in properties",
        "Treated before anything is stored, under either spelling (`first_name`, `firstName`). "
        "Anything else that looks like an e-mail address is blanked in texts, and refused in keys.",
        _personal(registry),
    ]
    return "\n\n".join(parts) + "\n"


def _fields(registry: Registry) -> str:
    return _table(
        ("field", "type", "rules", "meaning"),
        [
            (f"`{rule.name}`", _FIELD_TYPES[rule.type], _field_rules(rule), rule.description)
            for rule in registry.fields.values()
        ],
    )


def _field_rules(rule: FieldRule) -> str:
    rules = []
    if rule.required:
        rules.append("required")
    if rule.bounded:
        rules.append("within the bounds of the settings")
    if rule.max_length is not None:
        rules.append(f"at most {rule.max_length:,} {'characters' if rule.type == 'text' else 'B'}")
    if rule.pattern is not None:
        rules.append(f"`{rule.pattern}`")
    if rule.control_characters == "refused":
        rules.append("no control characters")
    if rule.emails == "refused":
        rules.append("no e-mail address")
    return "; ".join(rules)


def _events(events: list[EventType]) -> str:
    return _table(
        ("event", "makes a session", "role", "requires", "properties", "meaning"),
        [
            (
                f"`{event.name}`",
                "yes" if event.is_sessionable else "no",
                event.role or "",
                _requirements(event),
                ", ".join(f"`{name}`" for name in event.properties),
                event.description,
            )
            for event in events
        ],
    )


def _requirements(event: EventType) -> str:
    rules = [f"`{name}`" for name in event.requires]
    if event.requires_any:
        rules.append(" or ".join(f"`{name}`" for name in event.requires_any))
    if event.not_negative:
        rules.append("not negative: " + ", ".join(f"`{name}`" for name in event.not_negative))
    return "; ".join(rules)


def _properties(registry: Registry) -> str:
    return _table(
        ("property", "type", "meaning"),
        [
            (f"`{rule.name}`", _range(rule), rule.description)
            for rule in registry.properties.values()
        ],
    )


def _range(rule: PropertyRule) -> str:
    bounds = []
    if rule.min is not None:
        bounds.append(f"≥ {rule.min:g}")
    if rule.above is not None:
        bounds.append(f"> {rule.above:g}")
    if rule.max is not None:
        bounds.append(f"≤ {rule.max:g}")
    return ", ".join(["array of objects" if rule.type == "lines" else rule.type, *bounds])


def _personal(registry: Registry) -> str:
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for entry in registry.personal:
        place, _, name = entry.path.rpartition(".")
        if name.lower() == name:
            rows.setdefault((name, entry.treatment, entry.kind or "", _where(entry)), []).append(
                "`properties`" if place == "$" else f"`{place.removeprefix('$.')}`"
            )
    return _table(
        ("property", "treatment", "kind", "on", "at"),
        [
            (f"`{name}`", treatment, kind, where, ", ".join(places))
            for (name, treatment, kind, where), places in rows.items()
        ],
    )


def _where(entry: PersonalProperty) -> str:
    return ", ".join(f"`{name}`" for name in sorted(entry.events)) or "every event"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


if __name__ == "__main__":
    sys.stdout.write(documentation(load_registry()))
