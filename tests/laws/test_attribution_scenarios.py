"""Attribution situation by situation: law 3 after every run, and the numbers by hand.

Belongs here: what moves credit after the fact. Not here: how an order is shared
(`tests/unit/laws/test_oracle_attribution.py`), nor rules broken on purpose.
"""

from decimal import Decimal

from tests.laws.judging import outcome_by
from tests.laws.stories import at, day, event, killed, one, told, view

outcome = outcome_by(
    "fct_sessions", "fct_touchpoints", "int_order_touches", "int_lost_touches", "attribution"
)  # fmt: skip

Row = dict[str, object]
HUNDRED = Decimal(100)


def came(event_id: str, when: str, medium: str | None = None, visitor: str = "v") -> Row:
    """A visit by the channel of a medium."""
    return view(event_id, when, visitor, utm_medium=medium)


def bought(event_id: str, when: str, visitor: str | None = "v", **columns: object) -> Row:
    """An order of 100."""
    return event(event_id, "order_completed", when, visitor,
                 **{"order_id": event_id, "revenue": HUNDRED, **columns})  # fmt: skip


def shares(tables: dict[str, list[Row]], model: str, date: int = 14) -> dict[str, Decimal]:
    """Channel -> credit of a date."""
    return {
        row["channel"]: row["credit"]
        for row in tables["attribution"]
        if (row["model"], row["report_date"]) == (model, day(date))
    }


def test_a_log_in_brings_the_other_devices_visits_into_the_path():
    steps = (
        (day(12), [came("e", "11 10:00", "email", "phone")]),
        (day(14), [came("d", "14 09:00"), bought("o", "14 09:05")]),
    )
    assert shares(outcome(told(*steps)), "first") == {"Direct": 100}
    ties = [
        event("l", "login_succeeded", "16 10:00", user_id="u"),
        event("m", "login_succeeded", "16 10:00", "phone", user_id="u"),
    ]
    tables = outcome(told(*steps, (day(16), ties)))
    assert shares(tables, "first") == {"Email": 100}
    assert shares(tables, "linear") == {"Email": 50, "Direct": 50}


def test_a_run_killed_after_persons_moved_is_mended_by_the_next():
    history = told(
        (day(14), [
            came("e", "11 10:00", "email", "phone"), came("d", "14 09:00"), bought("o", "14 09:05"),
        ]),
        (day(16), [
            event("l", "login_succeeded", "16 10:00", user_id="u"),
            event("m", "login_succeeded", "16 10:00", "phone", user_id="u"),
        ]),
    )  # fmt: skip
    for share in (0.6, 0.9):
        assert shares(outcome(killed(history, 1, share)), "first") == {"Email": 100}


def test_a_late_visit_takes_credit_from_an_order_of_another_day():
    steps = ((day(14), [came("d", "14 09:00"), bought("o", "14 09:05")]),)
    assert shares(outcome(told(*steps)), "position_based") == {"Direct": 100}
    tables = outcome(told(*steps, (day(17), [came("e", "11 10:00", "email")])))
    assert shares(tables, "position_based") == {"Email": 50, "Direct": 50}


def test_an_order_that_moves_to_another_date_leaves_nothing_behind():
    tables = outcome(told(
        (day(14), [came("d", "14 09:00"), bought("o", "14 09:05")]),
        (day(15), [bought("o2", "12 09:00", order_id="o")]),
    ))  # fmt: skip
    assert shares(tables, "last", 14) == {}
    assert shares(tables, "last", 12) == {"Direct": 100}


def test_a_refund_leaves_credit_alone_and_an_update_replaces_it():
    rows = [came("e", "14 09:00", "email"), bought("o", "14 09:05")]
    refund = event("r", "order_refunded", "15 09:00", order_id="o", revenue=HUNDRED)
    update = event("u", "order_updated", "15 09:00", order_id="o", revenue=Decimal("0.01"))
    assert shares(outcome(told((day(14), rows), (day(15), [refund]))), "last") == {"Email": 100}
    tables = outcome(told((day(14), rows), (day(15), [update])))
    assert shares(tables, "last") == {"Email": Decimal("0.01")}


def test_an_erased_persons_orders_keep_their_channels():
    rows = [came("e", "11 10:00", "email"), came("d", "14 09:00"), bought("o", "14 09:05")]
    ties = [event("l", "login_succeeded", "14 09:01", user_id="u")]
    history = told((day(14), rows + ties), (day(15), []), erasures=[(1, "user_id", "u")])
    assert shares(outcome(history), "linear") == {"Email": 50, "Direct": 50}


def test_a_path_leads_back_to_its_sessions():
    tables = outcome(told((day(14), [came("e", "11 10:00", "email"), bought("o", "14 09:05")])))
    first = one(tables["int_order_touches"], position=1)
    session = one(tables["fct_sessions"], session_id=first["session_id"])
    assert (session["started_at"], session["channel"]) == (at("11 10:00"), "Email")
    assert first["touch_count"] == 2


def test_a_click_of_an_advertisement_is_a_channel():
    properties = '{"click_id_kind": "gclid"}'
    tables = outcome(told((day(14), [
        view("a", "14 09:00", properties=properties, referrer="https://www.google.com/"),
        bought("o", "14 09:05"),
    ])))  # fmt: skip
    assert shares(tables, "last") == {"Paid Search": 100}
    touchpoint = one(tables["fct_touchpoints"])
    assert (touchpoint["traffic_source"], touchpoint["traffic_medium"]) == ("google", "cpc")
