"""Where the real data sets are, and a warehouse whose inputs of models can be read.

The data sets lie beside the checkout, or where FOOTFALL_SHARED_DATA says.
"""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dagster_project.model_inputs import ModelInputs
from tests.laws.model_shop import arriving, load
from tests.laws.warehouse import Row, Warehouse

Read = Callable[..., list[dict]]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public data sets; skips without it, but fails in continuous integration."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    folder = Path(os.environ.get("FOOTFALL_SHARED_DATA", beside))
    if not folder.is_dir():
        reason = f"no data sets in {folder}: set FOOTFALL_SHARED_DATA to their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def warehouse():
    warehouse = Warehouse()
    yield warehouse
    warehouse.con.close()


@pytest.fixture
def read(warehouse) -> Read:
    """Load days, and read a table as of one of them."""

    def read(days: dict[date, list[Row]], table: str, as_of: date, window: int = 180) -> list[dict]:
        for arrived, rows in days.items():
            load(warehouse, arriving(arrived, rows), [arrived])
        return ModelInputs(warehouse.con, 0).read(table, as_of, window).to_pylist()

    return read
