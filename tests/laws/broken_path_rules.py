"""The rules that keep law 3 for paths, each broken on purpose, and who notices.

Belongs here: what is broken in the models of transitions, and the histories made for it. Not here:
how a rule is broken and applied (`broken_rules`).
"""

from tests.laws.broken_rules import BrokenRule, sees, text
from tests.laws.noticing import DISPLACED_VISITOR, OVER_MIDNIGHT
from tests.laws.stories import day, event, told, view

# A session that began in May goes on in June, and then turns out to have begun before midnight.
BEGAN_EARLIER = told(
    (day(12), [view("b", "12 00:10")]),
    (day(13), [view("a", "11 23:50")]),
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
        "dates on which sessions begin now, not those on which they began",
        BEGAN_EARLIER,
        "int_touched_session_dates",
        sees("intermediate.int_session_windows"),
    ),
    BrokenRule(
        "dates on which sessions began, not those on which they begin now",
        DISPLACED_VISITOR,
        "int_touched_session_dates",
        sees("intermediate.int_sessions_remade"),
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
