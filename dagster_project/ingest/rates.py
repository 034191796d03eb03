"""Currency rates: the file that `settings.rates` names, read and made into intervals.

Belongs here: the form of the file, and for which dates a rate holds. Not here: what is converted
(dbt's staging), nor who notices that a rate changed (`warehouse.py`). Nothing is downloaded: who
has rates writes them into the file, in any order, at any time.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa

from dagster_project.ingest.errors import ConfigError

HEADER = ["date", "currency", "rate"]
# A rate holds until the next one of its currency, but no longer than this.
LONGEST = timedelta(days=7)
SCHEMA = pa.schema(
    [
        ("currency", pa.string()),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
        ("rate", pa.decimal128(20, 10)),
    ]
)
_MOST_BYTES = 256 * 1024**2
_MOST, _DIGITS = Decimal(10) ** 10, Decimal(1).scaleb(-10)


def read_rates(home: Path, named: str | None) -> list[dict[str, Any]]:
    """The intervals in which each rate holds.

    Args:
        home: the state folder, from which a relative path starts.
        named: `settings.rates`; None where no rates are set.

    Returns:
        Rows by currency and date: `currency`, `valid_from` (inclusive), `valid_to` (exclusive),
        `rate`, so many units of the reporting currency for one of the currency.

    Raises:
        ConfigError: the file cannot be read, or a line of it is wrong; the text names the line.
    """
    if named is None:
        return []
    file = home / named
    by_currency: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for number, row in _rows(file):
        try:
            day, currency, rate = _parse(row)
            if by_currency[currency].setdefault(day, rate) != rate:
                raise ValueError(f"{currency} has another rate on {day} already")
        except ValueError as error:
            raise ConfigError(f"{file}:{number}: {error}") from None
    return [row for currency in sorted(by_currency) for row in _hold(currency, by_currency)]


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines after the header, numbered from 1; empty ones are left out."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{file}: is larger than {_MOST_BYTES} bytes; leave old rates out")
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: is missing; settings.rates names it, a CSV file of {','.join(HEADER)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as UTF-8 text: {error}") from error
    if not lines or [cell.strip() for cell in lines[0].split(",")] != HEADER:
        raise ConfigError(f"{file}:1: the first line must be {','.join(HEADER)}")
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            yield number, line.split(",")


def _parse(row: list[str]) -> tuple[date, str, Decimal]:
    if len(row) != len(HEADER):
        raise ValueError(f"has {len(row)} fields, not {len(HEADER)}")
    day, currency, text = (cell.strip() for cell in row)
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise ValueError(f"{day[:40]!r} is no date such as 2026-01-31") from None
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise ValueError(f"{currency[:40]!r} is no currency such as USD")
    try:
        rate = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is no number") from None
    if not rate.is_finite() or not _DIGITS <= rate < _MOST:
        raise ValueError(f"a rate of {text[:40]} does not lie between 0.0000000001 and 10000000000")
    if rate != rate.quantize(_DIGITS):
        raise ValueError(f"{text[:40]} has more than 10 decimals")
    return when, currency.upper(), rate


def _hold(currency: str, by_currency: dict[str, dict[date, Decimal]]) -> list[dict[str, Any]]:
    rates = by_currency[currency]
    days = sorted(rates)
    following = [*days[1:], date.max]
    return [
        {
            "currency": currency,
            "valid_from": day,
            "valid_to": min(after, day + LONGEST + timedelta(days=1)),
            "rate": rates[day],
        }
        for day, after in zip(days, following, strict=True)
        if day < date.max - 2 * LONGEST
    ]
