"""The block `funnels:` of `footfall.yml`: which steps, in which order, within which time.

Only the settings belong here; what they come to is `dbt/models/core/fct_funnel_entries.sql`.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from dagster_project.ingest.config_types import Name, Seconds, Strict, problem

_HELD: Final = ("product_id", "category", "brand", "impression_id")
_HELD_PROPERTY: Final = r"properties\.[A-Za-z_][A-Za-z0-9_]{0,62}"


class FunnelStep(Strict):
    """One step: the event that reaches it, and the name that it is shown by."""

    event: Name
    name: str = Field(min_length=1, max_length=100)


def _step_shorthand(value: object) -> object:
    if isinstance(value, str):
        return {"event": value, "name": value}
    if isinstance(value, dict) and "name" not in value and "event" in value:
        return {**value, "name": value["event"]}
    return value


def _is_holdable(value: object) -> object:
    if isinstance(value, str) and (value in _HELD or re.fullmatch(_HELD_PROPERTY, value)):
        return value
    raise problem(
        f"{value!r} is not one of {', '.join(_HELD)}, nor properties.KEY, a key of an event's "
        "properties (letters, digits and _, at most 63)"
    )


def _one_or_several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class FunnelSettings(Strict):
    """A funnel.

    Attributes:
        mode: steps in order, in order with nothing between (strict), or in any order.
        unit: who walks it.
        window: from step 1, inclusive; text such as `7 days`, or seconds.
        hold: what must be at every step as it was at step 1; null for nothing.
        exclude: events that end an attempt; with `hold`, those of the same value alone.
        steps: two to twelve.
    """

    mode: Literal["ordered", "strict", "any"] = "ordered"
    unit: Literal["person", "visitor", "session"] = "person"
    window: Seconds = 7 * 86_400
    hold: Annotated[str, BeforeValidator(_is_holdable)] | None = None
    exclude: Annotated[list[Name], BeforeValidator(_one_or_several), Field(max_length=12)] = Field(
        default_factory=list
    )
    steps: list[Annotated[FunnelStep, BeforeValidator(_step_shorthand)]] = Field(
        min_length=2, max_length=12
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> "FunnelSettings":
        for name in self.exclude:
            if any(step.event == name for step in self.steps):
                raise problem(
                    f"{name!r} is a step; an event cannot both lead on and end", "exclude"
                )
        return self

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return self.window

    def rows(self, funnel: str) -> list[dict[str, Any]]:
        """The funnel as rows of the table that dbt reads, one a step.

        Args:
            funnel: its name.
        """
        return [
            {
                "funnel": funnel,
                "mode": self.mode,
                "unit": self.unit,
                "window_s": self.window_s,
                "step": number,
                "step_name": step.name,
                "event_name": step.event,
                "hold": self.hold,
                "excluded": sorted(set(self.exclude)),
            }
            for number, step in enumerate(self.steps, start=1)
        ]
