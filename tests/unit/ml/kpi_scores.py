"""Scores of KPI series by their dimensions, for tests.

Belongs here: calling the family on KPIs alone. Not here: the series, which each test makes.
"""

from datetime import date

import pyarrow as pa

from ml.anomalies import AnomalyRun, score_anomalies
from ml.anomaly_files import FILE_ACCESSES_SCHEMA
from ml.anomaly_logins import LOGINS_SCHEMA

AS_OF = date(2026, 3, 5)


def scored(totals: pa.Table, parts: pa.Table) -> AnomalyRun:
    """Scores of metrics and of their values by dimension; nobody logs in or opens a file."""
    return score_anomalies(
        LOGINS_SCHEMA.empty_table(),
        FILE_ACCESSES_SCHEMA.empty_table(),
        totals,
        AS_OF,
        by_dimension=parts,
    )


def rows_of(run: AnomalyRun) -> dict[tuple[str, str], dict]:
    """Rows by kind and id of what was scored."""
    return {(row["entity_type"], row["entity_id"]): row for row in run.scores.to_pylist()}
