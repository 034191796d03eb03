"""Random histories of a small shop: rows, the days they arrive on, and how days are materialised.

Belongs here: arrival (days, seals, files, lines), plans of runs with kills and repeats, the
hypothesis strategy, and `recut`. Not here: what happens in the shop (`building_blocks`), nor what
it means (`oracle/`).
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.laws.account_blocks import ACCOUNT_BLOCKS, random_erasures
from tests.laws.bot_blocks import BOT_BLOCKS
from tests.laws.building_blocks import BLOCKS, Scene, copies, long_run
from tests.laws.campaign_blocks import CAMPAIGN_BLOCKS
from tests.laws.cart_blocks import CART_BLOCKS
from tests.laws.commerce_blocks import COMMERCE_BLOCKS
from tests.laws.engagement_blocks import ENGAGEMENT_BLOCKS
from tests.laws.experiment_blocks import EXPERIMENT_BLOCKS
from tests.laws.shop import FUNNELS, REFERRER_HOSTS, REGISTRY, SETTINGS, SOURCES
from tests.laws.tracker_blocks import TRACKER_BLOCKS
from tests.laws.trigger_blocks import TRIGGER_BLOCKS

__all__ = [
    "FUNNELS",
    "REFERRER_HOSTS",
    "REGISTRY",
    "SETTINGS",
    "SOURCES",
    "History",
    "Run",
    "histories",
    "random_history",
    "recut",
]

Row = dict[str, Any]
Seals = dict[date, tuple[tuple[Row, ...], ...]]

# Plain days, the end of a February and of a year, and the days around changes of clocks.
BASE_DATES = (
    date(2026, 5, 11),
    date(2024, 2, 28),
    date(2025, 12, 30),
    date(2026, 3, 28),
    date(2026, 10, 24),
    date(2026, 3, 7),
    date(2026, 10, 31),
)
# New ones at the end: what a seed gives hangs on their number and order.
ALL_BLOCKS = (
    *BLOCKS,
    *ACCOUNT_BLOCKS,
    *CART_BLOCKS,
    *COMMERCE_BLOCKS,
    *ENGAGEMENT_BLOCKS,
    *EXPERIMENT_BLOCKS,
    *TRIGGER_BLOCKS,
    *CAMPAIGN_BLOCKS,
    *TRACKER_BLOCKS,
    *BOT_BLOCKS,
    # Each domain's blocks thin out what every table hangs on: which copy of an event wins.
    *(copies,) * 6,
)
TIMEZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York")
HOLES = (1, 1, 1, 1, 2, 3, 7, 30)


@dataclass(frozen=True)
class Run:
    """One materialisation.

    Attributes:
        days: arrival dates asked for. An implementation adds those that killed runs left undone.
        visible: how many seals of each day are in the log when the run starts; only days that
            this run or an earlier one asked for are there.
        kill_after: share of the models, > 0 and < 1, after which the run is killed; None if it
            finishes.
        erased: requests that are in the erasure register when the run starts.
    """

    days: tuple[date, ...]
    visible: dict[date, int]
    kill_after: float | None = None
    erased: frozenset[int] = frozenset()


@dataclass(frozen=True)
class History:
    """A shop's log and the way it came to be.

    Attributes:
        seals: arrival date -> its seals in order, each the rows that it added (maybe none).
        plan: runs in order; the last one finishes and sees every seal.
        timezone: reporting time zone.
        erasures: the erasure register at the end.
    """

    seals: Seals
    plan: tuple[Run, ...] = field(repr=False)
    timezone: str = "UTC"
    erasures: tuple[Row, ...] = ()

    @property
    def log_rows(self) -> list[Row]:
        """The whole log in arrival order of days and seals."""
        return [row for day in sorted(self.seals) for seal in self.seals[day] for row in seal]

    @property
    def settings(self) -> Row:
        """Settings for the oracle."""
        return {**SETTINGS, "reporting_timezone": self.timezone}

    @property
    def as_of(self) -> date:
        """As it stands at the end: the last arrival date."""
        return max(self.seals)

    def rows_at(self, number: int) -> list[Row]:
        """The log when run `number` starts, which is also what a finished run has to show."""
        visible = self.plan[number].visible
        return [
            row
            for day in sorted(visible)
            for seal in self.seals[day][: visible[day]]
            for row in seal
        ]

    def closed_at(self, number: int) -> set[date]:
        """Days whose last seal is in the log when run `number` starts."""
        visible = self.plan[number].visible
        return {day for day, seals in visible.items() if seals == len(self.seals[day])}

    def erasures_at(self, number: int) -> list[Row]:
        """The erasure register when run `number` starts."""
        return [one for one in self.erasures if one["request_number"] in self.plan[number].erased]

    def as_of_at(self, number: int) -> date | None:
        """Latest closed arrival date when run `number` starts; None before the first."""
        return max(self.closed_at(number), default=None)

    def new_seals(self, number: int) -> list[tuple[date, tuple[Row, ...]]]:
        """Seals that run `number` finds and the run before it did not."""
        before = self.plan[number - 1].visible if number else {}
        return [
            (day, seal)
            for day, seals in sorted(self.plan[number].visible.items())
            for seal in self.seals[day][before.get(day, 0) : seals]
        ]

    def describe(self) -> str:
        """Rows by what they say, and the plan, one line each."""
        lines = [f"reporting time zone {self.timezone}"]
        for row in self.log_rows:
            said = {k: v for k, v in row.items() if v not in (None, "{}", False)}
            lines.append(" ".join(f"{key}={value}" for key, value in said.items()))
        for one in self.erasures:
            who = f"visitor {one['visitor_id']}" if one["visitor_id"] else f"user {one['user_id']}"
            lines.append(f"request {one['request_number']} erases {who}")
        for number, run in enumerate(self.plan):
            days = ", ".join(map(str, run.days))
            killed = "" if run.kill_after is None else f", killed after {run.kill_after}"
            seals = {str(day): seals for day, seals in run.visible.items()}
            erased = f"; erased by: {sorted(run.erased)}" if run.erased else ""
            lines.append(f"run {number}: {days}{killed}; seals in the log: {seals}{erased}")
        return "\n".join(lines)


def arrival_day(rng: Random, event_date: date, days: list[date], lateness: str) -> date:
    """A day on which the event may arrive: at the earliest the day before its own."""
    possible = [day for day in days if day >= event_date - timedelta(days=1)]
    on_time = [day for day in possible if day >= event_date] or possible
    if lateness == "late" and len(on_time) > 1:
        return rng.choice(on_time[1:])
    if lateness == "any" and rng.randrange(100) >= 65:
        return rng.choice(possible)
    return on_time[0]


def seal_rows(rng: Random, scene: Scene) -> Seals:
    """Give every row its arrival date, seal, file and line.

    A day has one seal or two; the second one's file may sort before the first one's, so that a
    later seal can bring the copy that arrived first by `(arrival_date, source_file, source_line)`.
    """
    rows_of: dict[date, list[Row]] = {day: [] for day in scene.days}
    for row, lateness in zip(scene.rows, scene.lateness, strict=True):
        day = arrival_day(rng, row["event_ts"].date(), scene.days, lateness)
        rows_of[day].append(dict(row, arrival_date=day))
    sealed = {}
    for day, rows in rows_of.items():
        rng.shuffle(rows)
        files = ("a", "b") if rng.randrange(2) == 0 else ("b", "a")
        seals: list[list[Row]] = [rows]
        if rng.randrange(100) >= 70:
            middle = rng.randint(0, len(rows))
            seals = [rows[:middle], rows[middle:]]
        for name, seal in zip(files, seals, strict=False):
            number_lines(seal, f"{day}/{name}.jsonl")
        sealed[day] = tuple(tuple(seal) for seal in seals)
    return sealed


def number_lines(rows: list[Row], path: str) -> None:
    """Write file and line to rows of one seal: a file a source, lines in the given order."""
    lines: dict[str, int] = defaultdict(int)
    for row in rows:
        lines[row["source"]] += 1
        row["source_file"] = f"{row['source']}/{path}"
        row["source_line"] = lines[row["source"]]


def random_requests(rng: Random, seals: Seals) -> list[tuple[list[date], bool]]:
    """Days asked for together, and whether their last seals are in by then.

    Single days, ranges and all at once, in time order or not; first seals alone before; days that
    are there already once more.
    """
    days = sorted(seals)
    if rng.randrange(100) >= 50:
        rng.shuffle(days)
    asked: list[tuple[list[date], bool]] = []
    while days:
        size = rng.choice((1, 1, 1, 2, len(days)))
        chunk, days = sorted(days[:size]), days[size:]
        if any(len(seals[day]) > 1 for day in chunk) and rng.randrange(100) >= 25:
            asked.append((chunk, False))
        asked.append((chunk, True))
    for _ in range(rng.choice((0, 0, 1, 2))):
        position = rng.randint(0, len(asked))
        known = {day for chunk, _ in asked[:position] for day in chunk}
        again = known & set(rng.sample(sorted(seals), rng.randint(1, len(seals))))
        if again:
            asked.insert(position, (sorted(again), False))
    return asked


def random_plan(rng: Random, seals: Seals, *, kills: bool = True) -> tuple[Run, ...]:
    """Runs for random requests, some killed; then mostly the same again, else the next request."""
    runs: list[Run] = []
    visible: dict[date, int] = {}
    for chunk, whole in random_requests(rng, seals):
        for day in chunk:
            visible[day] = len(seals[day]) if whole else max(1, visible.get(day, 0))
        runs.append(Run(tuple(chunk), dict(visible)))
    return with_kills(rng, runs) if kills else tuple(runs)


def with_kills(rng: Random, runs: list[Run]) -> tuple[Run, ...]:
    """Kill some of the runs; the last finishes.

    After a kill mostly the same run comes again, else the next one.
    """
    plan: list[Run] = []
    for run in runs:
        while rng.randrange(100) >= 80:
            plan.append(replace(run, kill_after=rng.randrange(1, 20) / 20))
            if rng.randrange(100) >= 75:
                break
        else:
            plan.append(run)
    if plan[-1].kill_after is not None:
        plan.append(replace(plan[-1], kill_after=None))
    return tuple(plan)


def with_erasures(rng: Random, runs: tuple[Run, ...], erasures: tuple[Row, ...]) -> tuple[Run, ...]:
    """Each request is in the register from some run on, the last one at the latest."""
    since = {one["request_number"]: rng.randrange(len(runs)) for one in erasures}
    return tuple(
        replace(run, erased=frozenset(request for request, at in since.items() if at <= number))
        for number, run in enumerate(runs)
    )


def random_history(
    rng: Random,
    *,
    base: date | None = None,
    prefix: str = "",
    timezone: str | None = None,
    kills: bool = True,
    first_request: int = 1,
) -> History:
    """A history of 5 to about 70 rows, the same for the same state of `rng`.

    Args:
        rng: source of every choice.
        base: first arrival date; by default one of a few, changes of clocks among them.
        prefix: put before every id, so that many histories can share a database.
        timezone: reporting time zone; by default one of three.
        kills: whether runs may be killed.
        first_request: number of its first request to erase somebody.
    """
    days = [base or rng.choice(BASE_DATES)]
    for _ in range(rng.randint(1, 4)):
        days.append(days[-1] + timedelta(days=rng.choice(HOLES)))
    scene = Scene(rng, days, prefix)
    size = rng.choice((5, 12, 25, 40, 60))
    if size >= 40 and rng.randrange(100) >= 75:
        long_run(scene)
    while len(scene.rows) < size:
        rng.choice(ALL_BLOCKS)(scene)
    seals = seal_rows(rng, scene)
    zone = timezone or rng.choice(TIMEZONES)
    erasures = random_erasures(scene, first_request)
    plan = with_erasures(rng, random_plan(rng, seals, kills=kills), erasures)
    return History(seals, plan, zone, erasures)


def histories(**options: Any) -> st.SearchStrategy[History]:
    """Hypothesis strategy for `random_history`; its choices are hypothesis's, so it shrinks."""
    randoms = st.randoms(use_true_random=False, note_method_calls=False)
    return randoms.map(lambda rng: random_history(rng, **options))


