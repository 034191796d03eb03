"""What is popular in a segment, how a segment is known, and how it is told."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.interactions import Weighting
from ml.popularity import rank_by_popularity
from ml.reasons import popular
from ml.segment_popularity import SegmentPrior, SegmentRanking, rank_segments
from ml.segments import EVERYBODY, Segment, segments_on
from tests.unit.ml.segment_rows import views, visits

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
GERMANY, FRANCE = "Germany", "France"
ON_PHONE = Segment(GERMANY, "a phone")


def ranked(rows: pa.Table, segments: dict[str, Segment], wanted: Segment, **prior: float):
    everybody = rank_by_popularity(rows, MONDAY, Weighting(), 7, 180)
    found = rank_segments(
        rows, MONDAY, everybody, segments, [wanted], Weighting(), 7, SegmentPrior(**prior)
    )
    return found[wanted]


def by_product(one: SegmentRanking) -> dict[str, float]:
    return dict(zip(one.ranking.product_ids, one.ranking.scores.tolist(), strict=True))


def small_shop() -> tuple[pa.Table, dict[str, Segment]]:
    """Ten persons: two in Germany on a phone, four in Germany, four in France; 40 views in all."""
    segments = {f"p{i}": Segment(FRANCE, "a phone") for i in range(4)}
    segments |= {f"p{i}": ON_PHONE for i in (4, 5)}
    segments |= {f"p{i}": Segment(GERMANY, "a computer") for i in (6, 7)}
    rows = [(f"p{i}", "x", MONDAY, 6) for i in range(4)]  # 24
    rows += [("p4", "y", MONDAY, 3), ("p5", "y", MONDAY, 3)]  # 6 on the phone
    rows += [("p6", "z", MONDAY, 5), ("p7", "z", MONDAY, 4), ("p7", "x", MONDAY, 1)]  # 10
    rows += [("p8", "old", MONDAY - 30 * DAY, 50)]
    return views(rows), segments


def test_a_share_is_shrunk_along_the_chain_as_the_formula_says():
    rows, segments = small_shop()
    found = ranked(rows, segments, ON_PHONE, persons=2, min_persons=2)
    # 40 views of 8 persons in the week: a person is worth 5, the prior 10.
    q_all = {"x": 25 / 40, "y": 6 / 40, "z": 9 / 40}
    of_country = {"x": 1, "y": 6, "z": 9}
    q_country = {p: (of_country[p] + 10 * q_all[p]) / (16 + 10) for p in q_all}
    q_phone = {p: ((6 if p == "y" else 0) + 10 * q_country[p]) / (6 + 10) for p in q_all}
    expected = {p: pytest.approx(40 * q_phone[p], abs=1e-6) for p in q_all}
    # What nobody looked at this week stays behind, with the score that it has for all.
    assert by_product(found) == expected | {"old": 50}
    assert found.ranking.product_ids == ("y", "z", "x", "old")
    assert found.ranking.days.tolist() == [7, 7, 7, 180]
    assert found.chain == (EVERYBODY, Segment(GERMANY), ON_PHONE)
    # y: 6 of 16 by the phone, more than 10/16 x (6/26 by the country and 1.5/26 by all). z: most by
    # the country. x: 10/16 x 1/26 by the country, 10/16 x 6.25/26 by all. old: by all.
    assert [found.chain[i] for i in found.named] == [
        ON_PHONE, Segment(GERMANY), EVERYBODY, EVERYBODY,
    ]  # fmt: skip


def test_a_small_segment_falls_back_to_the_broader_one():
    rows, segments = small_shop()
    of_country = ranked(rows, segments, ON_PHONE, persons=2, min_persons=3)
    assert of_country.chain == (EVERYBODY, Segment(GERMANY))
    assert by_product(of_country) == by_product(
        ranked(rows, segments, Segment(GERMANY), persons=2, min_persons=2)
    )
    of_all = ranked(rows, segments, ON_PHONE, persons=2, min_persons=5)
    everybody = rank_by_popularity(rows, MONDAY, Weighting(), 7, 180)
    assert of_all.chain == (EVERYBODY,)
    assert of_all.ranking.product_ids == everybody.product_ids == ("x", "z", "y", "old")


def test_the_prior_decides_how_far_a_segment_is_believed():
    rows, segments = small_shop()
    orders = [
        ranked(rows, segments, ON_PHONE, persons=persons, min_persons=2).ranking.product_ids
        for persons in (0.01, 1e6)
    ]
    assert orders == [("y", "z", "x", "old"), ("x", "z", "y", "old")]
    for persons in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be a positive number"):
            SegmentPrior(persons=persons)


def test_what_one_person_did_is_named_for_no_segment():
    rows, segments = small_shop()
    alone = rows.filter(pc.not_equal(rows["person_id"], "p5"))
    alone = pa.concat_tables([alone, views([("p5", "w", MONDAY, 3)])])
    found = ranked(alone, segments, ON_PHONE, persons=2, min_persons=2)
    named = dict(zip(found.ranking.product_ids, found.named.tolist(), strict=True))
    # y and w are one person's each, in the country too.
    assert (named["y"], named["w"]) == (0, 0)
    assert named["z"] == 1


def test_ties_are_in_the_order_of_ids():
    rows = views([(f"p{i}", a, MONDAY, 1) for i in range(6) for a in ("b", "a", "c")])
    segments = {f"p{i}": Segment(GERMANY) for i in range(5)}
    found = ranked(rows, segments, Segment(GERMANY))
    assert found.ranking.product_ids == ("a", "b", "c")


def test_a_segment_is_where_somebody_was_last_known_to_be():
    seen = visits(
        [
            ("a", MONDAY - DAY, GERMANY, "Mobile"),
            ("a", MONDAY, None, "fridge"),
            ("b", MONDAY - DAY, FRANCE, "desktop"),
            ("b", MONDAY, GERMANY, None),
            ("b", MONDAY + DAY, "Spain", "tv"),
            ("c", MONDAY, None, "tablet"),
            ("d", MONDAY, FRANCE, None),
        ]
    )
    assert segments_on(seen, MONDAY, ["a", "b", "c", "d", "e"]) == [
        Segment(GERMANY),  # whatever it is, it is no phone any more
        Segment(GERMANY, "a computer"),
        Segment(device="a tablet"),
        Segment(FRANCE),
        EVERYBODY,
    ]


def test_segments_are_said_in_words():
    assert popular(7) == "popular in the last 7 days"
    assert popular(1, Segment("United States")) == (
        "popular in the last day with visitors from the United States"
    )
    assert (
        popular(7, ON_PHONE) == "popular in the last 7 days with visitors from Germany on a phone"
    )
    assert popular(7, Segment(device="a tablet")) == (
        "popular in the last 7 days with visitors on a tablet"
    )
    assert ON_PHONE.chain() == (EVERYBODY, Segment(GERMANY), ON_PHONE)
    assert Segment(device="a tablet").chain() == (EVERYBODY, Segment(device="a tablet"))
    assert Segment(device="a phone").holds(ON_PHONE)
    assert not ON_PHONE.holds(Segment(GERMANY))
    assert not Segment(FRANCE).holds(ON_PHONE)
