"""A line of the models' report, and how gates and paired differences are told in it."""

from dataclasses import dataclass

import numpy as np

from ml.gate import GateDecision, standard_error
from ml.likelihood import Z_95


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
        model: what was measured.
        data: on which data.
        metric: in words.
        baseline: what it is held against, with its figure.
        result: the model's figure.
        interval: 95 %, and of what.
    """

    model: str
    data: str
    metric: str
    baseline: str
    result: str
    interval: str


def of_gate(model: str, data: str, gate: GateDecision, baseline: str) -> Line:
    """What a gate has found; losses are negative there, the higher the better."""
    if gate.standard_error is None:
        return Line(model, data, gate.reason, baseline, "", "")
    return Line(
        model,
        f"{data}, {gate.pairs} persons",
        gate.metric,
        f"{baseline} {gate.baseline_value:.4f}",
        f"{gate.model_value:.4f}",
        difference(gate.model_value - gate.baseline_value, gate.standard_error),
    )


def difference(gap: float, error: float) -> str:
    """The 95 % interval of a difference, in words."""
    return f"difference {gap - Z_95 * error:+.4f} to {gap + Z_95 * error:+.4f}"


def paired(ours: np.ndarray, theirs: np.ndarray) -> str:
    """That of the mean difference of pairs."""
    gap = ours - theirs
    return difference(gap.mean(), standard_error(gap))
