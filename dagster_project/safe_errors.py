"""Errors that nobody foresaw, without the data that they quote.

Libraries put the value that they choked on into their message; a message ends in a log file, on a
terminal, in Dagster's event storage and its UI. Here: what of a message may be kept, and letting an
error pass on with that alone. Errors of ours hold no values and pass as they are.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dagster_project.ingest.errors import FootfallError

_VALUES: Final = re.compile(
    r"""
    '[^'\n]*' | "[^"\n]*" | `[^`\n]*`          # quoted
    | [^\s@]+@[^\s@]+                           # an e-mail address
    | \b\d{1,3}(?:\.\d{1,3}){3}\b               # an IPv4 address
    | \b[0-9a-fA-F]*:[0-9a-fA-F:]{3,}           # an IPv6 address, a MAC
    | \b[0-9a-fA-F-]{12,}\b | \+?\d[\d\s.-]{5,} # ids, telephone numbers, long numbers
    """,
    re.VERBOSE,
)
_MOST: Final = 200


class UnforeseenError(FootfallError):
    """An error of a library, with its kind and what of its message is no value."""


def safe_message(error: BaseException) -> str:
    """The first line of an error's message without anything that may be a value from the data."""
    if isinstance(error, OSError):
        # Of the operating system: a reason and a path, nothing from a row.
        return str(error).splitlines()[0] if str(error) else "no message"
    lines = str(error).strip().splitlines()
    first = _VALUES.sub("…", lines[0]) if lines else "no message"
    return first if len(first) <= _MOST else first[: _MOST - 1] + "…"


@contextmanager
def without_values() -> Iterator[None]:
    """Let errors that nobody foresaw pass on without the data that they quote.

    Raises:
        UnforeseenError: in the place of the error, with its stack.
    """
    try:
        yield
    except FootfallError:
        raise
    except Exception as error:
        said = f"unexpected {type(error).__name__}: {safe_message(error)}"
        raise UnforeseenError(said).with_traceback(error.__traceback__) from None
