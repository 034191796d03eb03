"""From rows "person did X to product, n times on a day" to a weighted sparse matrix.

Here: what an interaction is worth, how it ages, and the sorted index maps. Not here: which rows are
read (the asset asks the warehouse), and anything that learns from the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

INTERACTIONS_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("product_id", pa.string()),
        ("interaction", pa.string()),
        ("event_date", pa.date32()),
        ("n", pa.int64()),
    ]
)

# View 1, add 3, order 5 are the weights of the favourite category (docs/metrics.md); a click on a
# promotion is a view, a wish lies between a view and an add.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"click": 1.0, "view": 1.0, "wishlist": 2.0, "add": 3.0, "order": 5.0}
)

# From the weakest sign of interest to the strongest: what a reason names when there were several.
INTENT_ORDER: tuple[str, ...] = ("click", "view", "wishlist", "add", "order")

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Weighting:
    """What an interaction is worth.

    Attributes:
        by_type: worth of one interaction of each type on the day it happens, > 0.
        half_life_days: age at which it is worth half, in days, > 0.
    """

    by_type: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    half_life_days: float = 30.0

    def __post_init__(self) -> None:
        """Refuse weights that make no sense."""
        if not self.half_life_days > 0:
            raise ValueError(f"half_life_days must be > 0, not {self.half_life_days}")
        for name, weight in self.by_type.items():
            if name not in INTENT_ORDER:
                raise ValueError(f"unknown interaction {name!r}: one of {', '.join(INTENT_ORDER)}")
            if not (weight > 0 and np.isfinite(weight)):
                raise ValueError(f"weight of {name!r} must be a positive number, not {weight}")


@dataclass(frozen=True)
class InteractionMatrix:
    """A weighted matrix with its index maps, both sorted by id.

    Attributes:
        person_ids: (n_persons,) ids in code point order; row i is person_ids[i].
        product_ids: (n_products,) ids in code point order; column j is product_ids[j].
        weights: (n_persons, n_products) float32 > 0, column indices sorted in each row.
        strongest: (nnz,) index into INTENT_ORDER, aligned with weights.data.
    """

    person_ids: tuple[str, ...]
    product_ids: tuple[str, ...]
    weights: Any
    strongest: npt.NDArray[np.int8]


def clean_interactions(interactions: pa.Table) -> pa.Table:
    """Check the columns and leave out rows that tie nobody to nothing.

    Args:
        interactions: columns of INTERACTIONS_SCHEMA, in any order, other columns ignored.

    Returns:
        The table in INTERACTIONS_SCHEMA without rows whose person or product is null.

    Raises:
        ValueError: a column is missing; an interaction is unknown; n or a date is null, or n < 1.
    """
    missing = [name for name in INTERACTIONS_SCHEMA.names if name not in interactions.column_names]
    if missing:
        raise ValueError(f"interactions lack the columns {', '.join(missing)}")
    table = interactions.select(INTERACTIONS_SCHEMA.names).cast(INTERACTIONS_SCHEMA)
    if table["person_id"].null_count or table["product_id"].null_count:
        known = pc.and_(pc.is_valid(table["person_id"]), pc.is_valid(table["product_id"]))
        table = table.filter(known)
    for name in ("interaction", "event_date", "n"):
        if table[name].null_count:
            raise ValueError(f"interactions: {table[name].null_count} rows have no {name}")
    unknown = set(pc.unique(table["interaction"]).to_pylist()) - set(INTENT_ORDER)
    if unknown:
        raise ValueError(
            f"unknown interaction {sorted(unknown)[0]!r}: one of {', '.join(INTENT_ORDER)}"
        )
    if table.num_rows and pc.min(table["n"]).as_py() < 1:
        raise ValueError(f"interactions: n must be at least 1, found {pc.min(table['n'])}")
    return table


def encode_sorted(column: Any) -> tuple[tuple[str, ...], IntArray]:
    """Code a string column by the rank of its values in code point order.

    Args:
        column: pyarrow string column without nulls.

    Returns:
        The sorted distinct values, and for each row its index among them (n_rows,) int64.
    """
    encoded = pa.chunked_array(column).combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values))
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return tuple(values[i] for i in order), rank[codes]


def _looked_up(column: Any, values: Mapping[str, float]) -> FloatArray:
    """The value of each row's text, 0 where it has none; each distinct text is looked up once."""
    encoded = pa.chunked_array(column).combine_chunks().dictionary_encode()
    by_code = np.array([values.get(text, 0.0) for text in encoded.dictionary.to_pylist()])
    return np.asarray(by_code[encoded.indices.to_numpy(zero_copy_only=False)], dtype=np.float64)


