"""A date as a word of the command line, and two of them as a range.

Which date makes sense is the command's business.
"""

import argparse
from datetime import date

from dagster_project.ingest.errors import UsageError


def arrival_date(text: str) -> date:
    """Read `YYYY-MM-DD`.

    Raises:
        argparse.ArgumentTypeError: it is none; the text says what one looks like.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-01-31")
    return day


def check_range(first: date | None, last: date | None) -> None:
    """Refuse a range whose end is before its beginning; either may be left open.

    Raises:
        UsageError: the two are the wrong way round.
    """
    if first and last and first > last:
        raise UsageError(f"--from {first} is after --to {last}; swap them")
