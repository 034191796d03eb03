"""What each channel earned, order by order, and the touches that it follows from.

Belongs here: docs/metrics.md, `core.fct_touchpoints` and `marts.attribution`, in whole numbers and
fractions. Not here: the channel of a session (`channels`), nor its person (`identity`).
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from tests.laws.oracle.events import Row
from tests.laws.oracle.kpis import NOT_SET, Facts
from tests.laws.oracle.removal_effects import removal_effects

LOOK_BACK = timedelta(days=30)
HALF_LIFE = timedelta(days=7)
DIRECT = "Direct"
CONVERSION_UNITS, CREDIT_UNITS = 1_000_000, 10_000
PRECISION = 2**30
SAME = ("session_id", "visitor_id", "report_date", "started_at", "ended_at", "is_bot",
        "last_event_user_id", "channel", "traffic_source", "traffic_medium",
        "utm_campaign")  # fmt: skip
BORROWED = {
    "last_non_direct_session_id": "session_id",
    "last_non_direct_channel": "channel",
    "last_non_direct_source": "traffic_source",
    "last_non_direct_medium": "traffic_medium",
    "last_non_direct_campaign": "utm_campaign",
}


def in_time(session: Row) -> tuple[object, ...]:
    """Sort key: the order of sessions."""
    return (session["started_at"], session["session_id"])


def touchpoints(sessions: list[Row]) -> list[Row]:
    """`core.fct_touchpoints`."""
    of_visitor: dict[tuple[str, bool], list[Row]] = defaultdict(list)
    for session in sorted(sessions, key=in_time):
        of_visitor[session["visitor_id"], session["is_bot"]].append(session)
    table = []
    for mine in of_visitor.values():
        for number, session in enumerate(mine):
            lender = next(
                (
                    earlier
                    for earlier in reversed(mine[: number + 1])
                    if earlier["channel"] != DIRECT
                    and (earlier is session or earlier["started_at"] < session["started_at"])
                    and earlier["started_at"] >= session["started_at"] - LOOK_BACK
                ),
                session,
            )
            table.append(
                {column: session[column] for column in SAME}
                | {column: lender[lent] for column, lent in BORROWED.items()}
            )
    return table


def merged(sessions: list[Row]) -> list[Row]:
    """Touches of sessions in order: neighbours of one channel are one, as old as the last."""
    touches: list[Row] = []
    for session in sorted(sessions, key=in_time):
        touch = {"channel": session["channel"], "touched_at": session["started_at"]}
        if touches and touches[-1]["channel"] == touch["channel"]:
            touches[-1] = touch
        else:
            touches.append(touch)
    return touches


def sessions_before(order: Row, facts: Facts) -> list[Row]:
    """Sessions in an order's path."""
    return [
        session
        for session in facts.sessions
        if session["session_id"] == order["session_id"]
        or (
            session["person_id"] == order["person_id"]
            and order["ordered_at"] - LOOK_BACK <= session["started_at"] <= order["ordered_at"]
        )
    ]


def only(place: int, count: int) -> list[int]:
    """One for a place, 0 for the others."""
    return [int(number == place) for number in range(count)]


def last_non_direct(touches: list[Row]) -> list[int]:
    """All to the last touch that is not Direct."""
    places = [n for n, touch in enumerate(touches) if touch["channel"] != DIRECT]
    return only(places[-1] if places else len(touches) - 1, len(touches))


def position_based(count: int) -> list[int]:
    """40, 40 and 20 % in the smallest whole numbers that say it."""
    if count <= 2:
        return [1] * count
    return [2 * (count - 2), *[1] * (count - 2), 2 * (count - 2)]


def decayed(order: Row, touch: Row) -> int:
    """Half of its weight is gone after every 7 days."""
    if touch["touched_at"] is None:
        return PRECISION
    return round(2.0 ** -((order["ordered_at"] - touch["touched_at"]) / HALF_LIFE) * PRECISION)


