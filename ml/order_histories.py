"""Who ordered on which dates, and what that was worth: the histories that lifetime value is of.

Here: reading the rows, histories as of a date, what people did in the days after it. Not here: what
is made of them (lifetime_value.py).

One purchase a person and date: two orders of one date are one occasion, worth both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ORDER_DATES_SCHEMA = pa.schema(
    [("person_id", pa.string()), ("order_date", pa.date32()), ("value", pa.float64())]
)
_EPOCH = date(1970, 1, 1)
_WEEK = 7.0


@dataclass(frozen=True)
class OrderBook:
    """Order dates of persons, sorted by person and date.

    Attributes:
        table: ORDER_DATES_SCHEMA, as it was sorted.
        person_ids: (n,) distinct, sorted.
        persons: (k,) place of each row's person.
        days: (k,) date of each row, days since 1970.
        values: (k,) worth, not finite where nothing states one.
    """

    table: pa.Table
    person_ids: pa.Array
    persons: Ints
    days: Ints
    values: Floats

    @property
    def first_day(self) -> date | None:
        """The first order date of all."""
        day: date | None = pc.min(self.table["order_date"]).as_py()
        return day

    @property
    def last_day(self) -> date | None:
        """The last order date of all."""
        day: date | None = pc.max(self.table["order_date"]).as_py()
        return day


@dataclass(frozen=True)
class Buyers:
    """Persons with an order up to a date, and their history as of it.

    Attributes:
        persons: (n,) places in the book's person_ids.
        order_days: (n,) dates with an order, >= 1.
        first: (n,) the first of them, days since 1970.
        last: (n,) the last.
        valued: (n,) how many of them state a value above 0.
        mean_value: (n,) mean of these values; 0 where there is none.
        as_of: the date, days since 1970.
    """

    persons: Ints
    order_days: Ints
    first: Ints
    last: Ints
    valued: Floats
    mean_value: Floats
    as_of: int

    @property
    def silent(self) -> Ints:
        """(n,) days since the last order."""
        return self.as_of - self.last

    @property
    def usual_gap(self) -> Floats:
        """(n,) mean days between orders; not a number for one order."""
        span = (self.last - self.first).astype(np.float64)
        repeats = (self.order_days - 1).astype(np.float64)
        gap: Floats = np.divide(span, repeats, out=np.full(len(span), np.nan), where=repeats > 0)
        return gap

    @property
    def in_weeks(self) -> tuple[Floats, Floats, Floats]:
        """Orders after the first, weeks from first to last, weeks from the first to as_of."""
        return (
            (self.order_days - 1).astype(np.float64),
            (self.last - self.first) / _WEEK,
            (self.as_of - self.first) / _WEEK,
        )


def read_order_dates(order_dates: pa.Table, as_of: date) -> OrderBook:
    """Check and sort order dates; later ones than as_of are left out.

    Args:
        order_dates: ORDER_DATES_SCHEMA, one row a person and date; a value that is null, not a
            number or not above 0 is no value.
        as_of: partition date.

    Returns:
        The book.

    Raises:
        ValueError: a column is missing, a person or date is null, a person has two rows of a date.
    """
    missing = [name for name in ORDER_DATES_SCHEMA.names if name not in order_dates.column_names]
    if missing:
        raise ValueError(f"order dates lack the columns {', '.join(missing)}")
    table = order_dates.select(ORDER_DATES_SCHEMA.names).cast(ORDER_DATES_SCHEMA)
    for name in ("person_id", "order_date"):
        if table[name].null_count:
            raise ValueError(f"order dates have {table[name].null_count} rows without {name}")
    table = table.filter(pc.less_equal(table["order_date"], pa.scalar(as_of)))
    table = table.sort_by([("person_id", "ascending"), ("order_date", "ascending")])
    table = table.combine_chunks()
    ids = table["person_id"].combine_chunks()
    encoded = pc.dictionary_encode(ids)
    persons = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    days = table["order_date"].cast(pa.int32()).to_numpy().astype(np.int64)
    again = (persons[1:] == persons[:-1]) & (days[1:] == days[:-1])
    if again.any():
        row = table.slice(int(np.flatnonzero(again)[0]), 1).to_pylist()[0]
        raise ValueError(f"{row['person_id']} has two rows of {row['order_date']}")
    values = table["value"].to_numpy().astype(np.float64)
    return OrderBook(table, encoded.dictionary, persons, days, values)


def buyers_as_of(book: OrderBook, as_of: date) -> Buyers:
    """Histories as of a date, of everybody with an order by then."""
    known = book.days <= _number(as_of)
    persons, place = np.unique(book.persons[known], return_inverse=True)
    days, values = book.days[known], book.values[known]
    size = len(persons)
    last = np.full(size, np.iinfo(np.int64).min)
    first = np.full(size, np.iinfo(np.int64).max)
    np.maximum.at(last, place, days)
    np.minimum.at(first, place, days)
    is_valued = np.isfinite(values) & (values > 0)
    valued = np.bincount(place[is_valued], minlength=size).astype(np.float64)
    total = np.bincount(place[is_valued], values[is_valued], size)
    mean = np.divide(total, valued, out=np.zeros(size), where=valued > 0)
    counts = np.bincount(place, minlength=size).astype(np.int64)
    return Buyers(persons, counts, first, last, valued, mean, _number(as_of))


def orders_between(
    book: OrderBook, buyers: Buyers, after: date, until: date
) -> tuple[Floats, Floats]:
    """What buyers did from the day after a date up to another one.

    Args:
        book: order dates.
        buyers: of whom.
        after: the day before the first.
        until: the last day.

    Returns:
        (n,) dates with an order, and (n,) the mean value of those with one, else not a number.
    """
    inside = (book.days > _number(after)) & (book.days <= _number(until))
    size = len(book.person_ids)
    counts = np.bincount(book.persons[inside], minlength=size).astype(np.float64)
    inside &= np.isfinite(book.values) & (book.values > 0)
    valued = np.bincount(book.persons[inside], minlength=size).astype(np.float64)
    total = np.bincount(book.persons[inside], book.values[inside], size)
    mean = np.divide(total, valued, out=np.full(size, np.nan), where=valued > 0)
    return counts[buyers.persons], mean[buyers.persons]


def day_of(number: int) -> date:
    """A number of days since 1970 as the date."""
    return date.fromordinal(_EPOCH.toordinal() + number)


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH.toordinal()
