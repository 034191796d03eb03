"""The score of the Numenta Anomaly Benchmark, from its definition.

Source: Lavin, Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
Benchmark, IEEE ICMLA; standard profile. A detection within a labelled window counts the more the
earlier it comes, once a window; a window without one costs 1; a detection outside of them costs up
to 0.11, less just after a window. The threshold is the one that is best for the whole corpus. 0 is
what a detector gets that says nothing, 100 what one gets that flags the beginning of every window.

Belongs here: series with windows, and the score. Not here: detectors.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

FALSE_POSITIVE = 0.11
# Of the first 5,000 values so much is for learning, and no detection counts there.
PROBATION, PROBATION_OF = 0.15, 5000
_STEEPNESS = 5.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelledSeries:
    """A series and where it is known to be strange.

    Attributes:
        name: of the file.
        times: (n,) in order.
        values: (n,).
        windows: first and last place of each window, both within it, in order.
    """

    name: str
    times: pd.DatetimeIndex
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """How many values come before the first that counts."""
        return int(PROBATION * min(len(self.values), PROBATION_OF))


def read_corpus(folder: Path) -> list[LabelledSeries]:
    """All labelled series of a folder with `data/` and `labels/combined_windows.json`."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    found = []
    for name in sorted(windows):
        rows = pd.read_csv(folder / "data" / name, parse_dates=["timestamp"])
        times = pd.DatetimeIndex(rows["timestamp"])
        places = tuple(
            (int(times.searchsorted(pd.Timestamp(first))),
             int(times.searchsorted(pd.Timestamp(last), side="right")) - 1)
            for first, last in windows[name]
        )  # fmt: skip
        found.append(LabelledSeries(name, times, rows["value"].to_numpy(float), places))
    return found


def nab_score(corpus: Sequence[LabelledSeries], scores: Sequence[Floats]) -> float:
    """The corpus's score at the threshold that is best for it.

    Args:
        corpus: the series.
        scores: of each, (n,), the higher the stranger; a place at or above the threshold is a
            detection.

    Returns:
        0 for silence, 100 for perfection; below 0 for much noise.

    Raises:
        ValueError: there is no window.
    """
    windows = sum(len(series.windows) for series in corpus)
    if not windows:
        raise ValueError("a corpus without windows has no score")
    gains = np.concatenate([_gains(*pair) for pair in zip(corpus, scores, strict=True)])
    # A window brings what its best detection brings, from the threshold at which that is one on.
    gains = gains[np.argsort(-gains[:, 0], kind="stable")]
    totals = np.cumsum(gains[:, 1])
    last_of_threshold = np.append(gains[1:, 0] != gains[:-1, 0], True) if len(gains) else []
    best = max(0.0, *totals[last_of_threshold]) if len(gains) else 0.0
    # Silence costs 1 a window, and perfection brings 1 a window.
    return 100.0 * best / (2 * windows)


def _gains(series: LabelledSeries, scores: Floats) -> Floats:
    """What lowering the threshold brings against silence, (m, 2): threshold and gain."""
    places = np.arange(series.probation, len(series.values))
    inside = np.zeros(len(series.values), dtype=bool)
    found = []
    for first, last in series.windows:
        inside[first : last + 1] = True
        mine = places[(places >= first) & (places <= last)]
        worth = _sigmoid(-(last - mine + 1) / (last - first + 1)) / _sigmoid(-1.0)
        best = -1.0
        for place in mine[np.argsort(-scores[mine], kind="stable")]:
            gain = float(worth[place - mine[0]])
            if gain > best:
                # Against a miss, which is worth −1.
                found.append((scores[place], gain - best))
                best = gain
    noise = places[~inside[places]]
    ends = np.array([last for _, last in series.windows], dtype=np.int64)
    lengths = np.array([last - first + 1 for first, last in series.windows], dtype=np.int64)
    before = np.searchsorted(ends, noise) - 1
    costs = np.full(len(noise), -1.0)
    after = before >= 0
    costs[after] = _sigmoid(
        (noise[after] - ends[before[after]]) / np.maximum(lengths[before[after]] - 1, 1)
    )
    found += list(zip(scores[noise], FALSE_POSITIVE * costs, strict=True))
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _sigmoid(position: Floats | float) -> Floats:
    """From 1 well before the end of a window to −1 well after it; 0 at the end."""
    position = np.asarray(position, dtype=np.float64)
    return np.where(
        position > 3.0, -1.0, 2.0 / (1.0 + np.exp(_STEEPNESS * np.minimum(position, 3.0))) - 1.0
    )
