"""The rules that keep law 3 for paths, each broken on purpose, and who notices.

Belongs here: what is broken in the models of transitions, and the histories made for it. Not here:
how a rule is broken and applied (`broken_rules`).
"""

from tests.laws.broken_rules import BrokenRule, sees, text
from tests.laws.noticing import OVER_MIDNIGHT
from tests.laws.stories import day, event, told, view

# What comes between two sessions leaves nothing to begin on the second one's date.
JOINED = told(
    (day(12), [view("a", "11 23:40"), view("b", "12 00:20")]),
    (day(13), [view("between", "11 23:58")]),
)
# The copy that wins is of the next date in Berlin: nothing is left on the first one's.
OF_ANOTHER_DATE = told(
    (day(12), [view("e", "11 21:30")]),
    (day(11), [view("e", "11 22:30")]),
    timezone="Europe/Berlin",
)
SAME_INSTANT = told(
    (day(11), [
        view("a", "11 10:00"), event("b", "product_viewed", "11 10:00"),
        event("c", "product_added", "11 10:00"), view("d", "11 10:00"),
    ]),
)  # fmt: skip
ONE_DATE_OF_A_MONTH = told(
    (day(11), [view("a", "11 10:00"), view("b", "11 10:10")]),
    (day(12), [view("c", "12 10:00"), view("d", "12 10:02")]),
)
A_BOT = told((day(11), [view("a", "11 10:00"), view("b", "11 10:10", is_bot=True)]))

BROKEN_PATH_RULES = (
    BrokenRule(
        "dates of what was touched, not those of all that its sessions hold",
        JOINED,
        "int_touched_session_dates",
        sees("intermediate.int_events_sessionized"),
    ),
    BrokenRule(
        "dates of what sessions hold, not those of copies that do not win",
        OF_ANOTHER_DATE,
        "int_touched_session_dates",
        sees("intermediate.int_touched_points"),
    ),
    BrokenRule(
        "the date on which a session began is where all of it is sought",
        OVER_MIDNIGHT,
        "int_session_walks",
        text(r"date_trunc\('day', started_at\), ended_at", r"started_at, started_at"),
    ),
    BrokenRule(
        "bots walk too",
        A_BOT,
        "int_session_walks",
        text(r"and not is_bot", ""),
    ),
    BrokenRule(
        "equal times in no order of keys",
        SAME_INSTANT,
        "int_session_walks",
        text(r"(order by events.event_ts), events.event_key", r"\1, events.event_id"),
    ),
    BrokenRule(
        "a month of touched dates alone",
        ONE_DATE_OF_A_MONTH,
        "behaviour_transitions",
        text(
            r"report_month in \(select distinct report_month from (\S+)\)",
            r"report_date in (select distinct report_date from \1)",
        ),
    ),
)
