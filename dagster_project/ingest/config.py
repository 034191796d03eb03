"""`footfall.yml`: its models, and errors that name the line and the key.

What a setting is called, its type, default and bounds belong here. The file's syntax is
`config_lines.py`, the file that `footfall init` writes is `config_default.py`, and what a mapping
does to a row is `mapping.py`.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from dagster_project.ingest.config_bots import BotSettings
from dagster_project.ingest.config_carts import CartSettings
from dagster_project.ingest.config_consent import Consent, ConsentSettings
from dagster_project.ingest.config_default import default_settings_text
from dagster_project.ingest.config_experiments import Experiments
from dagster_project.ingest.config_funnels import FunnelSettings, FunnelStep
from dagster_project.ingest.config_lines import KeyPath, LinedDocument, parse_yaml, read_yaml
from dagster_project.ingest.config_mapping import (
    MAPPED_FIELDS,
    TIME_FIELDS,
    FieldMapping,
    Mapped,
    Zone,
    check_fields,
    split_properties,
)
from dagster_project.ingest.config_triggers import TriggerSettings
from dagster_project.ingest.config_types import Name, Origin, Strict, problem

__all__ = [
    "MAPPED_FIELDS", "TIME_FIELDS", "CustomEvent", "FieldMapping", "FunnelSettings", "FunnelStep",
    "GeneralSettings", "ReadLimits", "Settings", "SourceSettings", "TriggerSettings",
    "default_settings_text", "load_settings", "parse_settings",
]  # fmt: skip

# DEFINITIONS 26; white space and the empty text are none either, always.
JUNK_IDENTIFIERS = (
    "null", "none", "nan", "undefined", "0", "-1", "test", "anonymous", "unknown",
)  # fmt: skip

Format = Literal[
    "canonical", "segment", "posthog", "ga4", "snowplow", "access_log", "auth_log", "csv", "tsv",
    "jsonl", "parquet",
]  # fmt: skip
# Formats that say themselves which value is which field; the others need a mapping.
# Lines of plain text: nothing in them says a session, and two may rightly be equal.
TEXT_FORMATS = ("access_log", "auth_log")
BUILT_IN_FORMATS = ("canonical", "segment", "posthog", "ga4", "snowplow", *TEXT_FORMATS)


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
IdSpace = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class ReadLimits(Strict):
    """What a reader takes before it refuses a row or a file.

    Attributes:
        max_line_bytes: longest row.
        max_file_bytes: largest file, decompressed.
        max_json_depth: deepest nesting of a JSON row.
        max_columns: widest table.
    """

    max_line_bytes: int = Field(default=10 * 1024**2, ge=1024, le=1024**3)
    max_file_bytes: int = Field(default=8 * 1024**3, ge=1)
    max_json_depth: int = Field(default=64, ge=1, le=500)
    max_columns: int = Field(default=2000, ge=1, le=100_000)


class GeneralSettings(ReadLimits, CartSettings):
    """The block `settings:`; times in the unit that the name ends in, shares from 0 to 1."""

    start: date | None = None
    reporting_timezone: Zone = "UTC"
    reporting_currency: Currency = "EUR"
    rates: str | None = Field(default=None, min_length=1, max_length=4096)
    quarantine_share: float = Field(default=0.05, ge=0, le=1)
    grace_hours: int = Field(default=2, ge=0, le=240)
    schedule_hour: int = Field(default=3, ge=0, le=23)
    lock_wait_s: int = Field(default=600, ge=0, le=86_400)
    quarantine_days: int = Field(default=90, ge=1, le=3650)
    landing_days: int | None = Field(default=None, ge=1, le=3650)
    max_future_hours: int = Field(default=24, ge=0, le=8760)
    earliest_event_date: date = date(2000, 1, 1)
    junk_identifiers: list[str] = Field(default=list(JUNK_IDENTIFIERS))
    training_window_days: int = Field(default=180, ge=1, le=3650)
    holidays: list[date] = Field(default=[], max_length=10_000)
    exclude_bought: bool = True
    max_category_share: float = Field(default=0.5, gt=0, le=1)
    clv_days: int = Field(default=365, ge=1, le=3650)
    clv_discount_rate: float = Field(default=0.0, ge=0, le=10)
    churn_days: int = Field(default=90, ge=1, le=3650)

    @property
    def limits(self) -> ReadLimits:
        """The reader's share of these settings."""
        return self


