"""Types of values in `footfall.yml` that several of its blocks share.

What a setting means belongs to its block; only its form, and saying what is wrong, are here.
"""

import re
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

_NAME: Final = r"^[a-z][a-z0-9_]{0,62}$"
_ORIGIN: Final = r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$"
_PERIODS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MAX_SECONDS: Final = 366 * 86_400


def problem(text: str, key: str = "") -> PydanticCustomError:
    """The error of a value that is wrong.

    Args:
        text: what is wrong, and what would be right.
        key: where below the value it stands, its parts joined by dots.
    """
    return PydanticCustomError("footfall", "{problem}", {"problem": text, "key": key})


def _in_seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,6})\s*(second|minute|hour|day|week)s?", value.strip())
    if not match:
        raise problem(f"{value!r} is no length of time such as '30 minutes' or '7 days'")
    return int(match[1]) * _PERIODS[match[2]]


Name = Annotated[str, Field(pattern=_NAME)]
# Where a site is, without a path: `https://shop.example`.
Origin = Annotated[str, Field(pattern=_ORIGIN)]
# A length of time: text such as `7 days`, or seconds; from a second to a year.
Seconds = Annotated[int, BeforeValidator(_in_seconds), Field(ge=1, le=_MAX_SECONDS)]


class Strict(BaseModel):
    """A block: unknown keys and values of another type are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
