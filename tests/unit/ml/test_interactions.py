"""Weights of interactions: worth, age, order of rows."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from ml.interactions import (
    INTENT_ORDER,
    INTERACTIONS_SCHEMA,
    Weighting,
    bm25_weights,
    build_matrix,
)

AS_OF = date(2026, 1, 31)


def table(*rows: tuple[str | None, str | None, str | None, date | None, int | None]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    arrays = [pa.array(c, f.type) for c, f in zip(columns, INTERACTIONS_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=INTERACTIONS_SCHEMA)


def test_weight_is_worth_times_count_halved_every_half_life() -> None:
    rows = table(
        ("p", "a", "view", AS_OF, 3),  # 3 x 1
        ("p", "a", "order", date(2026, 1, 1), 1),  # 5 x 0.5 at 30 days
        ("q", "b", "add", date(2025, 12, 2), 2),  # 2 x 3 x 0.25 at 60 days
    )
    matrix = build_matrix(rows, AS_OF, Weighting(half_life_days=30))
    assert matrix.person_ids == ("p", "q")
    assert matrix.product_ids == ("a", "b")
    np.testing.assert_allclose(matrix.weights.toarray(), [[5.5, 0], [0, 1.5]])
    assert [INTENT_ORDER[i] for i in matrix.strongest] == ["order", "add"]


def test_an_event_date_after_as_of_counts_as_fresh() -> None:
    matrix = build_matrix(table(("p", "a", "view", date(2026, 2, 1), 1)), AS_OF, Weighting())
    assert matrix.weights.toarray().tolist() == [[1.0]]


def test_ids_are_in_code_point_order() -> None:
    rows = table(*[(p, "x", "view", AS_OF, 1) for p in ("é", "b", "B", "10", "9")])
    assert build_matrix(rows, AS_OF, Weighting()).person_ids == ("10", "9", "B", "b", "é")


def test_order_and_chunks_of_rows_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(1)
    n = 2000
    rows = [
        (
            f"p{rng.integers(20)}",
            f"a{rng.integers(15)}",
            str(rng.choice(INTENT_ORDER)),
            date.fromordinal(AS_OF.toordinal() - int(rng.integers(90))),
            int(rng.integers(1, 5)),
        )
        for _ in range(n)
    ]
    whole = table(*rows)
    order = rng.permutation(n)
    shuffled = pa.concat_tables([whole.take(order[:700]), whole.take(order[700:])])
    a = build_matrix(whole, AS_OF, Weighting())
    b = build_matrix(shuffled, AS_OF, Weighting())
    assert a.weights.data.tobytes() == b.weights.data.tobytes()
    assert a.weights.indices.tobytes() == b.weights.indices.tobytes()
    assert a.strongest.tobytes() == b.strongest.tobytes()


def test_rows_without_person_or_product_are_left_out() -> None:
    rows = table((None, "a", "view", AS_OF, 1), ("p", None, "view", AS_OF, 1))
    assert build_matrix(rows, AS_OF, Weighting()).weights.shape == (0, 0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("p", "a", "stare", AS_OF, 1), "unknown interaction 'stare'"),
        (("p", "a", "view", AS_OF, 0), "n must be at least 1"),
        (("p", "a", "view", None, 1), "have no event_date"),
        (("p", "a", "view", AS_OF, None), "have no n"),
    ],
)
def test_a_broken_row_is_refused_by_name(row: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_matrix(table(row), AS_OF, Weighting())


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="lack the columns n"):
        build_matrix(table().drop(["n"]), AS_OF, Weighting())


@pytest.mark.parametrize("half_life", [0.0, -1.0, float("nan")])
def test_half_life_must_be_positive(half_life: float) -> None:
    with pytest.raises(ValueError, match="half_life_days"):
        Weighting(half_life_days=half_life)


def test_a_type_without_worth_is_left_out() -> None:
    rows = table(("p", "a", "view", AS_OF, 1), ("p", "b", "order", AS_OF, 1))
    assert build_matrix(rows, AS_OF, Weighting({"order": 1.0})).product_ids == ("b",)


def test_bm25_by_hand() -> None:
    # Two persons, weights [[1, 3], [2, 0]]; lengths 4 and 2, mean 3; k1 1, b 0.5.
    # norm: 0.5 + 0.5 * 4/3 = 7/6 and 0.5 + 0.5 * 2/3 = 5/6.
    # idf: df 2 -> ln(1 + 0.5/2.5) = ln 1.2; df 1 -> ln(1 + 1.5/1.5) = ln 2.
    rows = table(
        ("p", "a", "view", AS_OF, 1), ("p", "b", "view", AS_OF, 3), ("q", "a", "view", AS_OF, 2)
    )
    weights = bm25_weights(build_matrix(rows, AS_OF, Weighting()).weights, k1=1.0, b=0.5)
    expected = [
        [1 * 2 / (7 / 6 + 1) * np.log(1.2), 3 * 2 / (7 / 6 + 3) * np.log(2)],
        [2 * 2 / (5 / 6 + 2) * np.log(1.2), 0],
    ]
    np.testing.assert_allclose(weights.toarray(), expected, rtol=1e-6)
