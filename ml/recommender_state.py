"""What a partition hands on to the next day: item vectors and the choice of its anchor.

Here: the state, its hash, and its form as a table. No person is in it, so that nothing personal
rests in it. Not here: how it comes about (recommendations.py), where it is kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.cards import canonical_json
from ml.recommender_validation import Choice

_NOTE = b"recommender_state"


@dataclass(frozen=True)
class RecommenderState:
    """Item vectors of a partition, and where they come from.

    Attributes:
        as_of: partition date.
        version: of the model of the partition.
        parent: hash of the state of the day before; None at an anchor.
        choice: of the anchor.
        product_ids: (n,) sorted.
        item_factors: (n, k) float32.
    """

    as_of: date
    version: str
    parent: str | None
    choice: Choice
    product_ids: tuple[str, ...]
    item_factors: npt.NDArray[np.float32]

    def facts(self) -> bytes:
        """All but the vectors, as canonical JSON."""
        return canonical_json(
            {
                "as_of": self.as_of,
                "version": self.version,
                "parent": self.parent,
                "choice": self.choice.to_json(),
            }
        )

    def sha256(self) -> str:
        """Hash of the content, whatever file it rests in."""
        digest = hashlib.sha256(self.facts())
        digest.update(canonical_json([self.product_ids, self.item_factors.shape]))
        digest.update(np.ascontiguousarray(self.item_factors, dtype="<f4").tobytes())
        return digest.hexdigest()

    def factors_of(self, product_ids: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """(m, k) vectors of some products; zeros of one that is not in the state."""
        place = {product: i for i, product in enumerate(self.product_ids)}
        found = np.array([place.get(product, -1) for product in product_ids], dtype=np.int64)
        factors = np.zeros((len(product_ids), self.item_factors.shape[1]), dtype=np.float32)
        factors[found >= 0] = self.item_factors[found[found >= 0]]
        return factors

    def to_table(self) -> pa.Table:
        """Columns product_id and factors, the rest in the metadata of the schema."""
        k = self.item_factors.shape[1]
        flat = pa.array(np.ascontiguousarray(self.item_factors).reshape(-1))
        table = pa.table(
            {
                "product_id": pa.array(self.product_ids, pa.string()),
                "factors": pa.FixedSizeListArray.from_arrays(flat, k),
            }
        )
        return table.replace_schema_metadata({_NOTE: self.facts()})

    @classmethod
    def from_table(cls, table: pa.Table) -> RecommenderState:
        """From what `to_table` gave.

        Raises:
            ValueError: it is no such table.
        """
        notes = table.schema.metadata or {}
        if _NOTE not in notes:
            raise ValueError("the table is no state of the recommender")
        facts = json.loads(notes[_NOTE])
        factors = table["factors"].combine_chunks()
        k = factors.type.list_size
        values = factors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        return cls(
            date.fromisoformat(facts["as_of"]),
            facts["version"],
            facts["parent"],
            Choice.from_json(facts["choice"]),
            tuple(table["product_id"].to_pylist()),
            values.reshape(-1, k),
        )
