"""What models read: schema `ml_inputs`, each table as it was known on an arrival date.

Belongs here: opening the warehouse, and how far the log had come that it was built from. Not here:
what a table holds (`dbt/models/ml_inputs`), and what is made of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import pyarrow as pa

from dagster_project.state import StatePaths


@dataclass(frozen=True)
class ModelInputs:
    """The warehouse, open for reading.

    Attributes:
        con: the connection.
        sequence: the last seal that the warehouse was built from.
        fingerprint: of the models and settings that it was built by.
    """

    con: duckdb.DuckDBPyConnection
    sequence: int
    fingerprint: str = ""

    def read(self, table: str, day: date, window_days: int) -> pa.Table:
        """A table of schema `ml_inputs` as it was known on an arrival date.

        Args:
            table: name in `ml_inputs`.
            day: the arrival date; what arrived later is not seen.
            window_days: days of history, ending on `day`.
        """
        self.con.execute("set variable as_of_date = ?::date", [day])
        first = day - timedelta(days=window_days - 1)
        self.con.execute("set variable window_from = ?::date", [first])
        return self.con.execute(f"select * from ml_inputs.{table}").to_arrow_table()


@contextmanager
def opened(paths: StatePaths) -> Iterator[ModelInputs]:
    """Open the warehouse for reading, which any number of processes may do at once."""
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        (sequence, fingerprint) = con.execute(
            "select max(begun), max(fingerprint) from state.built"
        ).fetchall()[0]
        yield ModelInputs(con, int(sequence), fingerprint)
