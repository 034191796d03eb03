"""Who ordered in the days up to a partition: what predictions of before these days are held to.

Here: the rows' types and order. Not here: whose names count (`ml_purchase_outcomes.sql`), nor the
comparison (`model_calibration.sql`).
"""

import pyarrow as pa

PURCHASE_OUTCOMES_SCHEMA = pa.schema([("person_id", pa.string()), ("horizon_days", pa.int32())])


def purchase_outcomes(outcomes: pa.Table) -> pa.Table:
    """The rows in one order: PURCHASE_OUTCOMES_SCHEMA by person_id.

    Raises:
        KeyError: a column is missing.
    """
    table = outcomes.select(PURCHASE_OUTCOMES_SCHEMA.names).cast(PURCHASE_OUTCOMES_SCHEMA)
    return table.sort_by("person_id")
