"""Funnels of the oracle: hand-made sequences, steps reached counted by hand."""

from datetime import date, datetime, timedelta

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
TODAY = date(2026, 3, 2)


def funnel(mode, *names, unit="visitor", window_s=3600):
    steps = [(name, name) for name in names]
    return {"funnel": "f", "mode": mode, "unit": unit, "window_s": window_s, "steps": steps}


def sequence(*events, **columns):
    """Events of one visitor at seconds after noon."""
    return [
        log_row(str(n), name, NOON + timedelta(seconds=s), **{"anonymous_id": "a", **columns})
        for n, (name, s) in enumerate(events)
    ]


def reached(tables, declared, *events, **columns):
    (entry,) = tables(*sequence(*events, **columns), funnels=[declared])["fct_funnel_entries"]
    return entry["reached"]


def whole(built):
    """The steps of all entries together."""
    return [step for step in built["funnel_steps"] if step["dimension"] == "(all)"]


def test_equal_times_are_in_order_whatever_the_keys(tables):
    declared = funnel("ordered", "product_viewed", "product_added", "order_completed")
    steps = [("order_completed", 0), ("product_added", 0), ("product_viewed", 0)]
    assert reached(tables, declared, *steps) == 3


def test_the_window_is_inclusive_and_runs_from_the_first_step(tables):
    declared = funnel("ordered", "product_viewed", "product_added", "order_completed")
    steps = [("product_viewed", 0), ("product_added", 3600), ("order_completed", 3600.000001)]
    assert reached(tables, declared, *steps) == 2


def test_nothing_before_the_first_step_counts(tables):
    for mode in ("ordered", "strict", "any"):
        declared = funnel(mode, "product_viewed", "product_added")
        assert reached(tables, declared, ("product_added", -1), ("product_viewed", 0)) == 1


def test_one_event_serves_one_step(tables):
    for mode in ("ordered", "strict", "any"):
        declared = funnel(mode, "page_viewed", "page_viewed", "page_viewed")
        assert reached(tables, declared, ("page_viewed", 0)) == 1
        assert reached(tables, declared, ("page_viewed", 0), ("page_viewed", 0)) == 2


def test_strict_is_broken_by_any_event_strictly_between(tables):
    declared = funnel("strict", "page_viewed", "product_viewed")
    between = [("page_viewed", 0), ("custom_thing", 1), ("product_viewed", 2)]
    assert reached(tables, declared, *between) == 1
    tied = [("page_viewed", 0), ("custom_thing", 0), ("product_viewed", 2), ("email_sent", 2)]
    assert reached(tables, declared, *tied) == 2


def test_strict_takes_the_choice_that_gets_furthest(tables):
    # B at 0 leads to C at 5 only if nothing lies between 0 and 5, but the B at 3 does: take B at 3.
    declared = funnel("strict", "page_viewed", "product_viewed", "product_added")
    steps = [
        ("page_viewed", 0),
        ("product_viewed", 0),
        ("product_viewed", 3),
        ("product_added", 5),
    ]
    built = tables(*sequence(*steps), funnels=[declared])
    (entry,) = built["fct_funnel_entries"]
    assert [(t - NOON).total_seconds() for t in entry["step_at"]] == [0, 3, 5]
    assert [s["median_seconds_from_previous"] for s in whole(built)] == [None, 3, 2]


def test_strict_ignores_bots_between(tables):
    declared = funnel("strict", "page_viewed", "product_viewed")
    rows = sequence(("page_viewed", 0), ("product_viewed", 2))
    bot = log_row("bot", "page_viewed", NOON + timedelta(seconds=1), anonymous_id="a", is_bot=True)
    (entry,) = tables(*rows, bot, funnels=[declared])["fct_funnel_entries"]
    assert entry["reached"] == 2


def test_any_order_counts_the_most_steps_that_can_be_served(tables):
    declared = funnel("any", "page_viewed", "product_viewed", "product_added", "product_viewed")
    one_view = [("page_viewed", 0), ("product_added", 1), ("product_viewed", 2)]
    assert reached(tables, declared, *one_view) == 3
    built = tables(*sequence(*one_view, ("product_viewed", 9)), funnels=[declared])
    (entry,) = built["fct_funnel_entries"]
    assert (entry["reached"], entry["step_at"]) == (4, None)


def test_the_furthest_attempt_of_a_date_counts_then_the_earliest(tables):
    declared = funnel("ordered", "product_viewed", "product_added", window_s=10)
    steps = [
        ("product_viewed", 0),
        ("product_viewed", 100),
        ("product_added", 105),
        ("product_viewed", 200),
        ("product_added", 201),
    ]
    built = tables(*sequence(*steps), funnels=[declared])
    (entry,) = built["fct_funnel_entries"]
    assert entry["entered_at"] == NOON + timedelta(seconds=100)
    assert whole(built)[1]["median_seconds_from_previous"] == 5


def test_each_date_has_its_own_entry_and_steps_for_all(tables):
    declared = funnel("ordered", "product_viewed", "product_added", window_s=86_400)
    rows = sequence(("product_viewed", 0), ("product_viewed", 43_200), ("product_added", 43_201))
    others = sequence(("product_viewed", 5), anonymous_id="b", source="till")
    steps = whole(tables(*rows, *others, funnels=[declared]))
    counts = {(s["entry_date"], s["step"]): (s["entrants"], s["conversions"]) for s in steps}
    assert counts == {
        (TODAY, 1): (2, 2),
        (TODAY, 2): (2, 1),
        (date(2026, 3, 3), 1): (1, 1),
        (date(2026, 3, 3), 2): (1, 1),
    }
    (half,) = [s for s in steps if (s["entry_date"], s["step"]) == (TODAY, 2)]
    assert (half["rate_from_previous"], half["rate_from_first"]) == (0.5, 0.5)


def test_the_unit_is_the_person_over_devices_or_the_session(tables):
    rows = [
        *sequence(("product_viewed", 0), user_id="u"),
        log_row("9", "product_added", NOON, device_id="d", user_id="u"),
        log_row("8", "product_added", NOON + timedelta(seconds=1801), anonymous_id="a"),
    ]
    names = ("product_viewed", "product_added")
    by_unit = {
        unit: tables(*rows, funnels=[funnel("ordered", *names, unit=unit)])["fct_funnel_entries"]
        for unit in ("person", "visitor", "session")
    }
    times = {unit: entry["step_at"][1:] for unit, (entry,) in by_unit.items()}
    assert times == {"person": [NOON], "visitor": [NOON + timedelta(seconds=1801)], "session": []}