def recut(history: History, rng: Random) -> History:
    """The same rows in the same order of arrival, on other arrival days with the same last one.

    The order is kept within each source: nothing in the definitions compares the arrival of rows
    of two sources. The plan is a single run of all days.
    """
    last = history.as_of
    span = (last - min(history.seals)).days + 1
    earlier = {last - timedelta(days=rng.randint(1, span)) for _ in range(rng.randint(0, 4))}
    days = [*sorted(earlier), last]
    rows = sorted(
        history.log_rows, key=lambda r: (r["arrival_date"], r["source_file"], r["source_line"])
    )
    at = 0
    rows_of: dict[date, list[Row]] = {day: [] for day in days}
    for row in rows:
        while days[at] < row["event_ts"].date() - timedelta(days=1):
            at += 1
        if at < len(days) - 1 and rng.randrange(100) >= 90:
            at += 1
        rows_of[days[at]].append(dict(row, arrival_date=days[at]))
    for day, mine in rows_of.items():
        number_lines(mine, f"{day}/a.jsonl")
    seals = {day: (tuple(mine),) for day, mine in rows_of.items()}
    every = Run(tuple(days), dict.fromkeys(days, 1), erased=history.plan[-1].erased)
    return History(seals, (every,), history.timezone, history.erasures)
