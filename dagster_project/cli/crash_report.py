"""What is said and kept of an error that nobody foresaw.

Messages of libraries quote the data that they choked on. Personal data must not get into a log file
that way, so everything that may be a value is blanked; the stack is kept whole.
"""

import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.safe_errors import safe_message

__all__ = ["report_crash", "safe_message"]


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
