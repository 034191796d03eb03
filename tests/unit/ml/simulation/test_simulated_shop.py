"""The simulated shop against its own truth, by independent readings of what it emits."""

import json
import re
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ml.simulation import SESSIONABLE, Faults, Settings, Simulation
from ml.simulation.seasons import spike_days

START = date(2026, 3, 1)
SETTINGS = Settings(seed=3, days=24, start=START, visitors_per_day=90, attack_rate=0.3)
FIELDS = {
    *("event_id", "event_name", "event_ts", "sent_ts", "user_id", "anonymous_id", "device_id"),
    *("product_id", "category", "brand", "price", "quantity", "currency", "order_id", "revenue"),
    *("coupon", "impression_id", "page_url", "page_path", "referrer", "utm_source", "utm_medium"),
    *("utm_campaign", "device_type", "app", "country", "region", "locale", "ip", "user_agent"),
    *("consent", "properties"),
}
Event = dict[str, Any]
Lines = list[tuple[date, str, str, str]]


def draw(settings: Settings) -> tuple[Simulation, Lines]:
    simulation = Simulation(settings)
    lines = [
        (file.date, file.source, file.name, line)
        for files in simulation.days()
        for file in files
        for line in file.lines
    ]
    return simulation, lines


@pytest.fixture(scope="module")
def drawn() -> tuple[Simulation, Lines]:
    return draw(SETTINGS)


@pytest.fixture(scope="module")
def simulation(drawn: tuple[Simulation, Lines]) -> Simulation:
    return drawn[0]


@pytest.fixture(scope="module")
def lines(drawn: tuple[Simulation, Lines]) -> Lines:
    return drawn[1]


def valid_copies(lines: Lines) -> list[tuple[date, str, Event]]:
    """Every well-formed copy, judged without the simulator's help, in order of arrival."""
    found = []
    for arrived, source, _, line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if (
            isinstance(event, dict)
            and "event_name" in event
            and event.get("event_ts", "1970") >= "2000"
            and not isinstance(event.get("price"), str)
        ):
            found.append((arrived, source, event))
    return found


def first_copies(lines: Lines) -> list[tuple[date, str, Event]]:
    seen = set()
    found = []
    for arrived, source, event in valid_copies(lines):
        if event["event_id"] not in seen:
            seen.add(event["event_id"])
            found.append((arrived, source, event))
    return found


def moment(event: Event) -> datetime:
    return datetime.fromisoformat(event["event_ts"].rstrip("Z"))


def sessions_of(events: list[Event]) -> list[tuple[Any, ...]]:
    """Sessions by the definition alone: 30 minutes of idleness, per anonymous id."""
    by_visitor = defaultdict(list)
    for event in events:
        if event["event_name"] in SESSIONABLE:
            by_visitor[event["anonymous_id"]].append(event)
    found = []
    for visitor, own in by_visitor.items():
        own.sort(key=moment)
        runs: list[list[Event]] = [[own[0]]]
        for before, event in pairwise(own):
            if moment(event) - moment(before) > timedelta(minutes=30):
                runs.append([])
            runs[-1].append(event)
        for run in runs:
            names = Counter(e["event_name"] for e in run)
            revenue = sum(e["revenue"] for e in run if e["event_name"] == "order_completed")
            found.append(
                (
                    visitor,
                    moment(run[0]),
                    moment(run[-1]),
                    len(run),
                    names["page_viewed"],
                    names["product_viewed"],
                    names["product_added"],
                    names["order_completed"],
                    round(revenue, 2),
                )
            )
    return sorted(found)


def test_same_seed_gives_the_same_lines(lines: Lines) -> None:
    assert draw(SETTINGS)[1] == lines


def test_another_seed_gives_other_lines(lines: Lines) -> None:
    other = Settings(seed=4, days=2, start=START, visitors_per_day=90)
    assert not {line for *_, line in draw(other)[1]} & {line for *_, line in lines} - {
        '["tracker","warm-up"]'
    }


def test_more_days_leave_the_earlier_days_as_they_were(lines: Lines) -> None:
    shorter = Settings(seed=3, days=9, start=START, visitors_per_day=90, attack_rate=0.3)
    assert draw(shorter)[1] == [row for row in lines if row[0] < START + timedelta(days=9)]


