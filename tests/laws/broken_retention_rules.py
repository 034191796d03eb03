"""The rules that keep law 3 for retention, each broken on purpose, and who notices.

Belongs here: what is broken in the models of cohorts, and the histories made for it. Not here: how
a rule is broken and applied (`broken_rules`).
"""

from tests.laws.broken_rules import BrokenRule, deletes_by, forgets, sees, text
from tests.laws.noticing import DISPLACED_VISITOR
from tests.laws.stories import day, event, told, view

# Somebody seen on the 11th and the 14th turns out to have signed up on the 11th.
SIGNED_UP_EARLIER = told(
    (day(14), [view("a", "11 09:00"), view("b", "14 10:00")]),
    (day(15), [event("s", "signed_up", "11 10:00")]),
)
# Who signed up was another visitor; the first one came and comes all the same.
NEVER_SIGNED_UP = told(
    (day(12), [
        view("a", "11 09:00"), event("s", "signed_up", "11 10:00"), view("b", "12 10:00"),
    ]),
    (day(11), [event("s", "signed_up", "11 10:00", "other")]),
)  # fmt: skip
# Who came back was another visitor, and nobody did.
NEVER_CAME_BACK = told(
    (day(13), [view("a", "11 10:00"), view("b", "12 10:00")]),
    (day(12), [view("b", "12 10:00", "other")]),
)
# Two come in one week and come back in the next, on days of their own.
SAME_WEEK = told(
    (day(11), [view("a", "11 10:00"), view("b", "11 10:00", "other")]),
    (day(18), [view("c", "18 10:00")]),
    (day(19), [view("d", "19 10:00", "other")]),
)
# Six days later, where four have rows.
LONG_AFTER = told(
    (day(11), [view("a", "11 10:00")]),
    (day(17), [view("b", "17 10:00")]),
)
# What happened by the device's clock after the day that is closed.
AFTER_AS_OF = told((day(11), [view("a", "11 10:00"), view("b", "12 01:00")]))

# Who is new on the 12th turns out to have been there the day before, on another device.
CAME_THE_DAY_BEFORE = told(
    (day(12), [view("b", "12 10:00", user_id="u")]),
    (day(13), [view("a", "11 10:00", "w", user_id="u")]),
)
# What was taken for the only view of the 12th was a log-in that failed.
NOBODY_THAT_DAY = told(
    (day(13), [view("a", "11 10:00"), view("b", "12 10:00")]),
    (day(12), [event("b", "login_failed", "12 10:00", user_id="u")]),
)

BROKEN_RETENTION_RULES = (
    BrokenRule(
        "who moved into another cohort is found again after a kill, not kept",
        SIGNED_UP_EARLIER,
        "int_moved_persons",
        forgets,
        dies_after="int_person_cohorts",
    ),
    BrokenRule(
        "retention of touched dates alone",
        SIGNED_UP_EARLIER,
        "int_touched_periods",
        sees("intermediate.int_moved_persons"),
    ),
    BrokenRule(
        "who came into a cohort is no person that moved",
        SIGNED_UP_EARLIER,
        "int_moved_persons",
        text(r"full join", "right join"),
    ),
    BrokenRule(
        "who left a cohort is no person that moved",
        NEVER_SIGNED_UP,
        "int_moved_persons",
        text(r"full join", "left join"),
    ),
    BrokenRule(
        "persons that vanished stay in their cohort",
        DISPLACED_VISITOR,
        "int_person_cohorts",
        deletes_by(),
    ),
    BrokenRule(
        "activity that vanished stays", NEVER_CAME_BACK, "int_cohort_activity", deletes_by()
    ),
    BrokenRule(
        "weeks and months of touched dates alone",
        SAME_WEEK,
        "int_cohort_activity",
        text(
            r"report_date in \(select report_date from dates\)",
            "report_date in (select report_date from intermediate.int_touched_persons)",
        ),
    ),
    BrokenRule(
        "rolling retention ends with the last row",
        LONG_AFTER,
        "retention_cohorts",
        text(r"least\(\s*max_offset,\s*coalesce", "greatest(0, coalesce"),
    ),
    BrokenRule(
        "cohorts have more rows than the setting says",
        LONG_AFTER,
        "retention_cohorts",
        text(r"least\(\s*cohorts\.max_offset,", "greatest(0,"),
    ),
    BrokenRule(
        "a period is complete a day late",
        LONG_AFTER,
        "retention_cohorts",
        text(r"as_of_date \+ 1", "as_of_date"),
    ),
    BrokenRule(
        "rows end with as_of whatever happened after it",
        AFTER_AS_OF,
        "retention_cohorts",
        text(r"greatest\(max\(days\.report_date\), (any_value\(as_of\.as_of_date\))\)", r"\1"),
    ),
    BrokenRule(
        "who returns is counted in touched periods alone",
        CAME_THE_DAY_BEFORE,
        "int_touched_lifecycle_periods",
        text(r"active_date \+ cast\(1 as integer\)", "active_date"),
    ),
    BrokenRule(
        "persons that no longer came stay in their period",
        NOBODY_THAT_DAY,
        "int_lifecycle_periods",
        deletes_by(),
    ),
    BrokenRule(
        "a week has the persons of touched dates alone",
        SAME_WEEK,
        "int_lifecycle_periods",
        text(
            r"report_date in \(select report_date from dates\)",
            "report_date in (select report_date from intermediate.int_touched_persons)",
        ),
    ),
    BrokenRule(
        "life ends with as_of whatever happened after it",
        AFTER_AS_OF,
        "lifecycle",
        text(r"greatest\(max\(days\.report_date\), (any_value\(as_of\.as_of_date\))\)", r"\1"),
    ),
    BrokenRule(
        "a period of a life is complete a day late",
        LONG_AFTER,
        "lifecycle",
        text(r"as_of_date \+ 1", "as_of_date"),
    ),
)  # fmt: skip
