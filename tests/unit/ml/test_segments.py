"""Popularity of segments: whom it is served to, and when.

Not here: what is popular in a segment (`test_segment_popularity`).
"""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.next_day import next_day_truth
from ml.recommendations import (
    BOUGHT_SCHEMA,
    RecommendationParams,
    RecommendationRun,
    fit_partition,
    list_partition,
    recommend_partition,
)
from ml.recommender_inputs import Known, prepare
from ml.recommender_state import RecommenderState
from ml.recommender_validation import choose
from ml.segment_comparison import SEGMENTS, compare_segments, segment_persons
from ml.segment_popularity import SegmentPrior
from ml.segments import Segment
from tests.unit.ml.other_processes import printed
from tests.unit.ml.segment_rows import views, visits

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
NOTHING = BOUGHT_SCHEMA.empty_table()
PLAIN = RecommendationParams(als_alternatives=())
GERMANY, FRANCE = "Germany", "France"
ON_PHONE = Segment(GERMANY, "a phone")


@cache
def shop(differ: bool = True, days: int = 42, each: int = 40) -> tuple[pa.Table, pa.Table]:
    """Newcomers of each day look at two products on the next; their country decides at which.

    Half come from each country, half of them on a phone, which decides nothing. Where countries do
    not differ, who is of which taste is drawn by lot.
    """
    rng = np.random.default_rng(11)
    seen, did = [], []
    for number in range(days):
        day = MONDAY + 7 * DAY - (days - 1 - number) * DAY
        for i in range(each):
            person = f"n{number:02}-{i:02}"
            country = (GERMANY, FRANCE)[i % 2]
            taste = i % 2 if differ else int(rng.integers(2))
            seen.append((person, day, country, ("mobile", "desktop")[i // 2 % 2]))
            for _ in range(2):
                rank = min(int(rng.geometric(0.12)), 20) - 1
                did.append((person, f"a{rank * 2 + taste:02}", day + DAY, 1))
    return views(did), visits(seen)


def until(table: pa.Table, day: date) -> pa.Table:
    return table.filter(pc.less_equal(table["event_date"], pa.scalar(day)))


def known_on(day: date, differ: bool = True, visitors: pa.Table | None = None) -> Known:
    did, seen = shop(differ)
    seen = until(seen, day) if visitors is None else visitors
    recent = pc.greater(seen["event_date"], pa.scalar(day - 14 * DAY))
    return prepare(until(did, day), NOTHING, day, PLAIN, seen.filter(recent))


@pytest.fixture(scope="module")
def planted() -> RecommenderState:
    return fit_partition(known_on(MONDAY), None).state


@pytest.fixture(scope="module")
def run() -> RecommendationRun:
    return list_partition(fit_partition(known_on(MONDAY), None))


def digest(run: RecommendationRun) -> str:
    """Of rows, card, metrics and state."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, run.recommendations.schema) as writer:
        writer.write_table(run.recommendations.combine_chunks())
    parts = [sink.getvalue(), run.card_bytes(), run.state.sha256().encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def newcomers(run: RecommendationRun, day: date) -> dict[str, list[dict]]:
    """Lists of those who came on a day, and have done nothing yet."""
    number = 41 - (MONDAY + 7 * DAY - day).days
    found: dict[str, list[dict]] = {}
    for row in run.recommendations.to_pylist():
        if row["person_id"].startswith(f"n{number:02}-"):
            found.setdefault(row["person_id"], []).append(row)
    return found


def test_segments_are_served_where_favourites_differ_and_beat_global_on_the_next_day(planted, run):
    assert planted.choice.segments.served == "model"
    rows = [row for row in run.metrics if row["model"] == SEGMENTS]
    values = {row["metric"]: (row["value"], row["baseline_value"]) for row in rows}
    assert values["ndcg@10"][0] > values["ndcg@10"][1]
    assert run.card["segments"]["served"] == "model"
    # On a day that neither has seen: the newcomers of Monday, on Tuesday.
    truth = next_day_truth(known_on(MONDAY), planted, known_on(MONDAY + DAY).window)
    found = {
        row["metric"]: (row["value"], row["baseline_value"])
        for row in truth
        if row["model"] == SEGMENTS
    }
    assert found["next_day_persons"] == (40, 40)
    for metric in ("recall", "ndcg", "map"):
        assert found[f"next_day_{metric}@10"][0] > 1.2 * found[f"next_day_{metric}@10"][1]


def test_a_newcomer_is_served_what_is_popular_in_the_country(run):
    lists = newcomers(run, MONDAY)
    assert len(lists) == 40
    own = [
        int(row["product_id"][1:]) % 2 == int(name[4:]) % 2
        for name, rows in lists.items()
        for row in rows
    ]
    # By what is popular with all it is half.
    assert np.mean(own) > 0.95
    assert run.card["data"]["persons_served_by_segment"] >= 40
    assert {row["is_baseline"] for rows in lists.values() for row in rows} == {True}


def test_a_reason_names_the_segment_that_looked_at_the_product(run):
    did, seen = shop()
    where = {row["person_id"]: row for row in seen.to_pylist()}
    kinds = {"mobile": "a phone", "desktop": "a computer"}
    looked: dict[str, dict[str, int]] = {}
    for row in until(did, MONDAY).to_pylist():
        if row["event_date"] > MONDAY - 7 * DAY:
            one = where[row["person_id"]]
            for segment in (
                f"visitors from {one['country']}",
                f"visitors from {one['country']} on {kinds[one['device_type']]}",
            ):
                of_segment = looked.setdefault(segment, {})
                of_segment[row["product_id"]] = of_segment.get(row["product_id"], 0) + 1
    named = 0
    for name, rows in newcomers(run, MONDAY).items():
        for row in rows:
            start, _, segment = row["reason"].partition(" with ")
            assert start == "popular in the last 7 days"
            if segment:
                named += 1
                assert where[name]["country"] in segment
                assert looked[segment][row["product_id"]] >= 2
    assert named > 300


def test_the_gate_keeps_what_is_popular_with_all_where_segments_are_alike():
    known = known_on(MONDAY, differ=False)
    fitted = fit_partition(known, None)
    assert fitted.state.choice.segments.served == "baseline"
    assert fitted.state.choice.segments.pairs >= 30
    found = list_partition(fitted)
    assert found.card["data"]["persons_served_by_segment"] == 0
    blank = visits([(p, d, None, None) for p, d, *_ in zip(*known.visitors.to_pydict().values(),
                                                           strict=True)])  # fmt: skip
    without = recommend_partition(known.window, NOTHING, MONDAY, PLAIN, blank)
    columns = ["person_id", "rank", "product_id", "score", "reason", "is_baseline"]
    assert found.recommendations.select(columns).equals(without.recommendations.select(columns))


def test_the_gate_needs_enough_persons_whose_segment_is_known():
    seen = known_on(MONDAY).visitors
    # Those of the day before the last week, which is predicted; the countries of 29 are known.
    cut = pc.equal(seen["event_date"], pa.scalar(MONDAY - 7 * DAY))
    known = pc.and_(cut, pc.less(pc.utf8_slice_codeunits(seen["person_id"], 4), "29"))
    params = replace(PLAIN, segment_prior=SegmentPrior(min_persons=1))
    for name in ("country", "device_type"):
        place = seen.column_names.index(name)
        seen = seen.set_column(place, name, pc.if_else(known, seen[name], None))
    one = known_on(MONDAY)
    choice = choose(prepare(one.window, NOTHING, MONDAY, params, seen))
    assert choice.segments.served == "baseline"


def test_the_back_test_knows_no_country_that_was_told_after_its_cut(planted):
    """Those who teach what is popular in a country travel after the cut, or on it.

    Who is judged by it, the 40 of the cut, stays where they were.
    """
    seen = known_on(MONDAY).visitors
    cut = MONDAY - 7 * DAY
    chosen = {}
    for told in (cut + DAY, cut):
        elsewhere = pc.if_else(pc.equal(seen["country"], GERMANY), FRANCE, GERMANY)
        travelled = seen.set_column(2, "country", elsewhere).filter(
            pc.less_equal(seen["event_date"], pa.scalar(cut))
        )
        dates = pa.array([told] * travelled.num_rows, pa.date32())
        travelled = travelled.set_column(1, "event_date", dates)
        # In the second case the first country is not known any more.
        kept = seen if told > cut else seen.filter(pc.greater(seen["event_date"], pa.scalar(cut)))
        known = known_on(MONDAY, visitors=pa.concat_tables([kept, travelled.slice(0, 240)]))
        chosen[told] = choose(known).segments
    assert chosen[cut + DAY] == planted.choice.segments
    assert chosen[cut] != planted.choice.segments


@pytest.mark.parametrize(("is_model_served", "persons"), [(True, 3), (False, 7)])
def test_segments_are_judged_on_those_whom_popularity_would_serve(is_model_served, persons):
    """Four with enough history, one with one product, two visitors, and one of no country."""
    names = [*(f"old{i}" for i in range(4)), "one", "new0", "new1", "nowhere"]
    rows = [(f"old{i}", product, MONDAY, 1) for i in range(4) for product in ("a", "b")]
    rows += [("one", "c", MONDAY, 1), ("old0", "d", MONDAY, 1)]
    seen = visits([(p, MONDAY, GERMANY if p != "nowhere" else None, None) for p in names])
    known = prepare(views(rows), NOTHING, MONDAY, PLAIN, seen)
    everybody = known.popularity()
    ids, excluded = known.everybody()
    assert ids == ("old0", "old1", "old2", "old3", "one", "new0", "new1", "nowhere")
    found = compare_segments(
        segment_persons(known.window, MONDAY, known.visitors, ids, everybody, PLAIN),
        everybody,
        known.matrix,
        ids,
        excluded,
        views([(p, "d" if p != "old0" else "c", MONDAY + DAY, 1) for p in names]),
        PLAIN,
        known.rule(known.matrix.product_ids),
        is_model_served=is_model_served,
    )
    assert len(found.ndcg[SEGMENTS]) == persons


def test_the_version_follows_countries_and_categories():
    known = known_on(MONDAY)
    seen = known.visitors
    moved = pc.if_else(pc.equal(seen["person_id"], seen["person_id"][0]), "Spain", seen["country"])
    goods = pa.table({"product_id": ["a00"], "category": ["hats"]})
    versions = {
        fit_partition(prepare(known.window, NOTHING, MONDAY, PLAIN, *others), None).state.version
        for others in ((seen,), (seen.set_column(2, "country", moved),), (seen, goods))
    }
    assert len(versions) == 3


def test_a_choice_with_its_segments_is_the_same_from_a_state(planted):
    again = RecommenderState.from_table(planted.to_table())
    assert again.choice == planted.choice
    assert again.sha256() == planted.sha256()
    tuesday = fit_partition(known_on(MONDAY + DAY), planted)
    assert tuesday.state.choice.segments == planted.choice.segments
    assert list_partition(tuesday).card["data"]["persons_served_by_segment"] > 0


def test_order_of_rows_changes_no_byte(run):
    known = known_on(MONDAY)
    mixed = np.random.default_rng(2).permutation(known.visitors.num_rows)
    again = recommend_partition(
        known.window.take(np.arange(known.window.num_rows)[::-1]), NOTHING, MONDAY, PLAIN,
        known.visitors.take(mixed),
    )  # fmt: skip
    assert digest(again) == digest(run)


def test_one_and_two_threads_give_the_same_bytes(run):
    code = (
        "from test_segments import MONDAY, digest, fit_partition, known_on, list_partition\n"
        "print(digest(list_partition(fit_partition(known_on(MONDAY), None))))\n"
    )
    seen = {
        printed(code, OMP_NUM_THREADS=n, OPENBLAS_NUM_THREADS=n, PYTHONHASHSEED=n)
        for n in ("1", "2")
    }
    assert seen == {digest(run)}


def test_who_was_here_before_the_recent_days_alone_gets_no_list():
    rows = views([(f"p{i}", "x", MONDAY, 6) for i in range(8)])
    seen = visits([("late", MONDAY - 6 * DAY, None, None), ("gone", MONDAY - 7 * DAY, None, None)])
    run = recommend_partition(rows, NOTHING, MONDAY, replace(PLAIN, young_days=1), seen)
    assert {"late", "gone"} & set(run.recommendations["person_id"].to_pylist()) == {"late"}


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_a_shop_where_next_to_nothing_happened_has_segments_of_nobody(n_rows):
    names = [f"p{i}" for i in range(40)]
    seen = visits([(p, MONDAY - 6 * DAY, GERMANY, "mobile") for p in names])
    rows = views([(p, "a", MONDAY - i * DAY, 1) for i, p in enumerate(names)]).slice(0, n_rows)
    goods = pa.table({"product_id": ["a"], "category": ["hats"]})
    run = recommend_partition(rows, NOTHING, MONDAY, PLAIN, seen, products=goods)
    assert run.state.choice.segments.served == "baseline"
    assert run.recommendations.num_rows == (40 - n_rows if n_rows else 0)
