"""The rules of a tracker's own sessions, each broken on purpose, and who notices.

Belongs here: what is broken, and the histories made for it. Not here: how a rule is broken and
applied (`broken_rules`), nor what the sessions are (`test_tracker_session_scenarios`).
"""

from tests.laws.broken_rules import BrokenRule, sees, text
from tests.laws.histories import Row
from tests.laws.noticing import every_twenty_minutes
from tests.laws.stories import day, told, view


def seen(event_id: str, when: str, session: str = "s", **columns: object) -> Row:
    """A page view in the app, which keeps its tracker's sessions."""
    return view(event_id, when, source="app", source_session_id=session, **columns)


# Further apart than the gap, and so is what comes later.
GOES_ON = told(
    (day(11), [seen("a", "11 10:00")]),
    (day(12), [seen("b", "11 12:00")]),
)
BEGAN_EARLIER = told(
    (day(12), [seen("b", "11 12:00"), seen("c", "12 11:00")]),
    (day(13), [seen("a", "11 10:00")]),
)
# The web does not keep them, whatever its events say.
OF_THE_WEB = told(
    (day(11), [view("a", "11 10:00", source_session_id="s")]),
    (day(12), [view("b", "11 12:00", source_session_id="s")]),
)
BETWEEN = told((day(11), [view("a", "11 10:00"), seen("b", "11 10:20"), view("c", "11 10:40")]))
# The first event of a run's second day turns out to be of another session.
FIRST_OF_A_CUT_MOVED = told(
    (day(13), [seen("a", "11 10:00"), seen("e", "12 12:00"), seen("f", "12 13:00")]),
    (day(12), [seen("e", "12 12:00", "t")]),
)
# Of the web's session a part lies within the app's.
OVERLAPPING = told(
    (day(11), [
        view("a", "11 10:00"), view("b", "11 10:25"), view("c", "11 10:50"),
        seen("p", "11 10:20"), seen("q", "11 10:30"),
    ]),
    (day(12), [seen("r", "11 12:00")]),
)  # fmt: skip
# Both runs begin at 10:00; their second days at 10:00 and 10:10.
RUNS_OF_ONE_START = told(
    (day(13), [
        view("w", "11 10:00"), *every_twenty_minutes("11 10:10", 75),
        seen("a", "11 10:00"), seen("b", "12 10:00"),
    ]),
    (day(14), [seen("c", "12 20:00")]),
)  # fmt: skip
BEGIN_TOGETHER = told(
    (day(11), [
        row for name in "abcdef" for row in (
            seen(f"{name}1", "11 10:00", visitor=name, utm_medium="cpc"),
            view(f"{name}2", "11 10:00", visitor=name),
        )
    ]),
)  # fmt: skip

BROKEN_TRACKER_RULES = (
    BrokenRule(
        "every source keeps its tracker's sessions",
        OF_THE_WEB,
        "int_events_sessionized",
        text(r"where sessions = 'source'", ""),
    ),
    BrokenRule(
        "no source keeps its tracker's sessions",
        GOES_ON,
        "int_events_sessionized",
        sees("inputs.sources"),
    ),
    BrokenRule(
        "a pause ends a tracker's session",
        GOES_ON,
        "int_events_sessionized",
        text(r"and tracker_session = ''", ""),
    ),
    BrokenRule(
        "an event of a tracker's session keeps the others' run going",
        BETWEEN,
        "int_events_sessionized",
        text(
            r"visitor_id, tracker_session(?= order by event_ts, event_key\s*\) as pause)",
            "visitor_id",
        ),
    ),
    BrokenRule(
        "cuts of a tracker's session count from the event that is now its first",
        FIRST_OF_A_CUT_MOVED,
        "int_events_sessionized",
        text(r"or runs\.tracker_session <> ''", ""),
    ),
    BrokenRule(
        "cuts of a tracker's session count from the start of another",
        FIRST_OF_A_CUT_MOVED,
        "int_events_sessionized",
        text(r"and runs\.tracker_session = anchors\.tracker_session", ""),
    ),
    BrokenRule(
        "a tracker's session is looked for around its event alone",
        GOES_ON,
        "int_session_windows",
        text(r"from tracked_runs\b", "from tracked_runs where false"),
    ),
    BrokenRule(
        "a tracker's session cannot begin earlier",
        BEGAN_EARLIER,
        "int_session_windows",
        text(r"min\(stored\.started_at\)", "null"),
    ),
    BrokenRule(
        "runs that begin together are taken for one",
        RUNS_OF_ONE_START,
        "int_session_windows",
        text(
            r"(?s)and case\s+when sessions\.is_source_session.{,150}?= adjacent\.tracker_session",
            "",
        ),
    ),
    BrokenRule(
        "windows do not know which sources keep their sessions",
        GOES_ON,
        "int_session_windows",
        sees("inputs.sources"),
    ),
    BrokenRule(
        "a session's events are all of its time",
        OVERLAPPING,
        "int_window_events",
        text(r"and events\.tracker_session = windows\.tracker_session", ""),
    ),
    BrokenRule(
        "stored events do not know which sources keep their sessions",
        GOES_ON,
        "int_window_events",
        sees("inputs.sources"),
    ),
    BrokenRule(
        "sessions that begin together in any order",
        BEGIN_TOGETHER,
        "fct_sessions",
        text(
            r"(order by sequence\.started_at), sequence\.session_id",
            r"\1, md5(sequence.session_id)",
        ),
    ),
    BrokenRule(
        "a session that begins at the same moment lends its channel",
        BEGIN_TOGETHER,
        "fct_touchpoints",
        text(r"exclude ties", ""),
    ),
)