def row_weights(interactions: pa.Table, as_of: date, weighting: Weighting) -> FloatArray:
    """Weight each row: n x worth of the type x 0.5 ** (age / half-life).

    Args:
        interactions: a cleaned table.
        as_of: the day at which age is 0. A later event date (a clock ahead) also counts as age 0.
        weighting: worth and half-life.

    Returns:
        (n_rows,) float64; 0 where the weighting has no worth for the type.
    """
    worth = _looked_up(interactions["interaction"], weighting.by_type)
    days = event_days(interactions)
    age = np.maximum(np.datetime64(as_of, "D").astype(np.int64) - days, 0)
    n = interactions["n"].to_numpy().astype(np.float64)
    decayed: FloatArray = n * worth * np.exp2(-age / weighting.half_life_days)
    return decayed


def event_days(interactions: pa.Table) -> IntArray:
    """Days since 1970-01-01 of each row's event date, (n_rows,) int64."""
    column = interactions["event_date"].cast(pa.int32())
    return np.asarray(column.to_numpy(), dtype=np.int64)


def build_matrix(interactions: pa.Table, as_of: date, weighting: Weighting) -> InteractionMatrix:
    """Sum weighted interactions by person and product; the order of the rows does not matter.

    Floating sums depend on their order, so rows are put in order of person, product, weight first.

    Args:
        interactions: columns of INTERACTIONS_SCHEMA.
        as_of: partition date, at which age is 0.
        weighting: worth and half-life.

    Returns:
        The matrix and its maps; (0, 0) where no row is worth anything.

    Raises:
        ValueError: see `clean_interactions`.
    """
    table = clean_interactions(interactions)
    weights = row_weights(table, as_of, weighting)
    if not np.all(weights > 0):
        keep = weights > 0
        table, weights = table.filter(pa.array(keep)), weights[keep]
    persons, rows = encode_sorted(table["person_id"])
    products, columns = encode_sorted(table["product_id"])
    places = {name: float(i) for i, name in enumerate(INTENT_ORDER)}
    intent = _looked_up(table["interaction"], places).astype(np.int8)
    shape = (len(persons), len(products))
    if not len(weights):
        empty = sparse.csr_matrix((0, 0), dtype=np.float32)
        return InteractionMatrix((), (), empty, np.zeros(0, dtype=np.int8))

    key = rows * shape[1] + columns
    order = np.lexsort((weights, key))
    key, weights, intent = key[order], weights[order], intent[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    cell = key[starts]
    data = np.add.reduceat(weights, starts).astype(np.float32)
    # A weight may underflow to 0 at a great age: it would vanish from the pattern of the matrix.
    data = np.maximum(data, np.finfo(np.float32).tiny)
    indptr = np.zeros(shape[0] + 1, dtype=np.int32)
    np.cumsum(np.bincount(cell // shape[1], minlength=shape[0]), out=indptr[1:])
    indices = (cell % shape[1]).astype(np.int32)
    matrix = sparse.csr_matrix((data, indices, indptr), shape=shape)
    return InteractionMatrix(persons, products, matrix, np.maximum.reduceat(intent, starts))


def bm25_weights(weights: Any, k1: float = 1.2, b: float = 0.2) -> Any:
    """Weight by BM25: repeated interest saturates, products that everybody saw say little.

    Args:
        weights: csr (n_persons, n_products), > 0; a person is a document, a product a term.
        k1: the smaller, the sooner repetition saturates, > 0.
        b: how much a long history is discounted, in [0, 1].

    Returns:
        csr of the same pattern, float32, > 0 (Lucene's form of the inverse document frequency,
        ln(1 + (N - df + 0.5) / (df + 0.5)), is never negative, unlike the original).

    Source: Robertson, Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond.
    """
    n_persons, n_products = weights.shape
    if weights.nnz == 0:
        return weights.copy()
    df = np.bincount(weights.indices, minlength=n_products)
    idf = np.log1p((n_persons - df + 0.5) / (df + 0.5))
    lengths = np.add.reduceat(
        np.append(weights.data, 0).astype(np.float64), weights.indptr[:-1]
    ) * (np.diff(weights.indptr) > 0)
    norm = (1 - b) + b * lengths / lengths.mean()
    per_cell = np.repeat(norm, np.diff(weights.indptr))
    tf = weights.data.astype(np.float64)
    data = tf * (k1 + 1) / (k1 * per_cell + tf) * idf[weights.indices]
    data = np.maximum(data.astype(np.float32), np.finfo(np.float32).tiny)
    return sparse.csr_matrix((data, weights.indices, weights.indptr), shape=weights.shape)
