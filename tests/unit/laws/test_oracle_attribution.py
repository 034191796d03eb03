"""Attribution of the oracle: hand-made journeys, with the working beside them."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.laws import shop
from tests.laws.log_rows import log_row
from tests.laws.oracle import build
from tests.laws.oracle.attribution import position_based, shared
from tests.laws.oracle.removal_effects import removal_effects

NOON = datetime(2026, 3, 2, 12)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def visit(day, medium=None, visitor="a", **columns):
    """A page view that is a session of its own; the medium decides its channel."""
    name = f"{visitor}-{day}"
    return log_row(name, "page_viewed", NOON + day * DAY, anonymous_id=visitor, utm_medium=medium,
                   **columns)  # fmt: skip


def order(day, value=None, visitor="a", **columns):
    """An order in the session of that moment."""
    revenue = None if value is None else Decimal(value)
    return log_row(f"o-{visitor}-{day}", "order_completed", NOON + day * DAY,
                   **{"anonymous_id": visitor, "revenue": revenue, **columns})  # fmt: skip


def credits_of(built, model, column="credit"):
    """Channel -> credit or conversions."""
    found = Counter()
    for row in built["attribution"]:
        if row["model"] == model:
            found[row["channel"]] += row[column]
    return dict(found)


def texts(**amounts):
    return {channel.replace("_", " "): Decimal(text) for channel, text in amounts.items()}


def test_three_touches_by_every_model(tables):
    # Email 14 days before the order, an affiliate 7 days, then Direct with the order of 100.
    built = tables(visit(0, "email"), visit(7, "affiliate"), visit(14), order(14, "100"))
    assert credits_of(built, "first") == texts(Email="100")
    assert credits_of(built, "last") == texts(Direct="100")
    assert credits_of(built, "last_non_direct") == texts(Affiliates="100")
    # A third is 33.3333 and a remainder of a third each: the unit left goes to the earliest.
    thirds = texts(Email="33.3334", Affiliates="33.3333", Direct="33.3333")
    assert credits_of(built, "linear") == thirds
    assert credits_of(built, "linear", "conversions") == texts(
        Email="0.333334", Affiliates="0.333333", Direct="0.333333"
    )
    assert credits_of(built, "position_based") == texts(Email="40", Affiliates="20", Direct="40")
    # 1/4, 1/2 and 1 are 1/7, 2/7 and 4/7 of 7/4: 14.28571…, 28.57142…, 57.14285…; two floors lose
    # .14 and .28 of a unit, the third .57, which is the largest.
    assert credits_of(built, "time_decay") == texts(
        Email="14.2857", Affiliates="28.5714", Direct="57.1429"
    )
    assert credits_of(built, "shapley") == thirds
    # One journey: without any of the three nobody gets there.
    assert credits_of(built, "markov") == thirds


def test_neighbours_of_one_channel_are_one_touch_and_the_channel_may_come_again(tables):
    # Email, Email, Direct, Email: touches Email, Direct, Email.
    built = tables(
        visit(0, "email"), visit(1, "email"), visit(2), visit(3, "email"), order(3, "90")
    )
    assert credits_of(built, "linear") == texts(Email="60", Direct="30")
    assert credits_of(built, "position_based") == texts(Email="72", Direct="18")
    assert credits_of(built, "shapley") == texts(Email="45", Direct="45")
    # Ages 2, 1, 0 days; the touch of two sessions is as old as the second.
    weights = [2 ** (-age / 7) for age in (2, 1, 0)]
    direct = Decimal(90 * weights[1] / sum(weights)).quantize(Decimal("0.0001"))
    assert abs(credits_of(built, "time_decay")["Direct"] - direct) <= Decimal("0.0001")


def test_two_touches_share_by_halves_and_one_has_all(tables):
    assert [position_based(count) for count in (1, 2, 3, 4)] == [
        [1], [1, 1], [2, 1, 2], [4, 1, 1, 4]
    ]  # fmt: skip
    built = tables(visit(0, "email"), visit(1), order(1, "10"))
    assert credits_of(built, "position_based") == texts(Email="5", Direct="5")
    alone = tables(visit(0, "email"), order(0, "10"))
    assert {row["credit"] for row in alone["attribution"]} == {Decimal(10)}


def test_the_look_back_is_thirty_days_and_its_edge_counts(tables):
    for late, channels in ((timedelta(0), {"Email", "Direct"}), (MICROSECOND, {"Direct"})):
        bought = order(30, "10")
        bought["event_ts"] += late
        built = tables(visit(0, "email"), bought)
        assert set(credits_of(built, "linear")) == channels


def test_markov_shares_by_removal_effects_of_the_months_journeys(tables):
    # Email - SMS - Audio - order; Email - nothing; SMS - Audio - nothing. From the start Email 2/3,
    # SMS 1/3; Email to SMS 1/2; SMS to Audio 1; Audio to the order 1/2.
    # P = (2/3 · 1/2 + 1/3) · 1/2 = 1/3. Without Email 1/3 · 1/2 = 1/6, effect 1/2; without SMS or
    # Audio 0, effects 1. Shares 1/5, 2/5, 2/5.
    rows = [
        visit(0, "email"), visit(1, "sms"), visit(2, "audio"), order(2, "100"),
        visit(0, "email", "b"), visit(0, "sms", "c"), visit(1, "audio", "c"),
    ]  # fmt: skip
    assert credits_of(tables(*rows), "markov") == texts(Email="20", SMS="40", Audio="40")
    # April has journeys of its own: another order there shares by thirds.
    april = [visit(30, "email", "d"), visit(31, "sms", "d"), order(31, "9", "d")]
    built = tables(*rows, *april)
    assert credits_of(built, "markov") == texts(Email="24.5", SMS="44.5", Audio="40")


def test_a_session_in_some_orders_path_is_not_lost(tables):
    # Two orders of one person: its sessions lie in paths, so that no journey is lost and each of
    # the channels is on every way: effects 1.
    built = tables(
        visit(0, "email"), visit(1, "sms"), order(1, "10"), visit(5, "sms"), order(5, "10")
    )
    assert credits_of(built, "markov") == texts(Email="10", SMS="10")


def test_persons_are_those_of_now(tables):
    rows = [
        visit(0, "email", "phone", user_id="u"),
        visit(1, None, "desk", user_id="u"),
        order(1, "10", "desk", user_id="u"),
        visit(1, "sms", "stranger"),
    ]
    assert credits_of(tables(*rows), "first") == texts(Email="10")


def test_an_order_without_a_session_is_not_set_and_one_without_value_counts(tables):
    built = tables(order(0, "10", None), visit(1, "email", "b"), order(1, None, "b"))
    assert credits_of(built, "markov") == {"(not set)": Decimal(10), "Email": Decimal(0)}
    assert credits_of(built, "markov", "conversions") == {
        "(not set)": Decimal(1), "Email": Decimal(1)
    }  # fmt: skip


def test_bots_count_for_nobody(tables):
    built = tables(visit(0, "email", is_bot=True), visit(1, "sms"), order(1, "10"))
    assert credits_of(built, "first") == texts(SMS="10")
    assert not credits_of(tables(order(0, "10", is_bot=True)), "last")


def test_a_direct_touchpoint_borrows_for_thirty_days(tables):
    built = tables(visit(0, "email"), visit(30), visit(61, is_bot=True), visit(62, "sms", "b"))
    lent = {
        row["started_at"]: row["last_non_direct_channel"]
        for row in built["fct_touchpoints"]
        if row["visitor_id"] == built["fct_touchpoints"][0]["visitor_id"]
    }
    assert lent == {
        NOON: "Email", NOON + 30 * DAY: "Email", NOON + 61 * DAY: "Direct"
    }  # fmt: skip


JOURNEYS = st.lists(
    st.tuples(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=5), st.booleans()),
    min_size=1, max_size=8,
)  # fmt: skip


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 2**30), min_size=1, max_size=9))
def test_shares_add_up_and_are_within_a_unit_of_their_weight(units, weights):
    weights[0] += 1
    found = shared(units, weights)
    assert sum(found) == units
    for weight, share in zip(weights, found, strict=True):
        assert abs(share - Fraction(units * weight, sum(weights))) < 1


@given(JOURNEYS)
def test_removal_effects_lie_between_nothing_and_all(journeys):
    effects = removal_effects([([*channels], converts) for channels, converts in journeys])
    assert all(0 <= effect <= 1 for effect in effects.values())
    on_every_way = [set(channels) for channels, converts in journeys if converts]
    if on_every_way:
        for channel in set.intersection(*on_every_way):
            assert effects[channel] > 0


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_a_channel_alone_has_all_the_effect(converting):
    effects = removal_effects([(["A"], converts) for converts in converting])
    assert effects == ({"A": 1} if any(converting) else {})


@given(st.permutations([("email", 0), ("sms", 1), ("audio", 2), ("affiliate", 3)]))
def test_the_order_of_touches_does_not_matter_to_linear_and_shapley(order_of_touches):
    rows = [visit(day, medium) for day, (medium, _) in enumerate(order_of_touches)]
    built = build(
        [*rows, order(3, "100")], registry=shop.REGISTRY, sources=shop.SOURCES,
        settings=shop.SETTINGS, as_of=None, funnels=[], referrer_hosts={},
    )  # fmt: skip
    equal = texts(Email="25", SMS="25", Audio="25", Affiliates="25")
    assert credits_of(built, "linear") == credits_of(built, "shapley") == equal