class SourceSettings(Strict):
    """One feed: its format, its mapping, and what its rows mean.

    Attributes:
        properties: columns that stay under their names; `*` is every one not named elsewhere.
        named_properties: properties under names of their own; in the file both stand in
            `mapping.properties`.
        id_space: the space of anonymous and device ids; the source's name unless set.
        user_id_space: the space of user ids; `users` unless set.
        currency: of a row that states none. consent: see `config_consent`.
        sessions: `source` keeps the sessions of the source's tracker, by `source_session_id`.
        timezone: of naive times, unless the mapping of the field names one.
        identical_rows: `keep` for logs of plain text unless set, since two requests of one second
            may be equal in every character.
        visitors: who an access log's visitor is: nobody, or an address with a user agent.
        site: where an access log's paths are, so that its own pages are no referrers of others.
    """

    format: Format
    mapping: dict[str, Mapped] | None = None
    properties: list[str] | None = None
    named_properties: dict[str, Mapped] = Field(default_factory=dict)
    identical_rows: Literal["one", "keep"] = "one"
    order_grain: Literal["order", "line"] = "order"
    sessions: Literal["gap", "source"] = "gap"
    currency: Currency | None = None
    id_space: IdSpace | None = None
    user_id_space: IdSpace = "users"
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    consent: Consent = Field(default_factory=ConsentSettings)
    timezone: Zone = "UTC"
    visitors: Literal["none", "address_and_agent"] = "none"
    site: Origin | None = None

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Columns that the mapping names, sorted; a table without one of them is refused."""
        mapped = [*(self.mapping or {}).values(), *self.named_properties.values()]
        named = {column for field in mapped for column in field.columns}
        named.update(name for name in self.properties or () if name != "*")
        return tuple(sorted(named))

    @property
    def has_header(self) -> bool:
        """Whether a text file's first row names its columns; else every line is a row."""
        return self.format in ("csv", "tsv")

    @property
    def separator(self) -> str:
        """The character between the fields of a csv or tsv file."""
        return self.delimiter or ("\t" if self.format == "tsv" else ",")

    @property
    def _says_sessions(self) -> bool:
        if self.mapping is not None:
            return "source_session_id" in self.mapping
        return self.format not in TEXT_FORMATS

    @model_validator(mode="before")
    @classmethod
    def _take_properties(cls, data: Any) -> Any:
        # In the file, `properties` stands inside the mapping beside the fields.
        if isinstance(data, dict):
            if "properties" in data or "named_properties" in data:
                raise problem("stands inside mapping", "properties")
            mapping = data.get("mapping")
            if isinstance(mapping, dict) and "properties" in mapping:
                rest = {key: value for key, value in mapping.items() if key != "properties"}
                columns, named = split_properties(mapping["properties"])
                return {**data, "mapping": rest, "properties": columns, "named_properties": named}
            if data.get("format") in TEXT_FORMATS:
                return {"identical_rows": "keep", **data}
        return data

    @model_validator(mode="after")
    def _is_consistent(self) -> "SourceSettings":
        if self.sessions == "source" and not self._says_sessions:
            raise problem(
                "'source' needs rows that say their session: map source_session_id", "sessions"
            )
        if self.delimiter is not None and (
            self.format not in ("csv", "tsv") or self.delimiter in '"\r\n\x00'
        ):
            raise problem(
                "is one character of a csv or tsv file, no quote or line end", "delimiter"
            )
        if self.encoding != "utf-8" and self.format == "parquet":
            raise problem("parquet holds its own encoding; leave it out", "encoding")
        for key, is_set in (("visitors", self.visitors != "none"), ("site", self.site is not None)):
            if is_set and self.format != "access_log":
                raise problem("is for the format access_log alone", key)
        if self.format in BUILT_IN_FORMATS:
            if self.mapping is not None or self.properties is not None:
                raise problem(
                    f"the {self.format} format has none; use one such as jsonl", "mapping"
                )
            return self
        if self.mapping is None:
            raise problem(f"is missing; a {self.format} source needs one", "mapping")
        check_fields(self.mapping, self.named_properties)
        return self


class CustomEvent(Strict):
    """An event type of one's own: does it make a session, and which role has it in the marts."""

    sessionable: bool
    role: Name | None = None


class Settings(Strict):
    """The whole of `footfall.yml`; `settings` is its block of that name."""

    sources: dict[Name, SourceSettings] = Field(default_factory=dict)
    settings: GeneralSettings = Field(default_factory=lambda: GeneralSettings())
    bots: BotSettings = Field(default_factory=BotSettings)
    events: dict[Name, CustomEvent] = Field(default_factory=dict)
    funnels: dict[Name, FunnelSettings] = Field(default_factory=dict)
    experiments: Experiments = Field(default_factory=dict)
    triggers: dict[Name, TriggerSettings] = Field(default_factory=dict)


def load_settings(path: Path) -> Settings:
    """Read and check `footfall.yml`.

    Args:
        path: the file.

    Returns:
        The settings, with defaults filled in.

    Raises:
        ConfigError: one line, `file:line: key.path: what is wrong`; the first fault in the file.
    """
    return _validate(read_yaml(path))


def parse_settings(text: str, name: str = "footfall.yml") -> Settings:
    """The same for text that is not in a file."""
    return _validate(parse_yaml(text.encode("utf-8", errors="surrogatepass"), name))


def _validate(document: LinedDocument) -> Settings:
    value = document.value
    if not isinstance(value, dict):
        raise document.error((), "the file must be a mapping with the key sources")
    # A block that is there but empty is a block left out.
    blocks = {key: part for key, part in value.items() if part is not None}
    try:
        return Settings.model_validate(blocks)
    except ValidationError as error:
        faults = [(_path(fault), fault) for fault in error.errors(include_url=False)]
    path, fault = min(faults, key=lambda item: (document.line_of(item[0]), item[0] == ()))
    raise document.error(path, _message(fault))


# Parts of a path that have another place in the file.
_PLACES: dict[int | str, KeyPath] = {
    "[key]": (), "named_properties": ("mapping", "properties"),
}  # fmt: skip


def _path(fault: ErrorDetails) -> KeyPath:
    path: KeyPath = ()
    for part in fault["loc"]:
        path += _PLACES.get(part, (part,))
    key = fault.get("ctx", {}).get("key", "")
    return (*path, *key.split(".")) if key else path


def _message(fault: ErrorDetails) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    shown = repr(fault["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if kind == "footfall":
        return str(context["problem"])
    if kind == "extra_forbidden":
        return "no such key; look at its spelling and place"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        return f"{shown} is not one of {str(context['expected']).replace(' or ', ', ')}".replace(
            "'", "").replace(shown.replace("'", ""), shown, 1)  # fmt: skip
    if kind == "string_pattern_mismatch":
        return f"{shown} does not have the form {context['pattern']}"
    if kind == "string_type" and isinstance(fault["input"], int | float | date):
        return f"{shown} is not text; put it in quotes"
    return f"{shown}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
