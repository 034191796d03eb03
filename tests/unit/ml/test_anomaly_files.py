"""Scores of file access: by hand, causality, planted anomalies."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.anomaly_files import (
    FILE_ACCESSES_SCHEMA,
    PARTS,
    FileScores,
    evidence,
    explain_files,
    score_file_access,
)
from tests.unit.ml.file_simulation import NOT_TUNED, PLANTED, TUNED, simulate

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC).replace(tzinfo=None)


def accesses(*rows: dict) -> pa.Table:
    usual = {
        "person_id": "p",
        "is_download": False,
        "is_denied": False,
        "place": "/a",
        "device": "d1",
        "is_scored": False,
    }
    made = [
        {"event_key": f"k{i:03d}", "event_ts": MONDAY, **usual, **row} for i, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=FILE_ACCESSES_SCHEMA)


def on(day: int, **columns: object) -> dict:
    return {"event_ts": MONDAY + timedelta(days=day), **columns}


def part(found: FileScores, row: int, name: str) -> float:
    return float(found.parts[row, PARTS.index(name)])


# Seeds 0 to 2 set what there is to set: tested on others.
SEEDS = (4, 5)


@cache
def simulated(
    kinds: tuple[str, ...], seed: int = SEEDS[0], *, is_blurred: bool = True
) -> tuple[FileScores, np.ndarray]:
    """Scores, and the kind planted on each day, '' where none is."""
    table, planted = simulate(seed, kinds, is_blurred=is_blurred)
    found = score_file_access(table)
    days = zip(found.person_ids, found.days, strict=True)
    return found, np.array([planted.get((person, int(day)), "") for person, day in days])


def test_places_by_hand() -> None:
    rows = [on(day, person_id=who, place=place) for day in range(10) for who, place in
            (("p", "/a"), ("q", "/b"))]  # fmt: skip
    found = score_file_access(accesses(*rows, on(10, place="/b"), on(10, place="/new")))
    # 10 of everybody's 20 accesses were to /b; p never was there, and nobody who was at /a. A known
    # past of 10 weighs 10 / (10 + 5); of it .5 are for the own past and .49 for peers.
    expected = (1 - (10 / 15) * 0.99) * 0.5
    assert found.excess[20] == pytest.approx(np.log(0.5 / expected))
    assert found.excess[21] == 0
    assert part(found, 20, "places") == pytest.approx(np.log(0.5 / expected), abs=5e-4)


def test_a_place_of_people_who_work_alike_is_less_strange() -> None:
    rows = [on(day, person_id=who, place=place) for day in range(10) for who, place in
            (("p", "/a"), ("q", "/a"), ("q", "/b"), ("r", "/c"), ("r", "/b"))]  # fmt: skip
    with_peers = score_file_access(accesses(*rows, on(10, place="/b")))
    strange = score_file_access(accesses(*rows, on(10, place="/c")))
    # From /a the walk goes to p or q alike, from there to /a, or half of the time from q to /b.
    shares = {"own": 0.0, "peers": 0.25, "anybody": 0.4}
    weight = 10 / 15
    expected = weight * 0.49 * shares["peers"] + (1 - weight * 0.99) * shares["anybody"]
    assert with_peers.excess[-1] == pytest.approx(np.log(0.4 / expected))
    assert strange.excess[-1] > with_peers.excess[-1]


def test_the_day_itself_does_not_teach_its_places() -> None:
    rows = [on(day, person_id=who, place=place) for day in range(10) for who, place in
            (("p", "/a"), ("q", "/b"))]  # fmt: skip
    found = score_file_access(accesses(*rows, *[on(10, place="/b")] * 3))
    assert len(set(found.excess[20:])) == 1
    # The second to a place adds half, the third a third.
    assert part(found, 20, "places") == pytest.approx(
        found.excess[20] * (1 + 1 / 2 + 1 / 3), abs=5e-4
    )


def test_counts_by_hand() -> None:
    # Two a day for 20 days, then 12 of which 5 are downloads.
    rows = [on(day) for day in range(20) for _ in range(2)]
    today = [on(20, is_download=number < 5) for number in range(12)]
    found = score_file_access(accesses(*rows, *today))
    mean = (40 + 0.5) / 21
    usual = (40 + 2 * mean) / 22
    # Nothing varies: the least dispersion, a shape of 10.
    tail = stats.nbinom.sf(11, 10, 10 / (10 + usual))
    assert found.usual[20, 0] == pytest.approx(usual)
    assert part(found, 20, "accesses") == pytest.approx(-np.log(2 * tail), abs=5e-4)
    share = (0 + 20 * 0.5 / 41) / (40 + 20)
    assert found.usual[20, 1] == pytest.approx(12 * share)
    tail = stats.nbinom.sf(4, 10, 10 / (10 + 12 * share))
    assert part(found, 20, "downloads") == pytest.approx(-np.log(2 * tail), abs=5e-4)
    assert part(found, 20, "refusals") == 0


def test_what_is_refused_teaches_nothing() -> None:
    rows = [on(day, person_id=who, place=place) for day in range(10) for who, place in
            (("p", "/a"), ("q", "/b"))]  # fmt: skip
    refused = [on(9, place="/b", is_denied=True, device="d9")] * 5
    found = score_file_access(accesses(*rows, *refused, on(10, place="/b", device="d9")))
    plain = score_file_access(accesses(*rows, on(10, place="/b", device="d9")))
    assert found.excess[-1] == plain.excess[-1]
    assert part(found, -1, "device") == part(plain, -1, "device") > 0


def test_a_device_that_is_somebody_elses_is_rarer_than_one_of_a_pool() -> None:
    rows = [on(day, person_id=f"p{n}", device=f"pool{(n + day) % 5}" if n < 8 else f"own{n}")
            for day in range(20) for n in range(10)]  # fmt: skip
    somebodys = score_file_access(accesses(*rows, on(20, person_id="p0", device="own9")))
    new = score_file_access(accesses(*rows, on(20, person_id="p8", device="pool1")))
    assert part(somebodys, -1, "device") > part(new, -1, "device") > 0
    known = score_file_access(accesses(*rows, on(20, person_id="p9", device="own9")))
    assert part(known, -1, "device") == 0


def scored(kinds: tuple[str, ...], name: str) -> np.ndarray:
    """Something of the scored days of both shops."""
    return np.concatenate(
        [
            (kind if name == "kind" else getattr(found, name))[found.is_scored]
            for found, kind in (simulated(kinds, seed) for seed in SEEDS)
        ]
    )


@pytest.mark.parametrize(
    ("kinds", "auroc", "precision"), [(TUNED, 0.98, 0.65), (NOT_TUNED, 0.94, 0.35)]
)
def test_planted_days_are_ranked_first(
    kinds: tuple[str, ...], auroc: float, precision: float
) -> None:
    kind, scores, counts = (scored(kinds, name) for name in ("kind", "scores", "counts"))
    truth = kind != ""
    assert 0.005 < truth.mean() < 0.02
    forest = IsolationForest(random_state=0).fit(counts)
    rule = counts[:, 0] / scored(kinds, "usual")[:, 0]
    surprise = average_precision_score(truth, scores)
    assert roc_auc_score(truth, scores) > auroc
    assert surprise > precision
    for baseline in (-forest.score_samples(counts), rule):
        assert surprise > average_precision_score(truth, baseline) + 0.2


def test_without_what_blurs_all_kinds_are_ranked_first_and_flags_are_right() -> None:
    found, kind = simulated(tuple(PLANTED), is_blurred=False)
    truth, flags = kind[found.is_scored] != "", found.is_anomaly[found.is_scored]
    assert average_precision_score(truth, found.scores[found.is_scored]) > 0.9
    assert truth[flags].mean() > 0.95
    assert flags[truth].mean() > 0.6


def test_most_of_what_settings_were_chosen_by_is_flagged_and_some_of_the_rest() -> None:
    for kinds, least in ((TUNED, 0.6), (NOT_TUNED, 0.2)):
        kind, flags = scored(kinds, "kind"), scored(kinds, "is_anomaly")
        assert flags[kind != ""].mean() > least
        assert (kind[flags] != "").mean() > 0.5
    kind, flags = scored(TUNED, "kind"), scored(TUNED, "is_anomaly")
    assert set(kind[flags]) >= set(TUNED)


def test_p_values_of_usual_days_are_not_too_small() -> None:
    found, kind = simulated(TUNED)
    usual = found.is_scored & (kind == "")
    assert 0.02 < (found.p_values[usual] < 0.05).mean() < 0.08


def test_later_accesses_change_no_earlier_number() -> None:
    whole, _ = simulated(TUNED)
    last = whole.days[-1] - 3
    times = whole.accesses["event_ts"].cast(pa.int64()).to_numpy()
    some = whole.accesses.slice(0, int((times < last * 86_400_000_000).sum()))
    early = score_file_access(some)
    m = len(early.scores)
    assert early.is_scored.sum() > 500
    for name in ("parts", "p_values"):
        mine, all_of_them = (getattr(one, name)[:m][early.is_scored] for one in (early, whole))
        assert mine.tobytes() == all_of_them.tobytes()
    assert explain_files(early, m - 1) == explain_files(whole, m - 1)


def test_row_order_does_not_change_a_byte() -> None:
    whole, _ = simulated(TUNED)
    order = np.random.default_rng(0).permutation(whole.accesses.num_rows)
    again = score_file_access(whole.accesses.take(order))
    assert again.accesses.equals(whole.accesses)
    assert again.parts.tobytes() == whole.parts.tobytes()
    assert again.p_values.tobytes() == whole.p_values.tobytes()


def planted_rows() -> Iterator[tuple[FileScores, int]]:
    for kinds in (TUNED, NOT_TUNED):
        found, kind = simulated(kinds)
        yield from ((found, int(row)) for row in np.flatnonzero(found.is_scored & (kind != "")))


def test_explanations_add_up_to_the_score_and_name_what_happened() -> None:
    for found, row in planted_rows():
        said = explain_files(found, row)
        parts = dict(re.findall(r"(\w+) (\d+\.\d{3})", said.split(" nats = ")[1]))
        assert parts.keys() == set(PARTS)
        assert sum(map(float, parts.values())) == pytest.approx(found.scores[row], abs=1e-9)
        assert f"Surprise {found.scores[row]:.3f} nats" in said
        of_day = found.accesses.take(found.of_day[row])
        for place in re.findall(r"/\w+/\d+(?:/\d+)?", said):
            assert place in of_day["place"].to_pylist()
        for count, what in re.findall(r"(\d+) (accesses|downloads|refusals) \(", said):
            column = {"downloads": "is_download", "refusals": "is_denied"}.get(what)
            assert int(count) == (sum(of_day[column].to_pylist()) if column else len(of_day))


def test_evidence_is_of_the_day_and_begins_with_the_strangest() -> None:
    found, kind = simulated(TUNED)
    for row in np.flatnonzero(found.is_scored & (kind == "refused_elsewhere")):
        keys = evidence(found, int(row), 10)
        day = dict(zip(found.accesses["event_key"].take(found.of_day[row]).to_pylist(),
                       found.of_day[row], strict=True))  # fmt: skip
        assert 1 <= len(keys) <= 10
        assert set(keys) <= day.keys()
        assert found.excess[day[keys[0]]] == found.excess[found.of_day[row]].max()


def test_nobody_one_access_and_unknown_values_have_a_score() -> None:
    assert score_file_access(FILE_ACCESSES_SCHEMA.empty_table()).scores.size == 0
    alone = score_file_access(accesses({"is_scored": True, "place": None, "device": None}))
    assert alone.scores.tolist() == [pytest.approx(alone.parts.sum())]
    assert (alone.p_values.tolist(), alone.is_anomaly.tolist()) == ([1.0], [False])
    nobody = accesses({"person_id": None})
    assert score_file_access(nobody).scores.size == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_key": None}, "have no event_key"),
        ({"is_denied": None}, "have no is_denied"),
        ({"event_key": "k000"}, "comes twice"),
    ],
)
def test_broken_accesses_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_file_access(accesses({}, {}, change))
    with pytest.raises(ValueError, match="lack the columns place"):
        score_file_access(accesses({}).drop_columns(["place"]))
