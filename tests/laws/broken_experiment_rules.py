"""The rules of experiments, each broken on purpose, and who notices.

Belongs here: what is broken in the models of exposures and units (law 3) and of what models read
of them as of a date. Not here: how a rule is broken and applied (`broken_rules`).
"""

from dataclasses import dataclass

from tests.laws.broken_rules import BrokenRule, Change, deletes_by, sees, text
from tests.laws.stories import day, event, exposure, told, view

# Another visitor's exposure turns out to have come first, of the same event.
DISPLACED_EXPOSURE = told(
    (day(12), [exposure("a", "11 10:00", "blue")]),
    (day(11), [exposure("a", "11 10:00", "red", "other")]),
)
# What was no exposure after all.
NO_EXPOSURE = told(
    (day(12), [exposure("a", "11 10:00", "blue"), view("b", "12 10:00")]),
    (day(11), [view("a", "11 10:00")]),
)
# Two devices of two variants; a log-in on each makes them one person's.
ONE_PERSON = told(
    (day(12), [exposure("a", "11 10:00", "blue"), exposure("b", "12 10:00", "red", "w")]),
    (day(13), [
        event("l", "login_succeeded", "13 10:00", user_id="u"),
        event("m", "login_succeeded", "13 10:00", "w", user_id="u"),
    ]),
)  # fmt: skip
# Met again on another day, which the first knows nothing of.
MET_AGAIN = told(
    (day(11), [exposure("a", "11 10:00", "blue")]),
    (day(12), [exposure("b", "12 10:00", "blue")]),
)
# A machine met the other variant.
BOT = told((day(11), [exposure("a", "11 10:00", "blue"),
                      exposure("b", "11 11:00", "red", is_bot=True)]))  # fmt: skip
# Two users take turns on one device, on one date.
TAKING_TURNS = told(
    (day(11), [
        exposure("a", "11 10:00", "blue", user_id="u"),
        exposure("b", "11 11:00", "red", user_id="x"),
    ]),
    (day(12), [event("c", "page_viewed", "12 10:00", "else", user_id="u")]),
)  # fmt: skip
LATER_FIRST = told(
    (day(12), [exposure("a", "12 10:00", "blue")]),
    (day(13), [exposure("b", "11 10:00", "red")]),
)

BROKEN_EXPERIMENT_RULES = (
    BrokenRule(
        "exposures of copies that lost count",
        DISPLACED_EXPOSURE,
        "fct_experiment_exposures",
        text(r"copy_number = 1 and role", "role"),
    ),
    BrokenRule(
        "exposures that vanished stay", NO_EXPOSURE, "fct_experiment_exposures", deletes_by()
    ),
    BrokenRule("units that vanished stay", ONE_PERSON, "fct_experiment_units", deletes_by()),
    BrokenRule(
        "a unit is what it did on touched dates",
        MET_AGAIN,
        "fct_experiment_units",
        sees(
            "intermediate.int_person_days",
            "report_date in (select report_date from intermediate.int_touched_persons)",
        ),
    ),
    BrokenRule(
        "what a machine met contaminates",
        BOT,
        "fct_experiment_units",
        text(r"and not is_bot", ""),
    ),
    BrokenRule(
        "everybody on a touched person's device is made again, and deleted never",
        TAKING_TURNS,
        "fct_experiment_units",
        text(r"from labelled\s+where person_id in \(select person_id from persons\)",
             "from labelled"),
    ),
    BrokenRule(
        "the last variant that was met counts",
        LATER_FIRST,
        "fct_experiment_units",
        text(r"arg_min\(variant,", "arg_max(variant,"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class BrokenInput:
    """A rule of what models read, broken: what it says, the view, the change."""

    says: str
    model: str
    change: Change


BROKEN_EXPERIMENT_INPUTS = (
    BrokenInput(
        "what was done before the exposure counts as after it",
        "ml_experiment_moments",
        text(r"acts\.event_ts >= units\.exposed_at as is_after", "true as is_after"),
    ),
    BrokenInput(
        "an act at the instant of the exposure comes before it",
        "ml_experiment_moments",
        text(r"acts\.event_ts >= units\.exposed_at as", "acts.event_ts > units.exposed_at as"),
    ),
    BrokenInput(
        "the contaminated are compared",
        "ml_experiment_moments",
        text(r"where not members\.is_contaminated", ""),
    ),
    BrokenInput(
        "all that was ever done before is the past",
        "ml_experiment_moments",
        text(r"interval \(28\) day", "interval (3650) day"),
    ),
    BrokenInput(
        "experiments run for ever",
        "ml_experiments",
        text(r"interval \(28\) day", "interval (3650) day"),
    ),
    BrokenInput(
        "what a user did on another device is nobody's",
        "ml_experiment_acts",
        text(r"select visitor_id from evidence\s+where user_id in", "select visitor_id from "
             "evidence where false and user_id in"),
    ),
    BrokenInput(
        "bots' sessions count",
        "ml_experiment_acts",
        text(r"as made\s+where not is_bot", "as made"),
    ),
    BrokenInput(
        "sessions never end",
        "ml_experiment_acts",
        text(r"> interval \(30\) minute", "> interval (30000000) minute"),
    ),
    BrokenInput(
        "a session is not cut after a day",
        "ml_experiment_acts",
        text(r"// \(24 \* 3600000000\)", "// (2400000 * 3600000000)"),
    ),
    BrokenInput(
        "an impression is clicked as often as it is",
        "ml_experiment_acts",
        text(r"partition by act, person_id, click_id", "partition by act, person_id, event_key"),
    ),
    BrokenInput(
        "an event shows one thing",
        "ml_experiment_acts",
        text(r"coalesce\(items_shown\.item_count, 1\)", "1"),
    ),
    BrokenInput(
        "orders keep the value that they were first sent with",
        "ml_experiment_acts",
        text(r"when update_count > 0", "when false"),
    ),
    BrokenInput(
        "identity of later log-ins", "ml_experiment_acts",
        text(r"(from \"[^\"]+\"\.\"intermediate\"\.\"int_identity_evidence\"\s+where) arrival_date"
             r" <= cast\(getvariable\('as_of_date'\) as date\)\s+and visitor_id", r"\1 visitor_id"),
    ),
    BrokenInput(
        "orders that arrived later", "ml_experiment_acts",
        text(r"(\) as known\s+where) arrival_date"
             r" <= cast\(getvariable\('as_of_date'\) as date\)\s+and", r"\1"),
    ),
    BrokenInput(
        "events that arrived later", "ml_experiment_acts",
        text(r"(\) as events\s+where) arrival_date"
             r" <= cast\(getvariable\('as_of_date'\) as date\)\s+and", r"\1"),
    ),
    BrokenInput(
        "exposures that arrived later", "ml_experiment_acts",
        text(r"(\) as exposures\s+where) arrival_date"
             r" <= cast\(getvariable\('as_of_date'\) as date\)\s+and", r"\1"),
    ),
)  # fmt: skip
