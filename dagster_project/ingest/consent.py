"""Which rows lack the consent that their source asks for.

Here: reading a row's `consent`, as SQL. Not here: the settings (`config_consent`), and what becomes
of such rows (`withholding`).

The field is JSON: an object of category to answer (`{"analytics": true}`, `{"ad_storage":
"denied"}`), an array of the categories agreed to, or one answer for all of them.
"""

from collections.abc import Mapping
from typing import Final

from dagster_project.ingest.config_consent import ConsentSettings

GRANTED: Final = ("true", "1", "yes", "granted", "accepted", "allowed", "opt_in")
FOR_ALL: Final = (*GRANTED, "all")
REASON: Final = "no_consent: "


def missing_consent_sql(sources: Mapping[str, ConsentSettings]) -> str | None:
    """Write a DuckDB expression over the rows of a split: the reason to withhold one, else null.

    Args:
        sources: the settings, by source.

    Returns:
        The first category in the order of the settings that a row has no consent for, as
        `no_consent: <category>`; None where no source asks for any.
    """
    asking = {name: consent for name, consent in sources.items() if consent.required}
    if not asking:
        return None
    cases = []
    for name, consent in asking.items():
        tests = " ".join(
            f"when not coalesce({_is_granted(category)}, false) then {_text(REASON + category)}"
            for category in consent.required
        )
        exempt = ", ".join(_text(event) for event in consent.exempt_events) or "''"
        cases.append(
            f"when source = {_text(name)} and coalesce(event_name, '') not in ({exempt}) "
            f"then case {tests} end"
        )
    return f"case {' '.join(cases)} end"


def _is_granted(category: str) -> str:
    consent = "case when json_valid(consent) then consent end"
    at = _text(f'$."{category}"')
    return f"""case json_type({consent})
        when 'OBJECT' then lower(json_extract_string({consent}, {at})) in ({_texts(GRANTED)})
        when 'ARRAY' then list_contains(json_extract_string({consent}, '$[*]'), {_text(category)})
        else lower(json_extract_string({consent}, '$')) in ({_texts(FOR_ALL)})
            or json_extract_string({consent}, '$') = {_text(category)}
    end"""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: tuple[str, ...]) -> str:
    return ", ".join(_text(value) for value in values)
