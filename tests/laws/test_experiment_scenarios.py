"""Experiments situation by situation: law 3 after every run, and the units by hand.

Belongs here: who becomes a unit of what, and what moves it. Not here: rules broken on purpose
(`broken_experiment_rules`), nor what units did (`test_experiment_inputs`).
"""

from tests.laws.judging import outcome_by
from tests.laws.stories import at, day, event, exposure, killed, one, told, view

outcome = outcome_by("fct_experiment_exposures", "fct_experiment_units", "customer_360")

UNITS = "fct_experiment_units"


def test_the_first_variant_by_time_counts_whenever_it_arrives():
    steps = ((day(12), [exposure("a", "12 10:00", "blue")]),)
    unit = one(outcome(told(*steps))[UNITS])
    assert (unit["variant"], unit["is_contaminated"]) == ("blue", False)
    late = (day(13), [exposure("b", "11 10:00", "red", device_type="phone")])
    unit = one(outcome(told(*steps, late))[UNITS])
    assert (unit["variant"], unit["is_contaminated"]) == ("red", True)
    assert (unit["exposed_at"], unit["last_exposed_at"]) == (at("11 10:00"), at("12 10:00"))
    assert (unit["device_type"], unit["exposure_count"]) == ("phone", 2)


def test_a_log_in_joins_two_devices_in_one_contaminated_unit_and_its_displacement_parts_them():
    rows = [exposure("a", "11 10:00", "blue"), exposure("b", "12 10:00", "red", "w")]
    ties = [
        event("l", "login_succeeded", "13 10:00", user_id="u"),
        event("m", "login_succeeded", "13 10:00", "w", user_id="u"),
    ]
    joined = outcome(told((day(12), rows), (day(14), ties)))[UNITS]
    assert [(u["variant"], u["is_contaminated"]) for u in joined] == [("blue", True)]
    parted = told((day(12), rows), (day(14), ties), (day(13), [view("m", "13 10:00", "w")]))
    found = {(u["variant"], u["is_contaminated"]) for u in outcome(parted)[UNITS]}
    assert found == {("blue", False), ("red", False)}


def test_a_run_killed_on_the_way_to_the_units_is_mended_by_the_next():
    rows = [exposure("a", "11 10:00", "blue"), exposure("b", "12 10:00", "red", "w")]
    ties = [event(name, "login_succeeded", "13 10:00", who, user_id="u")
            for name, who in (("l", "v"), ("m", "w"))]  # fmt: skip
    for share in (0.5, 0.7, 0.85):
        tables = outcome(killed(told((day(12), rows), (day(14), ties)), 1, share))
        assert one(tables[UNITS])["is_contaminated"]


def test_bots_nobody_and_exposures_without_a_variant_make_no_unit():
    rows = [
        exposure("a", "11 10:00", "blue", is_bot=True),
        exposure("b", "11 10:00", "blue", None),
        event("c", "experiment_viewed", "11 10:00", "w", properties='{"experiment_id": "x"}'),
    ]
    tables = outcome(told((day(11), rows)))
    assert tables[UNITS] == []
    assert len(tables["fct_experiment_exposures"]) == 2


def test_an_erased_person_stays_a_unit_under_a_pseudonym():
    rows = [
        event("l", "login_succeeded", "11 09:00", user_id="u"),
        exposure("a", "11 10:00", "blue"),
    ]
    tables = outcome(told((day(11), rows), (day(12), []), erasures=[(1, "user_id", "u")]))
    assert tables["customer_360"] == []
    assert one(tables[UNITS])["variant"] == "blue"
