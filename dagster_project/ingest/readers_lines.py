"""Lines of bytes: numbered, bounded, decoded.

Splitting a stream into lines, and JSON Lines as raw rows, belongs here. It never looks into a row
further than to guard the JSON parser behind it from what nests too deep.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

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
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class LineBlock:
    """Whole lines that follow each other.

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
    """Split a stream into lines by `\\n`, holding never more than a chunk and a line.

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
    """Turn lines into raw rows; blank lines are none.

    Raises:
        RefusedFileError: a line is not in the encoding.
    """
    for block in blocks:
        kept = [
            (block.first + i, line.removesuffix(b"\r"), i in block.too_long)
            for i, line in enumerate(block.lines)
            if line and not line.isspace()
        ]
        if not kept:
            continue
        numbers, lines, cut = zip(*kept, strict=True)
        errors: list[str | None] = ["line_too_long" if is_cut else None for is_cut in cut]
        texts: list[bytes] = list(lines)
        for i in block.too_long:
            at = numbers.index(block.first + i) if block.first + i in numbers else -1
            if at >= 0:
                texts[at] = cut_text(texts[at], encoding).encode()
        if encoding != "utf-8":
            texts = [line.decode(encoding).encode() for line in texts]
        raw = decode_utf8(texts, numbers, rel_name)
        for i in deeply_nested(raw, max_json_depth):
            errors[i] = errors[i] or "nested_too_deep"
        yield raw_batch(rel_name, numbers, raw, errors)


def decode_utf8(texts: list[bytes], numbers: Iterable[int], rel_name: str) -> pa.Array:
    """A string array of the bytes, all checked to be UTF-8."""
    try:
        return pa.array(texts, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        for number, text in zip(numbers, texts, strict=True):
            try:
                text.decode()
            except UnicodeDecodeError:
                raise undecodable(rel_name, number) from None
        raise


def raw_batch(
    rel_name: str, numbers: Iterable[int], raw: pa.Array, errors: list[str | None]
) -> pa.RecordBatch:
    """Raw rows in the schema that all readers share."""
    name = pa.array([rel_name], pa.string()).take(pa.array([0] * len(raw), pa.int32()))
    return pa.RecordBatch.from_arrays(
        [name, pa.array(numbers, pa.int64()), raw, pa.array(errors, pa.string())],
        schema=RAW_SCHEMA,
    )


def deeply_nested(raw: pa.Array, max_depth: int) -> list[int]:
    """Indexes of the texts that nest brackets deeper than the limit, strings left out."""
    opening = pc.add(pc.count_substring(raw, "{"), pc.count_substring(raw, "["))
    suspects = pc.indices_nonzero(pc.greater(opening, max_depth)).to_pylist()
    return [i for i in suspects if json_depth(raw[i].as_py(), max_depth) > max_depth]


def json_depth(text: str, stop_at: int) -> int:
    """Deepest nesting of brackets outside strings; stops counting beyond `stop_at`."""
    depth = deepest = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "{[":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > stop_at:
                    break
        elif char in "}]":
            depth -= 1
    return deepest
