"""How much is staged at once: files to load together, and rows to treat together.

Only amounts belong here; they bound the memory that `staging` takes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from dagster_project.ingest.landing import LandedFile

# Rows treated at once: at 250,000 a million events of 450 bytes take 1.5 GB, at a million 4.1 GB.
ROWS_A_SLICE: Final = 250_000
# Files are loaded together up to so many bytes, unpacked: some 200,000 events.
_BYTES_TOGETHER: Final = 100_000_000
_PACKED_ENDINGS: Final = (".gz", ".zst", ".parquet")
_PACKED: Final = 8


def bundles(
    files: Mapping[date, Sequence[LandedFile]],
) -> Iterator[tuple[list[tuple[date, LandedFile]], date | None]]:
    """Files to load together, with the day whose next files are still to come, if any."""
    bundle: list[tuple[date, LandedFile]] = []
    weight = 0
    for day, of_day in files.items():
        for left, file in zip(range(len(of_day) - 1, -1, -1), of_day, strict=True):
            bundle.append((day, file))
            weight += file.bytes * (_PACKED if file.path.endswith(_PACKED_ENDINGS) else 1)
            # Days are kept whole as long as memory allows it.
            if weight >= (2 if left else 1) * _BYTES_TOGETHER:
                yield bundle, day if left else None
                bundle, weight = [], 0
    if bundle:
        yield bundle, None


def slices(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Ranges of about equal size, none much above ROWS_A_SLICE."""
    count = max(1, round((end - first) / ROWS_A_SLICE))
    step = -(-(end - first) // count)
    for start in range(first, end, step):
        yield start, min(start + step, end)
