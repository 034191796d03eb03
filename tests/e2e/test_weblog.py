"""A web server's log of four days through the warehouse: 10,000 hits, bots by name and by pace.

Belongs here: that visits, visitors and pages of the marts are what pandas says of the raw lines.
Not here: how a line is read (`test_existing_formats.py`).

What tells a machine by its user agent: two libraries, of which footfall asks one, ua-parser never
for this. The rule on pace, the visits and all else are written here, from docs/metrics.md.
"""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from crawleruseragents import is_crawler
from ua_parser import parse_device

from dagster_project.state import StatePaths
from tests.e2e.access_log_by_shlex import is_page, parse_hits, path_of
from tests.e2e.command import begun, load_and_build, served
from tests.e2e.retention_by_pandas import (
    assert_cohorts_equal,
    assert_lifecycle_equals,
    retention,
)
from tests.e2e.steps_by_pandas import assert_steps_of_one_name_equal
from tests.landed_days import land

MOST = 12
SETTINGS = f"""\
bots: {{max_views_per_minute: {MOST}}}
sources:
  web:
    format: access_log
    visitors: address_and_agent
    site: http://semicomplete.com
"""
FIRST, LAST = date(2015, 5, 17), date(2015, 5, 20)
# Machines that neither library has; found by looking at all 559 agents of the log.
MACHINES = ("Digg Feed Fetcher", "Ruby", "eZ Publish Link Validator")


def is_machine(agent: str) -> bool:
    """Whether an agent is a crawler, feed reader or tool by the libraries, or by sight."""
    if agent == "-":
        return False
    device = parse_device(agent)
    is_spider = device is not None and device.family == "Spider"
    return is_crawler(agent) or is_spider or agent.startswith(MACHINES)