def test_sessions_made_from_the_lines_are_the_true_ones(
    simulation: Simulation, lines: Lines
) -> None:
    truth = simulation.truth.tables()["sessions"].to_pylist()
    expected = sorted(
        (
            *(row[name] for name in ("anonymous_id", "started_at", "ended_at", "event_count")),
            *(row[name] for name in ("page_views", "product_views", "cart_adds", "orders")),
            round(row["revenue"], 2),
        )
        for row in truth
    )
    assert sessions_of([event for _, _, event in first_copies(lines)]) == expected
    assert len({(r["person_id"], r["anonymous_id"]) for r in truth}) < len(truth)


def test_every_line_but_the_invalid_is_compact_json_with_canonical_fields(
    simulation: Simulation, lines: Lines
) -> None:
    good = 0
    for *_, line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        assert json.dumps(event, ensure_ascii=False, separators=(",", ":")) == line
        if isinstance(event, dict):
            assert set(event) <= FIELDS
            good += 1
    assert good == len(lines) - sum(
        row["detail"] in ("malformed_json", "not_an_object")
        for row in simulation.truth.tables()["planted"].to_pylist()
    )


def test_counts_of_the_summary_are_those_of_the_lines(simulation: Simulation, lines: Lines) -> None:
    totals = simulation.truth.summary()["totals"]
    copies, firsts = valid_copies(lines), first_copies(lines)
    content = {event["event_id"]: event for _, _, event in firsts}
    assert totals["lines"] == len(lines)
    assert totals["events"] == len(firsts)
    assert totals["duplicates"] == len(copies) - len(firsts)
    assert totals["invalid"] == len(lines) - len(copies)
    assert totals["conflicts"] == sum(event != content[event["event_id"]] for _, _, event in copies)
    assert totals["late"] == sum(arrived > moment(event).date() for arrived, _, event in firsts)
    assert totals["orders"] == sum(e["event_name"] == "order_completed" for _, _, e in firsts)


def test_faults_have_the_asked_shares(simulation: Simulation) -> None:
    totals = simulation.truth.summary()["totals"]
    happened = totals["events"] + totals["undelivered"]
    assert (totals["late"] + totals["undelivered"]) / happened == pytest.approx(0.03, abs=0.01)
    assert totals["duplicates"] / happened == pytest.approx(0.01, abs=0.003)
    assert totals["invalid"] / happened == pytest.approx(0.004, abs=0.002)
    assert 0 < totals["conflicts"] < totals["duplicates"]


def test_without_faults_every_line_is_an_event_of_its_day() -> None:
    settings = Settings(seed=5, days=4, start=START, visitors_per_day=60, faults=Faults.none())
    _, lines = draw(settings)
    firsts = first_copies(lines)
    assert len(firsts) == len(lines)
    late = [e for arrived, _, e in firsts if arrived != moment(e).date()]
    # An event of the day's last two seconds may still arrive after midnight.
    assert all(e["event_ts"][11:] >= "23:59:58" for e in late)


def test_nothing_arrives_before_it_happens_nor_more_than_twelve_days_late(lines: Lines) -> None:
    for arrived, _, event in valid_copies(lines):
        assert event["sent_ts"] >= event["event_ts"]
        assert arrived >= moment(event).date()
    delays = [(arrived - moment(event).date()).days for arrived, _, event in first_copies(lines)]
    assert 5 < max(delays) <= 12


def test_a_repeated_event_comes_after_its_first_copy_with_the_same_time(lines: Lines) -> None:
    times: dict[str, str] = {}
    for _, _, event in valid_copies(lines):
        assert times.setdefault(event["event_id"], event["event_ts"]) == event["event_ts"]


def test_addresses_and_names_are_in_profile_updates_alone(lines: Lines) -> None:
    address = re.compile(r"[\w.]+@[\w.]+")
    for _, _, event in valid_copies(lines):
        text = json.dumps(event)
        if event["event_name"] == "profile_updated":
            assert address.findall(text) == [event["properties"].pop("email")]
            event["properties"].pop("first_name")
        else:
            assert not address.search(text)
            assert "first_name" not in text


def test_persons_own_the_ids_that_their_events_bear(simulation: Simulation, lines: Lines) -> None:
    persons = simulation.truth.tables()["persons"].to_pylist()
    owner = {a: p for p in persons for a in p["anonymous_ids"]}
    users = {p["user_id"] for p in persons if p["user_id"]}
    for _, _, event in first_copies(lines):
        if "anonymous_id" in event:
            assert event.get("user_id") in (None, owner[event["anonymous_id"]]["user_id"])
        elif "user_id" in event:
            assert event["user_id"] in users
    assert max(len(p["anonymous_ids"]) for p in persons) == 3


