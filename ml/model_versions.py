"""Which version of a model was served for a partition, and why: one row a gated model.

Here: the rows, from a card and the decisions of its gates. Not here: the card (cards.py), the
decisions (gate.py), and since when a model is served, which is a question over partitions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from ml.cards import canonical_json
from ml.gate import GateDecision

MODEL_VERSIONS_SCHEMA = pa.schema(
    [
        ("family", pa.string()),
        ("model", pa.string()),
        ("model_version", pa.string()),
        ("code_version", pa.string()),
        ("served", pa.string()),
        ("champion", pa.string()),
        ("gate_metric", pa.string()),
        ("gate_value", pa.float64()),
        ("gate_baseline_value", pa.float64()),
        ("gate_standard_error", pa.float64()),
        ("gate_units", pa.int64()),
        ("gate_reason", pa.string()),
        ("data_from", pa.date32()),
        ("data_to", pa.date32()),
        ("data_counts", pa.string()),
        ("data_fingerprint", pa.string()),
        ("params_sha256", pa.string()),
        ("log_sha256", pa.string()),
        ("card_path", pa.string()),
    ]
)
_COUNTED_APART = {"from", "to", "fingerprint"}


def version_rows(
    family: str,
    card: Mapping[str, Any],
    gates: Mapping[str, GateDecision],
    *,
    log_sha256: str,
    card_path: str,
) -> pa.Table:
    """Say of each gated model of a card what is served, and by which figures.

    Args:
        family: folder of the card.
        card: as `make_card` puts it together, read back from JSON; `champion` names what the family
            is served by where it has several models.
        gates: decisions by the model that each is on, empty for the family's own. Without any, the
            card's own word is the row.
        log_sha256: of the log up to the partition.
        card_path: of the card, within the state folder.

    Returns:
        MODEL_VERSIONS_SCHEMA, by model.

    Raises:
        KeyError: the card lacks an entry.
    """
    data = card["data"]
    counts = {name: value for name, value in data.items() if name not in _COUNTED_APART}
    shared = {
        "family": family,
        "model_version": card["version"],
        "code_version": card["code_version"],
        "data_from": _day(data["from"]),
        "data_to": _day(data["to"]),
        "data_counts": canonical_json(counts).decode(),
        "data_fingerprint": data["fingerprint"],
        "params_sha256": hashlib.sha256(canonical_json(card["params"])).hexdigest(),
        "log_sha256": log_sha256,
        "card_path": card_path,
    }
    own = {"served": card["gate"]["served"], "gate_reason": card["gate"]["reason"]}
    decided = {model: _decision(gate) for model, gate in gates.items()} or {"": own}
    rows = [
        shared
        | decision
        | {
            "model": model or family,
            "champion": decision["served"] if model else card.get("champion", decision["served"]),
        }
        for model, decision in sorted(decided.items())
    ]
    return pa.Table.from_pylist(rows, schema=MODEL_VERSIONS_SCHEMA)


def _decision(gate: GateDecision) -> dict[str, Any]:
    """Figures are none where nothing was compared."""
    compared = gate.pairs > 0
    return {
        "served": gate.served,
        "gate_metric": gate.metric,
        "gate_value": gate.model_value if compared else None,
        "gate_baseline_value": gate.baseline_value if compared else None,
        "gate_standard_error": gate.standard_error,
        "gate_units": gate.pairs,
        "gate_reason": gate.reason,
    }


def _day(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None
