"""Which person a visitor is at a time, and the person of events, sessions, orders and refunds.

Belongs here: docs/metrics.md, "Identity". Not here: which users are one person (`user_ties`), nor
what a person did (`customers`).
"""

from collections import defaultdict
from datetime import datetime

from tests.laws.oracle.events import Row, hashed, in_order
from tests.laws.oracle.user_ties import UserTies

BEGINNING = datetime(1900, 1, 1)
END = datetime(9999, 12, 31)
SHARED_ABOVE_USERS = 5


def ties_of(evidence: list[Row]) -> list[Row]:
    """Ties of one visitor from its evidence in order, none of them empty.

    Reading: after empty ties are dropped, two ties of one user where the first ends at the instant
    the second starts are one tie, with the first one's evidence. This holds also where a logout
    and a new login of the same user share that instant.
    """
    ties: list[Row] = []
    current: Row | None = None
    for event in evidence:
        if current and event["role"] != "logout" and event["user_id"] == current["user_id"]:
            continue
        if current:
            current["ends"] = event["event_ts"]
            current = None
        if event["role"] != "logout":
            current = {
                "user_id": event["user_id"],
                "starts": event["event_ts"],
                "ends": END,
                "evidence_event_key": event["event_key"],
            }
            ties.append(current)
    joined: list[Row] = []
    for tie in ties:
        if tie["starts"] == tie["ends"]:
            continue
        before = joined[-1] if joined else None
        if before and before["user_id"] == tie["user_id"] and before["ends"] == tie["starts"]:
            before["ends"] = tie["ends"]
        else:
            joined.append(tie)
    return joined


def intervals_of(visitor_id: str, evidence: list[Row]) -> list[Row]:
    """The visitor's intervals from the beginning to the end of time, with user or null."""
    ties = ties_of(evidence)
    users = {event["user_id"] for event in evidence if event["role"] != "logout"}
    if ties and len(users) <= SHARED_ABOVE_USERS:
        ties[0]["starts"] = BEGINNING
    intervals: list[tuple[datetime, datetime, str | None, str | None]] = []
    now = BEGINNING
    for tie in ties:
        if now < tie["starts"]:
            intervals.append((now, tie["starts"], None, None))
        intervals.append((tie["starts"], tie["ends"], tie["user_id"], tie["evidence_event_key"]))
        now = tie["ends"]
    if now < END:
        intervals.append((now, END, None, None))
    return [_interval(visitor_id, *interval) for interval in intervals]


def _interval(
    visitor_id: str, starts: datetime, ends: datetime, user_id: str | None, evidence: str | None
) -> Row:
    return {
        "visitor_id": visitor_id,
        "valid_from": starts,
        "valid_to": ends,
        "user_id": user_id,
        "evidence_event_key": evidence,
    }


def all_intervals(winners: list[Row]) -> list[Row]:
    """The intervals of every visitor."""
    evidence: dict[str, list[Row]] = defaultdict(list)
    user_of: dict[str, str | None] = {}
    for event in sorted(winners, key=in_order):
        visitor_id = event["visitor_id"]
        if visitor_id is None:
            continue
        user_of[visitor_id] = event["user_id"] if event["visitor_kind"] == "user" else None
        if event["user_id"] is not None and event["visitor_kind"] != "user":
            evidence[visitor_id].append(event)
    table = []
    for visitor_id, user_id in user_of.items():
        if user_id is not None:
            table.append(_interval(visitor_id, BEGINNING, END, user_id, None))
        else:
            table.extend(intervals_of(visitor_id, evidence[visitor_id]))
    return table


def build_map(winners: list[Row], ties: UserTies, erasures: list[Row]) -> list[Row]:
    """`core.map_visitor_person`: the erased keep their rows, without the evidence."""
    visitors = {row["visitor_id"] for row in erasures} - {None}
    users = {row["user_id"] for row in erasures} - {None}
    table = []
    for interval in all_intervals(winners):
        user_id = interval.pop("user_id")
        is_erased = interval["visitor_id"] in visitors or user_id in users
        table.append(
            {
                **interval,
                "person_id": hashed("visitor", interval["visitor_id"])
                if user_id is None
                else ties.person(user_id),
                "evidence_event_key": None if is_erased else interval["evidence_event_key"],
                "is_erased": is_erased,
            }
        )
    return table


def assign_persons(winners: list[Row], person_map: list[Row], ties: UserTies) -> None:
    """Write person_id to every event."""
    intervals: dict[str, list[Row]] = defaultdict(list)
    for row in person_map:
        intervals[row["visitor_id"]].append(row)
    for event in winners:
        if event["user_id"] is not None:
            event["person_id"] = ties.person(event["user_id"])
        elif event["visitor_id"] is None:
            event["person_id"] = None
        else:
            (event["person_id"],) = (
                row["person_id"]
                for row in intervals[event["visitor_id"]]
                if row["valid_from"] <= event["event_ts"] < row["valid_to"]
            )


def persons_of_acts(acts: list[Row], at: str, person_map: list[Row], ties: UserTies) -> list[Row]:
    """The acts with person_id: of their user, else of their visitor at the time in column `at`."""

    def person(act: Row) -> str | None:
        if act["user_id"] is not None:
            return ties.person(act["user_id"])
        return next(
            (
                row["person_id"]
                for row in person_map
                if row["visitor_id"] == act["visitor_id"]
                and row["valid_from"] <= act[at] < row["valid_to"]
            ),
            None,
        )

    return [{**act, "person_id": person(act)} for act in acts]


def session_persons(grouped: list[list[Row]]) -> dict[str, str]:
    """session_id -> person of its last event."""
    return {events[-1]["session_id"]: events[-1]["person_id"] for events in grouped}


def order_persons(orders: list[Row], winners: list[Row]) -> dict[str, str | None]:
    """order_key -> person of its first order event."""
    person_of = {event["event_key"]: event["person_id"] for event in winners}
    return {order["order_key"]: person_of[order["event_key"]] for order in orders}


def refund_persons(
    refunds: list[Row], winners: list[Row], person_of_order: dict[str, str | None]
) -> dict[str, str | None]:
    """event_key -> person: of the event where it has a visitor, else of its order, else none."""
    person_of = {event["event_key"]: event["person_id"] for event in winners}
    return {
        refund["event_key"]: person_of[refund["event_key"]]
        if refund["visitor_id"] is not None
        else person_of_order.get(refund["order_key"])
        for refund in refunds
    }


def build_persons(winners: list[Row], gone: set[str]) -> list[Row]:
    """`core.dim_persons`, bots included, without the erased."""
    named = {
        hashed("user", e["user_id"]): e["user_id"] for e in winners if e["user_id"] is not None
    }
    by_person: dict[str, list[Row]] = defaultdict(list)
    for event in winners:
        if event["person_id"] is not None and event["person_id"] not in gone:
            by_person[event["person_id"]].append(event)
    return [
        {
            "person_id": person_id,
            "user_id": named.get(person_id),
            "first_seen_at": min(event["event_ts"] for event in events),
            "last_seen_at": max(event["event_ts"] for event in events),
            "event_count": len(events),
            "visitor_count": len({event["visitor_id"] for event in events}),
            "user_count": len({event["user_id"] for event in events} - {None}),
            "is_known": person_id in named,
            "is_bot": all(event["is_bot"] for event in events),
        }
        for person_id, events in by_person.items()
    ]
