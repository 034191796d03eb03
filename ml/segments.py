"""Segments of persons: from which country they come, and on which kind of device.

Here: what is known of a person on a date, the chain of segments from everybody to the person's own,
and their words. Not here: what is popular in a segment (segment_popularity.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

VISITORS_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("event_date", pa.date32()),
        ("country", pa.string()),
        ("device_type", pa.string()),
    ]
)
# Kinds of devices that are known, as sources call them; whatever else one sends is no segment.
_DEVICES: Mapping[str, str] = MappingProxyType(
    {
        "desktop": "a computer",
        "mobile": "a phone",
        "phone": "a phone",
        "smartphone": "a phone",
        "tablet": "a tablet",
        "tv": "a television",
    }
)
_WITH_ARTICLE = frozenset(
    {"Bahamas", "Gambia", "Maldives", "Netherlands", "Philippines", "Seychelles"}
)


@dataclass(frozen=True, order=True)
class Segment:
    """Persons who are alike in what is known of them.

    Attributes:
        country: English name; empty for any.
        device: kind of device in words; empty for any.
    """

    country: str = ""
    device: str = ""

    def words(self) -> str:
        """Whom it holds, such as "visitors from Germany on a phone"."""
        of_country = f" from {_named(self.country)}" if self.country else ""
        return f"visitors{of_country}{f' on {self.device}' if self.device else ''}"

    def chain(self) -> tuple[Segment, ...]:
        """From everybody to itself, each within the one before: all, country, country and device.

        Without a country it is all, then those on the device, wherever they are.
        """
        broader = (Segment(self.country),) if self.country and self.device else ()
        return (EVERYBODY, *broader, self) if self != EVERYBODY else (EVERYBODY,)

    def holds(self, other: Segment) -> bool:
        """Whether all of another segment are in this one."""
        return self.country in ("", other.country) and self.device in ("", other.device)


EVERYBODY = Segment()


def segments_on(visitors: pa.Table, day: date, person_ids: Sequence[str]) -> list[Segment]:
    """Where each person was last known to be on a date, by the days that are given up to it.

    Args:
        visitors: VISITORS_SCHEMA, in any order; rows after the date are not looked at.
        day: the date.
        person_ids: (n,) whom it is asked of.

    Returns:
        (n,) segments; EVERYBODY of whom nothing is known.
    """
    table = visitors.filter(pc.less_equal(visitors["event_date"], pa.scalar(day)))
    countries, kinds = _last(table, "country"), _last(table, "device_type")
    return [
        Segment(countries.get(person, ""), _DEVICES.get(kinds.get(person, "").lower(), ""))
        for person in person_ids
    ]


def _last(table: pa.Table, column: str) -> dict[str, str]:
    """The last value of each person; of one date the first in the order of text."""
    known = table.filter(pc.is_valid(table[column]))
    ordered = known.sort_by(
        [("person_id", "ascending"), ("event_date", "ascending"), (column, "descending")]
    )
    # Later rows take the place of earlier ones.
    return dict(zip(ordered["person_id"].to_pylist(), ordered[column].to_pylist(), strict=True))


def _named(country: str) -> str:
    is_many = country.startswith("United ") or country in _WITH_ARTICLE
    return f"the {country}" if is_many else country
