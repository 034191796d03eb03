"""An arrival date as a word of the command line.

Which date makes sense is the command's business.
"""

import argparse
from datetime import date


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
