"""CSV and TSV: rows with their original text, and the same as raw rows.

Quoting, headers, ragged rows and physical line numbers belong here. Which column means what does
not.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.readers_lines import (
    BATCH_ROWS,
    CUT_CHARS,
    LineBlock,
    cut_text,
    raw_batch,
    undecodable,
)

_BATCH_CHARS = 16 * 1024 * 1024


@dataclass(frozen=True)
class CsvRow:
    """One row of a file.

    Attributes:
        line: 1-based physical line on which it starts.
        text: as in the file, line ends included (cut if the row is too long).
        fields: its values; empty when `error` is set.
        error: null, or why it is no row.
    """

    line: int
    text: str
    fields: list[str]
    error: str | None


class _Lines:
    """Feeds decoded lines to the csv module and remembers which ones a row took."""

    def __init__(
        self, blocks: Iterable[LineBlock], rel_name: str, encoding: str, max_row_chars: int
    ) -> None:
        self._lines = self._decoded(blocks, rel_name, encoding)
        self._max_row_chars = max_row_chars
        self.next_line = 1
        self.taken: list[str] = []
        self.chars = 0
        self.too_long = False
        self.is_unclosed = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.chars > self._max_row_chars:
            # An open quote must not swallow the rest of the file: end the row here.
            self.too_long = True
            raise csv.Error("row too long")
        line = next(self._lines, None)
        if line is None:
            # The file ends where a row wants more: inside of quotes.
            self.is_unclosed = bool(self.taken)
            raise StopIteration
        self.next_line, text, cut = line
        self.too_long = self.too_long or cut
        self.taken.append(text)
        self.chars += len(text)
        # A line that was cut stands for a row that cannot be read: a quote in it opens nothing.
        return text.replace('"', "") if cut else text

    def begin_row(self) -> None:
        self.taken, self.chars, self.too_long = [], 0, False

    def _decoded(
        self, blocks: Iterable[LineBlock], rel_name: str, encoding: str
    ) -> Iterator[tuple[int, str, bool]]:
        for block in blocks:
            last = len(block.lines) - 1
            for i, line in enumerate(block.lines):
                end = "" if i == last and not block.ended else "\n"
                if i in block.too_long:
                    yield block.first + i + 1, cut_text(line, encoding) + end, True
                    continue
                try:
                    yield block.first + i + 1, line.decode(encoding) + end, False
                except UnicodeDecodeError:
                    raise undecodable(rel_name, block.first + i) from None


def read_csv_rows(
    blocks: Iterable[LineBlock], rel_name: str, encoding: str, separator: str, max_row_bytes: int
) -> Iterator[CsvRow]:
    """Read a file's rows, the header first; blank lines are no rows.

    Raises:
        RefusedFileError: a line is not in the encoding.
    """
    # Rows are bounded by their length already; the module's own limit is global and in the way.
    csv.field_size_limit(2**31 - 1)
    lines = _Lines(blocks, rel_name, encoding, max_row_bytes)
    reader = csv.reader(lines, delimiter=separator)
    while True:
        line = lines.next_line
        lines.begin_row()
        error: str | None = None
        fields: list[str] = []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            error = "malformed_csv"
        text = "".join(lines.taken)
        if lines.too_long or lines.chars > max_row_bytes:
            error, text = "line_too_long", text[:CUT_CHARS]
        elif not error and not fields:
            continue
        elif lines.is_unclosed:
            error = "unclosed_quote"
        elif "\x00" in text:
            error = "nul_character"
        yield CsvRow(line, text, [] if error else fields, error)


def read_header(rows: Iterator[CsvRow], rel_name: str, max_columns: int) -> CsvRow | None:
    """Take the header off the rows.

    Returns:
        The header, or null for a file without any row.

    Raises:
        RefusedFileError: it cannot be read, names a column twice or not at all, or is too wide.
    """
    header = next(rows, None)
    if header is None:
        return None
    if header.error:
        raise RefusedFileError(
            f"{rel_name}:{header.line}: the header cannot be read ({header.error}); "
            "mend the file and deliver it again"
        )
    check_columns(header.fields, rel_name, header.line, max_columns)
    return header


def check_columns(names: list[str], rel_name: str, line: int, max_columns: int) -> None:
    """Refuse a table whose columns cannot be told apart, or of which there are too many."""
    if len(names) > max_columns:
        raise RefusedFileError(
            f"{rel_name}:{line}: {len(names):,} columns are more than settings.max_columns "
            f"({max_columns:,})"
        )
    if len(set(names)) < len(names):
        # By position: where the header is missing, a name is a value of somebody's row.
        second = next(i for i, name in enumerate(names) if name in names[:i])
        raise RefusedFileError(
            f"{rel_name}:{line}: columns {names.index(names[second]) + 1} and {second + 1} have "
            "the same name; give every column one of its own and deliver the file again"
        )


def read_csv(rows: Iterator[CsvRow], header: CsvRow, rel_name: str) -> Iterator[pa.RecordBatch]:
    """Turn the rows after the header into raw rows, `raw` a JSON object of column to text."""
    names = header.fields
    numbers: list[int] = []
    raws: list[str] = []
    errors: dict[int, str] = {}
    chars = 0
    for row in rows:
        error, raw = row.error, row.text
        if error is None and len(row.fields) != len(names):
            error = "wrong_number_of_columns"
        if error is None:
            raw = object_text(names, row.fields)
        else:
            errors[len(raws)] = error
        numbers.append(row.line)
        raws.append(raw)
        chars += len(raw)
        if len(raws) == BATCH_ROWS or chars > _BATCH_CHARS:
            yield raw_batch(
                rel_name, pa.array(numbers, pa.int64()), pa.array(raws, pa.string()), errors
            )
            numbers, raws, errors, chars = [], [], {}, 0
    if raws:
        yield raw_batch(
            rel_name, pa.array(numbers, pa.int64()), pa.array(raws, pa.string()), errors
        )


def object_text(names: list[str], values: Sequence[Any]) -> str:
    """A row as a JSON object; event ids are hashed from it, so its form is for ever."""
    return json.dumps(
        dict(zip(names, values, strict=True)), ensure_ascii=False, separators=(",", ":")
    )