def test_final_order_values_follow_updates_and_refunds(
    simulation: Simulation, lines: Lines
) -> None:
    revenue: dict[str, float] = {}
    refunded: dict[str, float] = defaultdict(float)
    for _, _, event in sorted(first_copies(lines), key=lambda row: row[2]["event_ts"]):
        if event["event_name"] in ("order_completed", "order_updated"):
            revenue[event["order_id"]] = event["revenue"]
        elif event["event_name"] == "order_refunded":
            refunded[event["order_id"]] += event["revenue"]
    orders = simulation.truth.tables()["orders"].to_pylist()
    for order in (o for o in orders if o["is_delivered"]):
        assert order["revenue"] == revenue[order["order_id"]]
        assert order["refunded"] == pytest.approx(refunded[order["order_id"]])
    assert any(o["refunded"] for o in orders)


def test_planted_events_are_in_the_lines_with_the_planted_meaning(
    simulation: Simulation, lines: Lines
) -> None:
    events = {event["event_id"]: event for _, _, event in first_copies(lines)}
    planted = [
        row for row in simulation.truth.tables()["planted"].to_pylist() if row["is_delivered"]
    ]
    kinds = defaultdict(list)
    for row in planted:
        if row["kind"] != "invalid_line" and row["event_id"] is not None:
            kinds[row["kind"]].append((row, events[row["event_id"]]))
    homes = {p["user_id"]: p["country"] for p in simulation.truth.tables()["persons"].to_pylist()}
    for row, event in kinds["login_anomaly"]:
        assert event["event_name"] == "login_succeeded"
        assert (event["country"] == homes[event["user_id"]]) == (row["detail"] == "odd_hour")
    assert {row["detail"] for row, _ in kinds["login_anomaly"]} == {
        "impossible_country",
        "new_device_and_country",
        "odd_hour",
        "failures_before",
    }
    for row, event in kinds["negative_shoe_review"]:
        assert event["category"] == "shoes"
        assert event["properties"]["rating"] == row["value"] <= 2
    for _, event in kinds["three_phones_in_ten_minutes"]:
        assert event["event_name"] == "product_viewed"
        assert event["category"] == "smartphones"
    assert all("bot" in event["user_agent"].lower() for _, event in kinds["bot_visitor"])
    assert min(len(kinds[k]) for k in ("login_anomaly", "cart_over_200_abandoned")) > 3


@pytest.fixture(scope="module")
def faultless() -> tuple[Simulation, list[Event]]:
    settings = Settings(seed=8, days=12, start=START, visitors_per_day=120, faults=Faults.none())
    simulation, lines = draw(settings)
    events = [event for _, _, event in first_copies(lines) if "anonymous_id" in event]
    return simulation, sorted(events, key=moment)


def test_carts_over_200_left_for_30_minutes_are_the_planted_ones(
    faultless: tuple[Simulation, list[Event]],
) -> None:
    simulation, events = faultless
    expected = {
        (row["anonymous_id"], row["at"], row["value"])
        for row in simulation.truth.tables()["planted"].to_pylist()
        if row["kind"] == "cart_over_200_abandoned"
    }
    assert len(expected) > 20
    assert alerts_of(events, datetime.fromisoformat("2026-03-13")) == expected


CART_EVENTS = ("product_added", "product_removed", "cart_viewed", "checkout_started")


def alerts_of(events: list[Event], end: datetime) -> set[tuple[str, datetime, float]]:
    """Carts by the definition: per visitor, 24 hours, one alert 30 minutes after the last event."""
    found: set[tuple[str, datetime, float]] = set()
    by_visitor = defaultdict(list)
    for event in events:
        if event["event_name"] in (*CART_EVENTS, "order_completed"):
            by_visitor[event["anonymous_id"]].append(event)
    for visitor, own in by_visitor.items():
        items: dict[str, tuple[float, int]] = {}
        fired = False
        for event, following in zip(own, [*own[1:], None], strict=True):
            items = changed_cart(items, event)
            fired = fired and bool(items)
            idle_until = moment(following) if following else end
            value = round(sum(price * quantity for price, quantity in items.values()), 2)
            due = moment(event) + timedelta(minutes=30)
            if due < idle_until and value > 200 and not fired:
                fired = True
                found.add((visitor, due, value))
            if idle_until - moment(event) >= timedelta(hours=24):
                items, fired = {}, False
    return found


