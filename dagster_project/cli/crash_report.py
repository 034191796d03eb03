"""What is said and kept of an error that nobody foresaw.

Messages of libraries quote the data that they choked on. Personal data must not get into a log file
that way, so everything that may be a value is blanked; the stack is kept whole.
"""

import os
import re
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

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


def report_crash(error: BaseException, home: Path | None) -> str:
    """Write the stack into a log file and give the one line for the user.

    Args:
        error: what was raised.
        home: the state folder; where there is none, the log goes to the system's temporary folder.
    """
    said = f"unexpected {type(error).__name__}: {safe_message(error)}"
    try:
        file = _write(_stack(error), home)
    except OSError as failed:
        return f"{said} (no log could be written: {failed.strerror})"
    return f"{said} (details: {file})"


def safe_message(error: BaseException) -> str:
    """The first line of an error's message without anything that may be a value from the data."""
    if isinstance(error, OSError):
        # Of the operating system: a reason and a path, nothing from a row.
        return str(error).splitlines()[0] if str(error) else "no message"
    lines = str(error).strip().splitlines()
    first = _VALUES.sub("…", lines[0]) if lines else "no message"
    return first if len(first) <= _MOST else first[: _MOST - 1] + "…"


def _stack(error: BaseException) -> str:
    """The frames of an error and of those behind it; code and places, no values."""
    blocks: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        frames = "".join(traceback.format_tb(one.__traceback__))
        blocks.append(f"{frames}{type(one).__module__}.{type(one).__name__}: {safe_message(one)}\n")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\nwhich came of\n\n".join(blocks)


def _write(text: str, home: Path | None) -> Path:
    now = datetime.now(UTC)
    if home is not None and home.is_dir():
        folder = home / "logs"
        folder.mkdir(mode=0o700, exist_ok=True)
    else:
        folder = Path(tempfile.mkdtemp(prefix="footfall-"))
    file = folder / f"{now:%Y%m%dT%H%M%S}-{os.getpid()}.log"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(f"{now.isoformat()}\n{text}")
    return file
