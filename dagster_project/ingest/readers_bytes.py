"""Bytes of a landed file, decompressed as they are read, within limits.

Opening, decompressing and refusing what is broken or too large belongs here, for plain, gzip and
Zstandard files. What the bytes mean does not.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from dagster_project.ingest.errors import RefusedFileError

CHUNK_BYTES = 8 * 1024 * 1024
# A block of 4 bytes can stand for 128 KiB: fed in slices, one call yields at most about 128 MiB.
_ZSTD_SLICE_BYTES = 4096
_ZSTD_WINDOW_BYTES = 128 * 1024 * 1024


def read_chunks(path: Path, rel_name: str, max_bytes: int) -> Iterator[bytes]:
    """Read a file in chunks, decompressed by its ending (.gz, .zst, else as it is).

    Args:
        path: where the file is.
        rel_name: its name in messages.
        max_bytes: most bytes after decompression.

    Yields:
        Chunks of a few MiB, none empty. A file of no bytes yields nothing.

    Raises:
        RefusedFileError: it cannot be opened, is truncated, not of its ending's kind, or larger
            than the limit.
    """
    total = 0
    try:
        with path.open("rb") as handle:
            for chunk in _decompressed(handle, path.suffix, rel_name):
                total += len(chunk)
                if total > max_bytes:
                    raise RefusedFileError(
                        f"{rel_name}: more than {max_bytes:,} bytes decompressed; split the file, "
                        "or raise settings.max_file_bytes if it is what it should be"
                    )
                yield chunk
    except OSError as error:
        raise RefusedFileError(
            f"{rel_name}: cannot be read ({error.strerror or error}); mend or deliver it again"
        ) from None


def _decompressed(handle: IO[bytes], ending: str, rel_name: str) -> Iterator[bytes]:
    if ending == ".gz":
        yield from _gunzipped(handle, rel_name)
    elif ending == ".zst":
        yield from _unzstandarded(handle, rel_name)
    else:
        while chunk := handle.read(CHUNK_BYTES):
            yield chunk


def _gunzipped(handle: IO[bytes], rel_name: str) -> Iterator[bytes]:
    done = 0
    with gzip.GzipFile(fileobj=handle, mode="rb") as unpacked:
        while True:
            try:
                chunk = unpacked.read(CHUNK_BYTES)
            except EOFError:
                raise _broken(rel_name, "gzip", "ends too early", done) from None
            except (gzip.BadGzipFile, zlib.error) as error:
                raise _broken(rel_name, "gzip", f"is not sound ({error})", done) from None
            if not chunk:
                return
            done += len(chunk)
            yield chunk


def _unzstandarded(handle: IO[bytes], rel_name: str) -> Iterator[bytes]:
    # `stream_reader` ends a truncated frame without a word, so frames are followed by hand.
    codec = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    frame, done, open_frame = codec.decompressobj(), 0, False
    held: list[bytes] = []
    held_bytes = 0
    while block := handle.read(CHUNK_BYTES):
        for start in range(0, len(block), _ZSTD_SLICE_BYTES):
            rest = block[start : start + _ZSTD_SLICE_BYTES]
            while rest:
                try:
                    out = frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _broken(rel_name, "Zstandard", f"is not sound ({error})", done) from None
                open_frame, rest = not frame.eof, b""
                if frame.eof:
                    rest, frame = frame.unused_data, codec.decompressobj()
                if out:
                    done += len(out)
                    held.append(out)
                    held_bytes += len(out)
            if held_bytes >= CHUNK_BYTES:
                yield b"".join(held)
                held, held_bytes = [], 0
    if held:
        yield b"".join(held)
    if open_frame:
        raise _broken(rel_name, "Zstandard", "ends too early", done)


def _broken(rel_name: str, kind: str, problem: str, done: int) -> RefusedFileError:
    return RefusedFileError(
        f"{rel_name}: the {kind} data {problem}, after {done:,} bytes decompressed; "
        "deliver the file again, complete"
    )