@pytest.fixture(scope="module")
def home(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = begun(tmp_path_factory.mktemp("weblog"), SETTINGS)
    content = (shared_data / "weblog_apache" / "apache_logs.gz").read_bytes()
    land(StatePaths(home), f"web/{LAST}/access.log.gz", content)
    load_and_build(home)
    return home


@pytest.fixture(scope="module")
def hits(shared_data: Path) -> pd.DataFrame:
    """Every line: who, when, is it a page, a declared machine's, a fast visitor's."""
    parsed = parse_hits(shared_data / "weblog_apache" / "apache_logs.gz")
    assert len(parsed) == 10_000
    rows = pd.DataFrame({
        "visitor": [f"{hit['ip']} {hit['agent']}" for hit in parsed],
        "agent": [hit["agent"] for hit in parsed],
        "referrer": [hit["referrer"] for hit in parsed],
        "target": [hit["request"].split(" ")[1] for hit in parsed],
        "path": [path_of(hit) for hit in parsed],
        "is_page": [is_page(hit) for hit in parsed],
        "at": pd.to_datetime([hit["at"] for hit in parsed], format="[%d/%b/%Y:%H:%M:%S +0000]"),
    })  # fmt: skip
    rows["line"] = range(1, len(rows) + 1)
    rows["date"] = rows["at"].dt.date
    machines = {agent: is_machine(agent) for agent in rows["agent"].unique()}
    rows["is_declared"] = rows["agent"].map(machines)
    views = rows[rows["is_page"]]
    pace = views.groupby(["visitor", "date", views["at"].dt.floor("min")]).size()
    fast = set(pace[pace > MOST].reset_index()[["visitor", "date"]].itertuples(index=False))
    days = zip(rows["visitor"], rows["date"], strict=True)
    rows["is_fast"] = [day in {tuple(one) for one in fast} for day in days]
    rows["is_bot"] = rows["is_declared"] | rows["is_fast"]
    # The data set's own figure; and both rules find some.
    assert rows["visitor"].nunique() == 1_862
    assert rows["is_declared"].sum() > 1_900
    assert (rows["is_fast"] & ~rows["is_declared"]).sum() > 50
    return rows


@pytest.fixture(scope="module")
def views(hits: pd.DataFrame, home: Path) -> pd.DataFrame:
    """Pages seen with their visits: a rest of more than 30 minutes, or a full day, ends one.

    Equal times are in the order of the event's key, which only the warehouse makes.
    """
    with served(home) as con:
        keys = con.execute("select source_line as line, event_key from core.fct_events").df()
    rows = hits[hits["is_page"]].merge(keys, on="line", validate="one_to_one")
    rows = rows.sort_values(["visitor", "at", "event_key"]).reset_index(drop=True)
    other = rows["visitor"] != rows["visitor"].shift()
    run = (other | (rows["at"].diff() > timedelta(minutes=30))).cumsum()
    days = (rows["at"] - rows.groupby(run)["at"].transform("min")) // timedelta(days=1)
    rows["visit"] = rows.groupby([run, days], sort=True).ngroup()
    assert len(rows) == hits["is_page"].sum() > 3_000
    return rows


@pytest.fixture(scope="module")
def visits(views: pd.DataFrame) -> pd.DataFrame:
    """A row a visit, bots' with them."""
    grouped = views.groupby("visit")
    found = grouped.agg(
        visitor=("visitor", "first"), began=("at", "first"), ended=("at", "last"),
        pages=("path", "size"), entry=("path", "first"), exit=("path", "last"),
        is_bot=("is_bot", "any"), date=("date", "first"),
    )  # fmt: skip
    found["number"] = found.groupby("visitor").cumcount() + 1
    return found


def test_bots_by_name_and_by_pace_are_counted(home, hits):
    with served(home) as con:
        found = con.execute(
            "select rows_read, rows_logged, duplicates, declared_bot_events, fast_visitor_events "
            "from dq.arrivals_daily"
        ).fetchall()
        bots = con.execute("select source_line from core.fct_events where is_bot").fetchall()
    assert {line for (line,) in bots} == set(hits.loc[hits["is_bot"], "line"])
    only_fast = int((hits["is_fast"] & ~hits["is_declared"]).sum())
    assert found == [(10_000, 10_000, 0, int(hits["is_declared"].sum()), only_fast)]


def test_every_visit_equals_pandas(home, hits, visits):
    with served(home) as con:
        ids = con.execute("select source_line, visitor_id from core.fct_events").fetchall()
        found = con.execute(
            "select visitor_id, started_at, ended_at, event_count, page_views, entry_page, "
            "exit_page, is_bot, session_number, is_engaged from core.fct_sessions"
        ).fetchall()
    # Which pseudonym is whose: an address with an agent has one, and one alone.
    line_of = dict(zip(hits["line"], hits["visitor"], strict=True))
    visitor = {pseudonym: line_of[line] for line, pseudonym in ids}
    assert len(visitor) == len(set(visitor.values())) == 1_862
    assert len({(line_of[line], pseudonym) for line, pseudonym in ids}) == 1_862
    assert sorted((visitor[who], *rest) for who, *rest in found) == sorted(
        (one.visitor, one.began.to_pydatetime(), one.ended.to_pydatetime(), one.pages, one.pages,
         one.entry, one.exit, one.is_bot, one.number, one.pages >= 2)
        for one in visits.itertuples()
    )  # fmt: skip
    assert len(found) == len(visits) > 1_500


def test_every_day_equals_pandas(home, views, visits):
    people, pages = visits[~visits["is_bot"]], views[~views["is_bot"]]
    came = pages.groupby("date")["visitor"].agg(set)
    with served(home) as con:
        found = con.execute(
            "select report_date, page_views, sessions, engaged_sessions, new_visitors, visitors, "
            "persons, dau, wau, mau, bounce_rate, stickiness, orders "
            "from marts.kpi_daily order by 1"
        ).fetchall()
    days = [*pd.date_range(FIRST, LAST).date]
    assert [row[0] for row in found] == days
    for day, *counts, bounce, stickiness, orders in found:
        mine = people[people["date"] == day]
        engaged = int((mine["pages"] >= 2).sum())
        weeks = set().union(*came.loc[:day])
        here = len(came[day])
        assert counts == [
            int((pages["date"] == day).sum()), len(mine), engaged, int((mine["number"] == 1).sum()),
            here, here, here, len(weeks), len(weeks),
        ]  # fmt: skip
        rates = [1 - engaged / len(mine), here / len(weeks)]
        assert [bounce, stickiness] == pytest.approx(rates, abs=1e-9)
        assert (orders, len(mine) > 100) == (0, True)


# Engines and networks among the hosts of this log's referrers, by a part of their names.
ENGINES = {"google", "bing", "duckduckgo", "baidu", "yahoo", "yandex", "ask", "search"}
NETWORKS = ("t.co", "facebook.com", "reddit.com", "linkedin.com", "twitter.com", "plus.google.com")


def channel(target: str, referrer: str) -> str | None:
    """Where a page view came from by its own; None if it does not say."""
    if "utm_" in target:
        # All of these are links of a feed: source feedburner, medium feed, in no group.
        assert "utm_source=feedburner&utm_medium=feed" in target
        return "Unassigned"
    if "//" not in referrer:
        return None
    host = referrer.split("/")[2].split(":")[0].removeprefix("www.").lower()
    if host == "semicomplete.com":
        return None
    if host in NETWORKS:
        return "Organic Social"
    return "Organic Search" if ENGINES & set(host.split(".")) else "Referral"


def test_visits_by_channel_equal_pandas(home, views, visits):
    said = [channel(*row) for row in views[["target", "referrer"]].itertuples(index=False)]
    first = views.assign(said=said).dropna(subset="said").groupby("visit")["said"].first()
    where = visits.assign(channel=first.reindex(visits.index).fillna("Direct"))
    expected = where[~where["is_bot"]].groupby(["date", "channel"]).size().to_dict()
    with served(home) as con:
        found = con.execute(
            "select report_date, value, sessions from marts.kpi_daily_by_dimension "
            "where dimension = 'channel' and sessions > 0"
        ).fetchall()
    assert {(day, name): count for day, name, count in found} == expected
    assert {"Direct", "Organic Search", "Referral"} <= {name for _, name, _ in found}


def test_every_page_of_every_day_equals_pandas(home, views, visits):
    stays = views["at"].diff(-1).dt.total_seconds().mul(-1)
    here = views.assign(dwell=stays.where(views["visit"] == views["visit"].shift(-1)))
    here = here[~here["is_bot"]].groupby(["date", "path"])
    people = visits[~visits["is_bot"]]
    # Nothing but pages makes a visit here: one of a single page has bounced.
    began = people.assign(bounced=people["pages"] == 1).groupby(["date", "entry"])["bounced"]
    expected = pd.concat([
        here["visitor"].agg(["size", "nunique"]),
        here["dwell"].agg(["count", "sum"]).add_prefix("dwell_"),
        began.agg(entrances="size", bounces="sum").rename_axis(["date", "path"]),
        people.groupby(["date", "exit"]).size().rename("exits").rename_axis(["date", "path"]),
    ], axis="columns").fillna(0)  # fmt: skip
    with served(home) as con:
        found = con.execute(
            "select report_date, page_path, page_views, page_visitors, views_with_dwell, "
            "dwell_s_sum::double, entrances, bounces, exits, entrance_bounce_rate "
            "from marts.page_engagement"
        ).fetchall()
    assert {tuple(row[:2]): tuple(row[2:9]) for row in found} == {
        (row.Index): tuple(row[1:]) for row in expected.itertuples()
    }
    assert len(found) > 400
    assert expected["dwell_count"].sum() > 700
    for *_, entrances, bounces, _, rate in found:
        assert rate == (bounces / entrances if entrances else None)


def test_retention_of_visitors_equals_pandas(home, views, visits):
    people, pages = visits[~visits["is_bot"]], views[~views["is_bot"]]
    first = people.groupby("visitor")["date"].min()
    expected = retention(first, pages.rename(columns={"visitor": "person"}), "D", LAST)
    assert assert_cohorts_equal(home, "visit", "day", expected) == 4 + 3 + 2 + 1
    assert sum(row[0] for (_, offset), row in expected.items() if offset == 0) > 900


def test_who_is_new_returns_or_falls_silent_equals_pandas(home, views):
    pages = views[~views["is_bot"]].rename(columns={"visitor": "person"})
    found = assert_lifecycle_equals(home, pages, max(pages["date"]))
    assert found.loc["day", "new"] == pages["person"].nunique() > 900
    assert found.loc["day", "returning"] > 10


def test_steps_of_a_visit_equal_pandas(home, views, visits):
    of_people = views[~views["visit"].map(visits["is_bot"])]
    assert_steps_of_one_name_equal(home, of_people, "page_viewed", months=1)


def test_every_person_equals_pandas(home, hits, visits):
    """Whoever asked for anything is one, be it an image that another site shows."""
    people = hits[~hits["is_bot"]]
    pages = people.groupby("visitor")["is_page"].agg(["size", "sum"])
    counts = visits[~visits["is_bot"]].groupby("visitor").size().reindex(pages.index, fill_value=0)
    times = people.groupby("visitor")["at"].agg(["min", "max"])
    with served(home) as con:
        found = con.execute(
            "select event_count, session_count, page_views, order_count, is_known, first_seen_at, "
            "last_seen_at from marts.customer_360"
        ).fetchall()
    assert sorted(found) == sorted(
        (pages.at[who, "size"], counts[who], pages.at[who, "sum"], 0, False,
         first.to_pydatetime(), last.to_pydatetime())
        for who, first, last in times.itertuples(name=None)
    )  # fmt: skip
    assert len(found) > 1_000