def changed_cart(items: dict[str, tuple[float, int]], event: Event) -> dict[str, tuple[float, int]]:
    name = event["event_name"]
    if name == "order_completed":
        return {}
    if name in ("cart_viewed", "checkout_started"):
        return items
    product = event["product_id"]
    rest = {key: line for key, line in items.items() if key != product}
    if name == "product_added":
        before = items.get(product, (0.0, 0))[1]
        return {**rest, product: (event["price"], before + event["quantity"])}
    return rest


def test_propensities_are_those_of_the_policy_without_replacement(
    faultless: tuple[Simulation, list[Event]],
) -> None:
    catalogue = faultless[0].catalogue
    first = {p.product_id: catalogue.policy[p.index] for p in catalogue.products}
    assert sum(first.values()) == pytest.approx(1.0)
    left: dict[str, float] = {}
    shown = [e for e in faultless[1] if e["event_name"] == "recommendation_shown"]
    assert len(shown) > 500
    for event in shown:
        visitor, chance = event["anonymous_id"], first[event["product_id"]]
        if event["properties"]["position"] == 1:
            left[visitor] = 1.0
        assert event["properties"]["propensity"] == pytest.approx(chance / left[visitor])
        left[visitor] -= chance


@pytest.mark.parametrize(("days", "expected"), [(17, 0), (30, 1), (60, 2)])
def test_there_is_one_spike_day_in_each_full_four_weeks(days: int, expected: int) -> None:
    assert len(spike_days(7, days)) == expected


def test_what_goes_together_foretells_the_next_days_better_than_popularity() -> None:
    simulation, lines = draw(Settings(seed=7, faults=Faults.none()))
    place = {product.product_id: product.index for product in simulation.catalogue.products}
    rows: dict[str, int] = {}
    cells: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for _, _, event in first_copies(lines):
        if event["event_name"] == "product_viewed" and "bot" not in event["user_agent"].lower():
            row = rows.setdefault(event["anonymous_id"], len(rows))
            cells[event["event_ts"] >= "2026-01-24"].append((row, place[event["product_id"]]))
    before, after = np.zeros((2, len(rows), len(place)))
    before[tuple(np.array(cells[False]).T)] = 1
    after[tuple(np.array(cells[True]).T)] = 1
    after *= before == 0
    judged = (before.sum(axis=1) >= 2) & (after.sum(axis=1) > 0)
    together = before.T @ before / np.sqrt(np.outer(before.sum(axis=0), before.sum(axis=0)) + 1)
    popular = np.tile(before.sum(axis=0), (len(rows), 1))
    hits = []
    for scores in (before @ together, popular):
        best = np.argsort(np.where(before > 0, -1.0, scores), axis=1)[:, -10:]
        hits.append(np.take_along_axis(after, best, axis=1).max(axis=1)[judged].mean())
    assert judged.sum() > 200
    assert hits[0] > 1.2 * hits[1]


@pytest.fixture(scope="module")
def large() -> Simulation:
    return draw(Settings(seed=11, days=10, visitors_per_day=2400, faults=Faults.none()))[0]


def test_treatment_orders_are_a_quarter_dearer(large: Simulation) -> None:
    orders = large.truth.tables()["orders"].to_pandas()
    arms = orders.groupby("variant")["first_revenue"]
    mean, error = arms.mean(), arms.std() / arms.count() ** 0.5
    ratio = mean["treatment"] / mean["control"]
    # Standard error of a ratio of independent means, by the delta method.
    spread = ratio * sum((error[arm] / mean[arm]) ** 2 for arm in mean.index) ** 0.5
    assert spread < 0.08
    assert ratio == pytest.approx(1.25, abs=2.5 * spread)


def test_some_sessions_go_over_midnight(large: Simulation) -> None:
    sessions = large.truth.tables()["sessions"].to_pylist()
    assert sum(row["started_at"].date() != row["ended_at"].date() for row in sessions) >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 0},
        {"seed": -1},
        {"visitors_per_day": 0},
        {"lift": -0.1},
        {"spike": 11.0},
        {"attack_rate": 2.0},
        {"start": date(1999, 12, 31)},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


def test_a_share_of_faults_over_a_half_is_refused() -> None:
    with pytest.raises(ValueError, match="late"):
        Faults(late=0.6)


def test_a_simulation_is_drawn_only_once(simulation: Simulation) -> None:
    with pytest.raises(ValueError, match="once"):
        next(simulation.days())