def once_a_channel(touches: list[Row], weigh: Callable[[str], int]) -> list[int]:
    """A channel's weight on its first touch."""
    seen: set[str] = set()
    weights = []
    for touch in touches:
        channel = touch["channel"]
        weights.append(0 if channel in seen else weigh(channel))
        seen.add(channel)
    return weights


def weights_of(order: Row, touches: list[Row], effects: dict[str, int]) -> dict[str, list[int]]:
    """Model -> a whole number a touch."""
    count = len(touches)
    return {
        "first": only(0, count),
        "last": only(count - 1, count),
        "last_non_direct": last_non_direct(touches),
        "linear": [1] * count,
        "time_decay": [decayed(order, touch) for touch in touches],
        "position_based": position_based(count),
        "shapley": once_a_channel(touches, lambda channel: 1),
        "markov": once_a_channel(touches, lambda channel: effects[channel]),
    }


def shared(units: int, weights: list[int]) -> list[int]:
    """Units by the largest remainder, of equal ones the earlier; adds up to `units`."""
    total, sign = sum(weights), -1 if units < 0 else 1
    parts = [divmod(abs(units) * weight, total) for weight in weights]
    left = abs(units) - sum(whole for whole, _ in parts)
    by_remainder = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    return [
        sign * (whole + (place in by_remainder[:left])) for place, (whole, _) in enumerate(parts)
    ]


def month_of(day: date) -> date:
    """First date of the month."""
    return day.replace(day=1)


def journeys_by_month(
    facts: Facts, paths: dict[str, list[Row]], in_a_path: set[str]
) -> dict[date, list[tuple[list[str], bool]]]:
    """Month -> channels of each journey and whether it ends in an order."""
    journeys: dict[date, list[tuple[list[str], bool]]] = defaultdict(list)
    for order in facts.orders:
        channels = [touch["channel"] for touch in paths[order["order_key"]]]
        journeys[month_of(order["report_date"])].append((channels, True))
    lost: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for session in facts.sessions:
        if session["session_id"] not in in_a_path:
            lost[session["person_id"], month_of(session["report_date"])].append(session)
    for (_, month), sessions in lost.items():
        journeys[month].append(([touch["channel"] for touch in merged(sessions)], False))
    return journeys


def attribution(facts: Facts) -> list[Row]:
    """`marts.attribution`."""
    paths, in_a_path = {}, set()
    for order in facts.orders:
        sessions = sessions_before(order, facts)
        in_a_path |= {session["session_id"] for session in sessions}
        paths[order["order_key"]] = merged(sessions) or [{"channel": NOT_SET, "touched_at": None}]
    effects = {
        month: {
            channel: max(1, round(effect * PRECISION))
            for channel, effect in removal_effects(journeys).items()
        }
        for month, journeys in journeys_by_month(facts, paths, in_a_path).items()
    }
    cells: dict[tuple[str, date, str], list[int]] = defaultdict(lambda: [0, 0])
    for order in facts.orders:
        touches = paths[order["order_key"]]
        value = int((order["gross_revenue"] or Decimal(0)) * CREDIT_UNITS)
        of_month = effects[month_of(order["report_date"])]
        for model, weights in weights_of(order, touches, of_month).items():
            shares = zip(shared(CONVERSION_UNITS, weights), shared(value, weights), strict=True)
            for touch, weight, (conversions, credit) in zip(touches, weights, shares, strict=True):
                if weight:
                    cell = cells[model, order["report_date"], touch["channel"]]
                    cell[0] += conversions
                    cell[1] += credit
    return [
        {
            "model": model,
            "report_date": day,
            "channel": channel,
            "conversions": Decimal(conversions) / CONVERSION_UNITS,
            "credit": Decimal(credit) / CREDIT_UNITS,
        }
        for (model, day, channel), (conversions, credit) in cells.items()
    ]
