"""Lines of bytes: numbered, bounded, decoded.

Splitting a stream into lines, and lines of JSON, text or fields as raw rows, belongs here. It never
looks into a row further than to guard the JSON parser behind it from what nests too deep.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dagster_project.ingest.errors import RefusedFileError

RAW_SCHEMA = pa.schema(
    [
        pa.field("source_file", pa.string(), nullable=False),
        pa.field("source_line", pa.int64(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        pa.field("read_error", pa.string()),
    ]
)
BATCH_ROWS = 50_000
CUT_CHARS = 200
# A string, taken whole, or a bracket; a string without its end runs to the end of the line.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_PAIRS = bytes.maketrans(b"{[]}", b"(())")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{[]}")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class LineBlock:
    r"""Whole lines that follow each other.

    Attributes:
        first: 1-based number of the first line.
        lines: without their `\\n`, a `\\r` before it still there.
        too_long: index in `lines` of those that were cut, as their first bytes.
        ended: the last line had its `\\n` (false at most for the last block).
    """

    first: int
    lines: list[bytes]
    too_long: frozenset[int]
    ended: bool = True


def split_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[LineBlock]:
    r"""Split a stream into lines by `\\n`, holding never more than a chunk and a line.

    Args:
        chunks: the stream; a byte order mark at its start is left out.
        max_line_bytes: a longer line is cut to a few hundred bytes and marked.

    Yields:
        Blocks of at most 50,000 lines, none empty.
    """
    number, carry, skipping, at_start = 1, b"", False, True
    for part in chunks:
        chunk = part
        if at_start:
            # A first chunk shorter than the mark waits for the next one.
            carry += chunk
            if len(carry) < len(_BOM) and _BOM.startswith(carry):
                continue
            chunk, carry, at_start = carry.removeprefix(_BOM), b"", False
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            yield LineBlock(number, [carry], frozenset([0]))
            number, carry, skipping, chunk = number + 1, b"", False, chunk[end + 1 :]
        lines = (carry + chunk).split(b"\n")
        carry = lines.pop()
        yield from _blocks(number, lines, max_line_bytes)
        number += len(lines)
        if len(carry) > max_line_bytes:
            carry, skipping = carry[: 4 * CUT_CHARS], True
    if at_start:
        carry = carry.removeprefix(_BOM)
    if skipping:
        yield LineBlock(number, [carry], frozenset([0]), ended=False)
    elif carry:
        yield LineBlock(number, [carry], frozenset(), ended=False)


def _blocks(number: int, lines: list[bytes], max_line_bytes: int) -> Iterator[LineBlock]:
    for start in range(0, len(lines), BATCH_ROWS):
        part = lines[start : start + BATCH_ROWS]
        too_long: frozenset[int] = frozenset()
        if max(map(len, part)) > max_line_bytes:
            too_long = frozenset(i for i, line in enumerate(part) if len(line) > max_line_bytes)
            for i in too_long:
                part[i] = part[i][: 4 * CUT_CHARS]
        yield LineBlock(number + start, part, too_long)


def cut_text(data: bytes, encoding: str) -> str:
    """The first 200 characters of a row that is not kept whole."""
    return data.decode(encoding, errors="replace")[:CUT_CHARS]


def undecodable(rel_name: str, line: int) -> RefusedFileError:
    """The error for a file that is not in the encoding it is declared in."""
    return RefusedFileError(
        f"{rel_name}:{line}: not UTF-8; write the file in UTF-8, or declare `encoding: latin-1` "
        "for this source, and deliver it again"
    )


def read_json_lines(
    blocks: Iterable[LineBlock], rel_name: str, encoding: str, max_json_depth: int
) -> Iterator[pa.RecordBatch]:
    """Turn lines of JSON into raw rows; blank lines are none.

    Raises:
        RefusedFileError: a line is not in the encoding.
    """
    return _read_lines(blocks, rel_name, encoding, max_json_depth)


def read_text_lines(
    blocks: Iterable[LineBlock], rel_name: str, encoding: str
) -> Iterator[pa.RecordBatch]:
    """The same for lines of plain text, in which brackets open nothing."""
    return _read_lines(blocks, rel_name, encoding, None)


def read_tab_lines(
    blocks: Iterable[LineBlock], rel_name: str, encoding: str, max_json_depth: int
) -> Iterator[pa.RecordBatch]:
    """The same for lines of tab-separated fields without quoting, any of which may hold JSON."""
    return _read_lines(blocks, rel_name, encoding, max_json_depth, b"\t")


def _read_lines(
    blocks: Iterable[LineBlock],
    rel_name: str,
    encoding: str,
    max_json_depth: int | None,
    separator: bytes | None = None,
) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        texts = [line.removesuffix(b"\r") for line in block.lines]
        errors: dict[int, str] = {}
        for i in block.too_long:
            texts[i] = cut_text(texts[i], encoding).encode(encoding, errors="replace")
            errors[i] = "line_too_long"
        if encoding != "utf-8":
            texts = [text.decode(encoding).encode() for text in texts]
        # Counting brackets costs 0.2 µs a line; only one that has enough of them is looked through.
        for i, text in enumerate(texts if max_json_depth is not None else ()):
            if (
                max_json_depth is not None
                and len(text) > 2 * max_json_depth
                and text.count(b"{") + text.count(b"[") > max_json_depth
                and i not in errors
                and json_depth(text, max_json_depth, separator) > max_json_depth
            ):
                errors[i] = "nested_too_deep"
        numbers = pa.array(np.arange(block.first, block.first + len(texts)))
        blanks = [i for i, text in enumerate(texts) if not text or text.isspace()]
        raw = decode_utf8(texts, block.first, rel_name)
        batch = raw_batch(rel_name, numbers, raw, errors)
        if blanks:
            kept = np.ones(len(texts), dtype=bool)
            kept[blanks] = False
            batch = batch.filter(pa.array(kept))
        if batch.num_rows:
            yield batch


def decode_utf8(texts: list[bytes], first: int, rel_name: str) -> pa.Array:
    """A string array of lines, all checked to be UTF-8; `first` is the number of the first."""
    try:
        return pa.array(texts, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        for i, text in enumerate(texts):
            try:
                text.decode()
            except UnicodeDecodeError:
                raise undecodable(rel_name, first + i) from None
        raise


def raw_batch(
    rel_name: str, numbers: pa.Array, raw: pa.Array, errors: dict[int, str]
) -> pa.RecordBatch:
    """Raw rows in the schema that all readers share; `errors` by index of the row."""
    names = pa.repeat(pa.scalar(rel_name, pa.string()), len(raw))
    codes = pa.nulls(len(raw), pa.string())
    if errors:
        codes = pa.array([errors.get(i) for i in range(len(raw))], pa.string())
    return pa.RecordBatch.from_arrays([names, numbers, raw, codes], schema=RAW_SCHEMA)


def json_depth(text: bytes, stop_at: int, separator: bytes | None = None) -> int:
    """Deepest nesting of brackets outside strings; stops counting beyond `stop_at`.

    With a separator every field is a text of its own: a quote in one opens no string in the next.
    """
    if separator is not None:
        return max(json_depth(field, stop_at) for field in text.split(separator))
    if b"\\" not in text:
        # Without escapes every other quote ends a string. Innermost pairs are taken out, a level at
        # a time: a row of 5 kB with a hundred brackets costs 8 µs so, and 25 by its tokens.
        pairs, depth = b"".join(text.split(b'"')[::2]).translate(_PAIRS, _NO_BRACKETS), 0
        while pairs and depth <= stop_at and (left := pairs.replace(b"()", b"")) != pairs:
            pairs, depth = left, depth + 1
        if not pairs or depth > stop_at:
            return depth
    depth = deepest = 0
    for token in _TOKENS.finditer(text):
        first = token[0][0]
        if first in b"{[":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > stop_at:
                break
        elif first in b"}]":
            depth -= 1
    return deepest
