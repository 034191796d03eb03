"""Funnels worked out on paper, a day each: the days, and the warehouse that has seen them.

Belongs here: what the tests of funnels by hand share. Not here: their funnels and their cases.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from tests.laws.model_shop import arriving, load
from tests.laws.stories import at, day
from tests.laws.warehouse import Row, Warehouse

# How the same events come: both must end in the same entries.
ARRIVALS = ("at once", "every second event late")


def second(number: int, seconds: float) -> datetime:
    """Seconds after noon of a day of May."""
    return at(f"{number:02} 12:00") + timedelta(seconds=seconds)


@contextmanager
def warehouse_of(rows: list[Row], funnels: list[Row], arrivals: str) -> Iterator[Warehouse]:
    """A warehouse of some funnels that has seen the rows, come in one of `ARRIVALS`."""
    warehouse = Warehouse()
    warehouse.declare_funnels(funnels)
    if arrivals == "at once":
        load(warehouse, arriving(day(20), rows), [day(20)])
    else:
        load(warehouse, arriving(day(20), rows[1::2]), [day(20)])
        load(warehouse, arriving(day(21), rows[::2]), [day(21)])
    yield warehouse
    warehouse.con.close()
