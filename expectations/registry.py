"""The event registry as typed, frozen values.

Here: reading `registry/*.yml`, and refusing what is inconsistent in it. Not here: what the rules
mean for a row (contract.py, split.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

REGISTRY_FOLDER = Path(__file__).parent / "registry"
SHARED_FILES = frozenset({"contract.yml", "properties.yml", "personal_data.yml"})

FIELD_TYPES = frozenset({"text", "time", "amount", "boolean", "json", "json_object"})
PROPERTY_TYPES = frozenset({"text", "number", "integer", "boolean", "lines"})
TREATMENTS = frozenset({"drop", "pseudonymise", "encrypt", "truncate", "keep"})
IDENTIFIER_KINDS = frozenset({"user", "anonymous", "device", "email", "crm"})
ROLES = frozenset(
    [
        "page_view",
        "ping",
        "list_view",
        "product_view",
        "product_click",
        "search",
        "wishlist_add",
        "cart_add",
        "cart_remove",
        "cart_view",
        "checkout",
        "order",
        "order_update",
        "refund",
        "impression",
        "click",
        "review",
        "content",
        "sign_up",
        "login",
        "login_failed",
        "logout",
        "password_change",
        "file_access",
        "file_denied",
        "experiment",
        "consent",
        "profile",
    ]
)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What holds for one of an event's own fields.

    `emails`: what happens where the text holds an e-mail address: `blanked` at ingest, `refused`
    by the split (a key cannot be blanked), or `not_checked` (pseudonyms, reduced, no text).
    """

    name: str
    type: str
    description: str
    required: bool = False
    bounded: bool = False
    max_length: int | None = None
    pattern: str | None = None
    pattern_says: str | None = None
    control_characters: str = "allowed"
    emails: str = "not_checked"


@dataclass(frozen=True, slots=True)
class PropertyRule:
    """Type and range of a property; `above` is an exclusive lower bound."""

    name: str
    type: str
    description: str
    min: float | None = None
    max: float | None = None
    above: float | None = None

    @property
    def is_checked(self) -> bool:
        """Whether a value can break this rule."""
        return self.type != "text"


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type: what it means downstream and what it asks of a row.

    `requires` and `not_negative` name fields, `properties.<name>` or `products.<name>`.
    """

    name: str
    family: str
    description: str
    is_sessionable: bool
    role: str | None = None
    requires: tuple[str, ...] = ()
    requires_any: tuple[str, ...] = ()
    not_negative: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonalProperty:
    """A place in `properties` that may hold personal data; `events` empty means every event."""

    path: str
    treatment: str
    kind: str | None
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole contract, read-only."""

    contract_version: int
    fields: Mapping[str, FieldRule]
    properties: Mapping[str, PropertyRule]
    lines: Mapping[str, PropertyRule]
    events: Mapping[str, EventType]
    personal: tuple[PersonalProperty, ...]
    families: Mapping[str, str]


def load_registry(extra_events: Mapping[str, Mapping[str, Any]] | None = None) -> Registry:
    """Read the registry; the shipped part is read once a process.

    Args:
        extra_events: event types of this installation, by name, each in the form of the files
            (`description`, `sessionable`, `role`, `requires`, …); their family is `custom`
            unless they name one. A shipped type cannot be redefined.

    Returns:
        The registry.

    Raises:
        ValueError: a definition is incomplete, unknown or defined twice; the text names it.

    """
    shipped = _shipped_registry()
    if not extra_events:
        return shipped
    events, families = dict(shipped.events), dict(shipped.families)
    for name, spec in extra_events.items():
        if name in events:
            raise ValueError(f"event {name}: is defined by footfall; choose another name")
        if not isinstance(spec, Mapping):
            raise ValueError(f"event {name}: must be a mapping with at least description")
        family = str(spec.get("family", "custom"))
        families.setdefault(family, "Event types of this installation.")
        own = {key: value for key, value in spec.items() if key != "family"}
        events[name] = _event_type(name, family, own, shipped)
    return Registry(
        contract_version=shipped.contract_version,
        fields=shipped.fields,
        properties=shipped.properties,
        lines=shipped.lines,
        events=MappingProxyType(events),
        personal=shipped.personal,
        families=MappingProxyType(families),
    )


