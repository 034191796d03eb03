"""Gives the oracle's tests the project root on the import path, and the tables of a few rows."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.laws import shop  # noqa: E402
from tests.laws.oracle import build  # noqa: E402

Row = dict[str, Any]


@pytest.fixture
def tables() -> Callable[..., dict[str, list[Row]]]:
    """`tables(row, …, as_of=…, timezone=…, funnels=…)` -> what the oracle builds of the rows."""

    def make(
        *rows: Row, as_of: Any = None, timezone: str = "UTC", funnels: Any = shop.FUNNELS
    ) -> dict[str, list[Row]]:
        return build(
            list(rows),
            registry=shop.REGISTRY,
            sources=shop.SOURCES,
            settings={**shop.SETTINGS, "reporting_timezone": timezone},
            as_of=as_of,
            funnels=funnels,
            referrer_hosts=shop.REFERRER_HOSTS,
            rates=shop.RATES,
            triggers=shop.TRIGGERS,
        )

    return make
