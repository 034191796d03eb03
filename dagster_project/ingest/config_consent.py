"""The block `consent:` of a source: what a row that states none has, and what every row needs.

Only the setting belongs here; what it does to a row is `consent.py`.
"""

import json
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from dagster_project.ingest.config_types import Name, Strict


def _as_json(text: str) -> str:
    # The contract asks for JSON: `consent: granted` means the text "granted".
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text)
    return text


_Category = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .-]{0,62}$")]


class ConsentSettings(Strict):
    """What a source's rows may be used for.

    Attributes:
        default: the consent of a row that states none: JSON, or a word.
        required: categories that a row must have consent for; others are withheld, by reason.
        exempt_events: rows that need none, since they are the answer itself or are kept on another
            ground, such as orders.
    """

    default: Annotated[str, AfterValidator(_as_json)] | None = None
    required: list[_Category] = Field(default=[], max_length=20)
    exempt_events: list[Name] = Field(default=["consent_updated"], max_length=200)


def _shorthand(value: object) -> object:
    return {"default": value} if isinstance(value, str) else value


Consent = Annotated[ConsentSettings, BeforeValidator(_shorthand)]