@lru_cache(maxsize=1)
def _shipped_registry() -> Registry:
    contract = _read(REGISTRY_FOLDER / "contract.yml")
    shared = _read(REGISTRY_FOLDER / "properties.yml")
    bare = Registry(
        contract_version=int(contract["version"]),
        fields=MappingProxyType({n: _field_rule(n, s) for n, s in contract["fields"].items()}),
        properties=MappingProxyType(_property_rules(shared["properties"])),
        lines=MappingProxyType(_property_rules(shared["lines"])),
        events=MappingProxyType({}),
        personal=(),
        families=MappingProxyType({}),
    )
    events: dict[str, EventType] = {}
    families: dict[str, str] = {}
    for path in sorted(REGISTRY_FOLDER.glob("*.yml")):
        if path.name in SHARED_FILES:
            continue
        content = _read(path)
        families[content["family"]] = content["description"]
        for name, spec in content["events"].items():
            if name in events:
                raise ValueError(f"event {name}: defined twice, again in {path.name}")
            events[name] = _event_type(name, content["family"], spec, bare)
    personal = _personal_properties(_read(REGISTRY_FOLDER / "personal_data.yml"), events)
    return Registry(
        contract_version=bare.contract_version,
        fields=bare.fields,
        properties=bare.properties,
        lines=bare.lines,
        events=MappingProxyType(events),
        personal=personal,
        families=MappingProxyType(families),
    )


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: must be a mapping")
    return content


def _field_rule(name: str, spec: Mapping[str, Any]) -> FieldRule:
    rule: FieldRule = _build(FieldRule, f"field {name}", {"name": name, **spec})
    if rule.type not in FIELD_TYPES:
        raise ValueError(f"field {name}: unknown type {rule.type}")
    if rule.emails not in {"blanked", "refused", "not_checked"}:
        raise ValueError(f"field {name}: unknown treatment of e-mail addresses {rule.emails}")
    return rule


def _property_rules(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, PropertyRule]:
    rules: dict[str, PropertyRule] = {}
    for name, spec in specs.items():
        rules[name] = _build(PropertyRule, f"property {name}", {"name": name, **spec})
        if rules[name].type not in PROPERTY_TYPES:
            raise ValueError(f"property {name}: unknown type {rules[name].type}")
    return rules


def _event_type(name: str, family: str, spec: Mapping[str, Any], known: Registry) -> EventType:
    where = f"event {name}"
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"{where}: a name is lower-case letters, digits and _")
    given = {("is_sessionable" if key == "sessionable" else key): v for key, v in spec.items()}
    for key in ("requires", "requires_any", "not_negative", "properties"):
        given[key] = _names(given.get(key, ()), f"{where}: {key}")
    event: EventType = _build(
        EventType, where, {"name": name, "family": family, "is_sessionable": False, **given}
    )
    if not isinstance(event.is_sessionable, bool):
        raise ValueError(f"{where}: sessionable must be true or false")
    if event.role is not None and event.role not in ROLES:
        raise ValueError(f"{where}: unknown role {event.role}; one of {', '.join(sorted(ROLES))}")
    for field in event.requires_any:
        if field not in known.fields:
            raise ValueError(f"{where}: requires_any names the unknown field {field}")
    for reference in (*event.requires, *event.not_negative):
        _check_reference(where, reference, known)
    for prop in event.properties:
        if prop not in known.properties:
            raise ValueError(f"{where}: property {prop} is not in properties.yml")
    return event


def _check_reference(where: str, reference: str, known: Registry) -> None:
    scope, _, name = reference.rpartition(".")
    names: Mapping[str, object] | None = {
        "": known.fields,
        "properties": known.properties,
        "products": known.lines,
    }.get(scope)
    if names is None or name not in names:
        raise ValueError(f"{where}: {reference} is neither a field nor a known property")


def _names(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{where}: must be a list of names")
    return tuple(str(item) for item in value)


def _build(kind: Any, where: str, values: Mapping[str, Any]) -> Any:
    try:
        return kind(**values)
    except TypeError as error:
        wrong = str(error).split("() ", 1)[-1].split(" keyword argument ")[-1]
        raise ValueError(f"{where}: {wrong}") from None


def _personal_properties(
    content: Mapping[str, Any], events: Mapping[str, EventType]
) -> tuple[PersonalProperty, ...]:
    places: list[str] = content["places"]
    found: dict[str, PersonalProperty] = {}
    entries = [(entry, places) for entry in content["personal"]]
    entries += [(entry, places[1:]) for entry in content["personal_traits"]]
    for entry, where in entries:
        treatment, kind = entry["treatment"], entry.get("kind")
        limited = frozenset(entry.get("events", ()))
        if treatment not in TREATMENTS:
            raise ValueError(f"personal data: unknown treatment {treatment}")
        if (treatment == "pseudonymise") != (kind in IDENTIFIER_KINDS):
            raise ValueError(f"personal data: {treatment} with kind {kind}")
        if unknown := limited - set(events):
            raise ValueError(f"personal data: unknown events {', '.join(sorted(unknown))}")
        for name in entry["names"]:
            for spelling in dict.fromkeys((name, _camel_case(name))):
                for place in where:
                    path = f"{place}.{spelling}"
                    if path in found and not found[path].events:
                        raise ValueError(f"personal data: {path} is named twice")
                    found[path] = PersonalProperty(path, treatment, kind, limited)
    return tuple(found.values())


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
