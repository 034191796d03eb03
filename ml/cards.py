"""Model cards: what a model is made of, as canonical JSON, and its version.

A card holds no wall time: the same code, parameters and data give the same bytes. Here: versions,
fingerprints, cards and the schema of metrics. Not here: writing them anywhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

MODEL_METRICS_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("model_version", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("baseline_value", pa.float64()),
        ("data_from", pa.date32()),
        ("data_to", pa.date32()),
    ]
)


def metric_rows(
    measures: Mapping[tuple[str, str], tuple[float, float | None]],
    version: str,
    data_from: date | None,
    data_to: date | None,
) -> list[dict[str, Any]]:
    """Rows of MODEL_METRICS_SCHEMA, by model and metric.

    Args:
        measures: (model, metric) -> (value, value of the baseline or None).
        version: of the model.
        data_from: first date that was read.
        data_to: last date that was read.
    """
    return [
        {
            "model": model,
            "model_version": version,
            "metric": metric,
            "value": value,
            "baseline_value": baseline,
            "data_from": data_from,
            "data_to": data_to,
        }
        for (model, metric), (value, baseline) in sorted(measures.items())
    ]


def canonical_json(value: Any) -> bytes:
    """Write JSON in one way only: sorted keys, no spaces, UTF-8, dates as ISO text.

    Args:
        value: mappings, sequences, text, numbers, booleans, dates, None.

    Returns:
        The bytes, without a final newline.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value is of another type.
    """
    text = json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def fingerprint(table: pa.Table) -> str:
    """Hash the rows of a table, whatever their order and their chunks.

    Args:
        table: columns of plain types; the order of the columns counts.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(canonical_json([[f.name, str(f.type)] for f in table.schema]))
    digest.update(str(table.num_rows).encode())
    if table.num_rows and table.num_columns:
        frame = table.to_pandas(date_as_object=False)
        hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy(dtype=np.uint64)
        digest.update(np.sort(hashes).astype("<u8").tobytes())
    return digest.hexdigest()


def model_version(name: str, code_version: str, params: Mapping[str, Any], data: str) -> str:
    """Name a model by what made it.

    Args:
        name: family, such as "als".
        code_version: raised by hand whenever the code gives other numbers.
        params: all settings.
        data: fingerprint of the inputs.

    Returns:
        "<name>-<12 hexadecimal digits>".
    """
    made_of = {"name": name, "code": code_version, "params": params, "data": data}
    return f"{name}-{hashlib.sha256(canonical_json(made_of)).hexdigest()[:12]}"


def make_card(
    *,
    name: str,
    version: str,
    code_version: str,
    as_of: date,
    data_from: date | None,
    data_to: date | None,
    data_fingerprint: str,
    params: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]],
    baseline: str,
    served: str,
    gate_reason: str,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """Put a model card together; every value is plain JSON.

    Args:
        name: family.
        version: of `model_version`.
        code_version: as given to it.
        as_of: partition date.
        data_from: first event date read, or None for no data.
        data_to: last event date read.
        data_fingerprint: of `fingerprint`.
        params: all settings.
        metrics: rows of MODEL_METRICS_SCHEMA.
        baseline: what the model is compared with, in words.
        served: "model" or "baseline".
        gate_reason: why.
        counts: rows read, persons, products and so on.

    Returns:
        The card.
    """
    card = {
        "name": name,
        "version": version,
        "code_version": code_version,
        "as_of": as_of,
        "data": {"from": data_from, "to": data_to, "fingerprint": data_fingerprint, **counts},
        "params": params,
        "metrics": [
            {k: row[k] for k in ("model", "metric", "value", "baseline_value")} for row in metrics
        ],
        "baseline": baseline,
        "gate": {"served": served, "reason": gate_reason},
    }
    plain: dict[str, Any] = _plain(card)
    return plain


def metrics_table(metrics: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Turn metric rows into a table of MODEL_METRICS_SCHEMA, sorted by model and metric."""
    rows = sorted(metrics, key=lambda row: (row["model"], row["metric"]))
    return pa.Table.from_pylist([dict(row) for row in rows], schema=MODEL_METRICS_SCHEMA)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written to a card")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written to a card")
