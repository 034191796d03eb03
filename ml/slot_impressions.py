"""Impressions of recommendation slots, as arrays.

Here: which impressions can be used, what stood above each, and the slots that they fall into. Not
here: what a click or its revenue is (`dbt/models/ml_inputs/ml_impressions.sql`), and policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ORDER = ("list_id", "visitor_id", "slate_number", "position")
IMPRESSIONS_SCHEMA = pa.schema(
    [
        ("visitor_id", pa.string()),
        ("list_id", pa.string()),
        ("slate_number", pa.int64()),
        ("position", pa.int32()),
        ("event_date", pa.date32()),
        ("product_id", pa.string()),
        ("propensity", pa.float64()),
        ("logged_by", pa.string()),
        ("favourite_category", pa.string()),
        ("is_clicked", pa.bool_()),
        ("revenue", pa.float64()),
        ("impressions", pa.int64()),
        ("reward_days", pa.int32()),
    ]
)


@dataclass(frozen=True)
class SlotImpressions:
    """What was shown in one slot: a position of a list.

    Attributes:
        list_id: the list.
        position: the place in it, from 1.
        days: date of each, days since 1970, (n,).
        visitors: whole numbers from 0, alike in all slots, (n,).
        products: ids, as text, (n,).
        above: ids of what stood above, in order, (n, position − 1).
        categories: the device's favourite, "" where there is none, (n,).
        propensities: probability with which each was chosen, (n,).
        rewards: by name, (n,) each: click, 0 or 1, and revenue, reporting currency.
    """

    list_id: str
    position: int
    days: Ints
    visitors: Ints
    products: npt.NDArray[np.str_]
    above: npt.NDArray[np.str_]
    categories: npt.NDArray[np.str_]
    propensities: Floats
    rewards: dict[str, Floats]

    def where(self, chosen: npt.NDArray[Any]) -> SlotImpressions:
        """Some of them, by a mask or by places."""
        return SlotImpressions(
            self.list_id,
            self.position,
            self.days[chosen],
            self.visitors[chosen],
            self.products[chosen],
            self.above[chosen],
            self.categories[chosen],
            self.propensities[chosen],
            {name: values[chosen] for name, values in self.rewards.items()},
        )


@dataclass(frozen=True)
class LeftOut:
    """Impressions that nothing can be said from.

    Attributes:
        without_propensity: that state none, or have no id that a click could name.
        without_slate: below something that is not in the log, or deeper than is looked at.
    """

    without_propensity: int
    without_slate: int


def sorted_impressions(table: pa.Table) -> pa.Table:
    """The columns of IMPRESSIONS_SCHEMA, in an order that is one of the rows alone.

    Raises:
        ValueError: a column is missing, a known impression lacks a value or is there twice, or a
            propensity is outside (0, 1].
    """
    missing = [name for name in IMPRESSIONS_SCHEMA.names if name not in table.column_names]
    if missing:
        raise ValueError(f"impressions lack the columns {', '.join(missing)}")
    known = table.select(IMPRESSIONS_SCHEMA.names).cast(IMPRESSIONS_SCHEMA)
    known = known.sort_by([(name, "ascending") for name in _ORDER])
    stated = known.filter(pc.is_valid(known["propensity"]))
    for name in (*_ORDER, "event_date", "product_id", "is_clicked", "revenue"):
        if stated[name].null_count:
            raise ValueError(f"{stated[name].null_count} impressions have no {name}")
    if stated.num_rows and not (
        0 < pc.min(stated["propensity"]).as_py() <= pc.max(stated["propensity"]).as_py() <= 1
    ):
        raise ValueError("a propensity is above 0 and at most 1")
    in_slates = known.filter(pc.is_valid(known["visitor_id"]))
    keys = in_slates.group_by(list(_ORDER)).aggregate([([], "count_all")])
    if keys.num_rows < in_slates.num_rows:
        raise ValueError(f"{in_slates.num_rows - keys.num_rows} places of slates are there twice")
    return known


def slots_of(known: pa.Table, deepest: int) -> tuple[list[SlotImpressions], LeftOut]:
    """Split impressions into slots, by list and position.

    Args:
        known: of `sorted_impressions`.
        deepest: positions further down are left out.
    """
    rows = known.filter(pc.is_valid(known["visitor_id"]))
    uncounted = pc.sum(known.filter(pc.is_null(known["visitor_id"]))["impressions"]).as_py() or 0
    if rows.num_rows == 0:
        return [], LeftOut(int(uncounted), 0)
    text = {name: _text(rows[name]) for name in ("list_id", "product_id", "favourite_category")}
    visitors = np.unique(_text(rows["visitor_id"]), return_inverse=True)[1].astype(np.int64)
    lists, list_codes = np.unique(text["list_id"], return_inverse=True)
    slates, positions = (_whole(rows[name]) for name in ("slate_number", "position"))
    place = np.arange(rows.num_rows)
    opens = np.ones(rows.num_rows, bool)
    keys = np.stack([list_codes, visitors, slates])
    opens[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    # Of an item with all that stands above it the position is its place in what was logged.
    rank = place - np.maximum.accumulate(np.where(opens, place, 0))
    whole = (positions == rank + 1) & (positions <= deepest)
    has_propensity = ~_nulls(rows["propensity"])
    days = np.asarray(rows["event_date"].cast(pa.int32()).to_numpy(), np.int64)
    propensities = _reals(rows["propensity"])
    rewards = {
        "click": _reals(rows["is_clicked"].cast(pa.int8())),
        "revenue": _reals(rows["revenue"]),
    }
    found = []
    usable = whole & has_propensity
    for code, list_id in enumerate(lists):
        of_list = usable & (list_codes == code)
        for position in np.unique(positions[of_list]):
            at = np.flatnonzero(of_list & (positions == position))
            above = [text["product_id"][at - back] for back in range(int(position) - 1, 0, -1)]
            found.append(
                SlotImpressions(
                    list_id=str(list_id),
                    position=int(position),
                    days=days[at],
                    visitors=visitors[at],
                    products=text["product_id"][at],
                    above=np.stack(above, axis=1) if above else np.empty((at.size, 0), np.str_),
                    categories=text["favourite_category"][at],
                    propensities=propensities[at],
                    rewards={name: values[at] for name, values in rewards.items()},
                )
            )
    left_out = LeftOut(
        int(uncounted) + int((~has_propensity).sum()), int((has_propensity & ~whole).sum())
    )
    return found, left_out


def date_of(day: int) -> date:
    """The date of a number of days since 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(day))


def _text(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    return np.asarray(column.fill_null("").to_pylist(), dtype=np.str_)


def _whole(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _reals(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.fill_null(0).to_numpy(), dtype=np.float64)


def _nulls(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(), dtype=np.bool_)
