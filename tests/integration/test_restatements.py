"""`kpi_restatements`: old value, new value, and the arrivals in between; worked by hand.

The models run as compiled by dbt, on a warehouse in memory whose record is written by hand: what a
publication writes itself is in `records/test_publications`, the whole way in `e2e`.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.laws.log_rows import log_row
from tests.laws.warehouse import Warehouse

D = [date(2026, 11, 1) + timedelta(days=number) for number in range(40)]
Row = dict[str, Any]


def view(number: int, day: date, arrival: date, source: str = "web", **columns: Any) -> Row:
    """A page view at noon by a visitor of its own."""
    return log_row(
        f"v{number}", "page_viewed", datetime.combine(day, datetime.min.time()).replace(hour=12),
        source=source, arrival_date=arrival, anonymous_id=f"c{number}", source_line=number,
        **columns,
    )  # fmt: skip


@pytest.fixture
def warehouse() -> Warehouse:
    return Warehouse()


def seal(warehouse: Warehouse, sequence: int, day: date, rows: list[Row]) -> None:
    """Bring a seal's rows, and build its arrival date."""
    warehouse.add_rows(rows)
    warehouse.con.execute(
        "update inputs.log_files set sequence = ? where arrival_date = ? and sequence = 1",
        [sequence, day],
    )
    days = warehouse.con.execute("select distinct arrival_date from inputs.log_files").fetchall()
    warehouse.set_days({one: True for (one,) in days})
    warehouse.run([day])


def publish(warehouse: Warehouse, publication: int, built_from: int, after: date) -> None:
    """Record every value of kpi_daily that is another than the one recorded last."""
    warehouse.con.execute(
        """
        insert into inputs.kpi_values
        with now as (
            select report_date, metric, value::decimal(38, 12) as value
            from (
                select report_date, columns(* exclude (report_date))::double
                from marts.kpi_daily
            ) unpivot include nulls (value for metric in (columns(* exclude (report_date))))
        )
        select ?, ?, ?, timestamp '2026-12-01', report_date, metric, value
        from now
        where (report_date, metric, coalesce(value, -1)) not in (
            select (report_date, metric, coalesce(value, -1)) from inputs.kpi_values
            qualify row_number() over (
                partition by report_date, metric order by publication desc) = 1
        )
        """,
        [publication, built_from, after],
    )


def restatements(warehouse: Warehouse, day: date, metric: str) -> list[tuple[Any, ...]]:
    return warehouse.con.execute(
        "select publication, published_after, replaced_by_publication, is_restated, "
        "published_value, current_value, changed_by_arrival_dates, changed_by_events, "
        "changed_by_events_by_source from marts.kpi_restatements "
        "where report_date = ? and metric = ? order by publication",
        [day, metric],
    ).fetchall()


def test_without_records_there_is_nothing_to_restate(warehouse):
    seal(warehouse, 2, D[0], [view(1, D[0], D[0])])
    assert warehouse.rows("kpi_restatements") == []
    assert warehouse.rows("customer_360_history") == []


def test_a_late_event_is_named_by_its_arrival_date_and_source_before_and_after_publication(
    warehouse,
):
    seal(warehouse, 2, D[0], [view(1, D[0], D[0])])
    publish(warehouse, 1, 2, D[0])
    # Two late page views of the first date and one of the second; one of a bot counts nowhere.
    late = [
        view(2, D[0], D[1]), view(3, D[0], D[1], source="shop"), view(4, D[1], D[1]),
        view(5, D[0], D[1], is_bot=True),
    ]  # fmt: skip
    seal(warehouse, 3, D[1], late)
    explained = ([D[1]], 2, '{"shop":1,"web":1}')
    assert restatements(warehouse, D[0], "page_views") == [
        (1, D[0], None, True, Decimal(1), Decimal(3), *explained),
    ]
    publish(warehouse, 2, 3, D[1])
    assert restatements(warehouse, D[0], "page_views") == [
        (1, D[0], 2, True, Decimal(1), Decimal(3), *explained),
        (2, D[1], None, False, Decimal(3), Decimal(3), [], 0, "{}"),
    ]
    assert restatements(warehouse, D[1], "page_views") == [
        (2, D[1], None, False, Decimal(1), Decimal(1), [], 0, "{}"),
    ]


def test_each_step_names_only_the_arrivals_of_its_time(warehouse):
    seal(warehouse, 2, D[0], [view(1, D[0], D[0])])
    publish(warehouse, 1, 2, D[0])
    for number in (1, 2):
        seal(warehouse, 2 + number, D[number], [view(9 + number, D[0], D[number])])
        publish(warehouse, 1 + number, 2 + number, D[number])
    found = restatements(warehouse, D[0], "page_views")
    assert [(row[0], row[4], row[6], row[7]) for row in found] == [
        (1, 1, [D[1]], 1), (2, 2, [D[2]], 1), (3, 3, [], 0),
    ]  # fmt: skip


def test_arrivals_between_two_publications_are_named_together(warehouse):
    seal(warehouse, 2, D[0], [view(1, D[0], D[0])])
    publish(warehouse, 1, 2, D[0])
    seal(warehouse, 3, D[1], [view(2, D[0], D[1])])
    seal(warehouse, 4, D[2], [view(3, D[0], D[2]), view(4, D[0], D[2])])
    (row,) = restatements(warehouse, D[0], "visitors")
    assert row[4:] == (Decimal(1), Decimal(4), [D[1], D[2]], 3, '{"web":3}')


def test_rolling_metrics_look_at_their_window_and_sums_to_date_at_all_before(warehouse):
    days = [view(number, D[number], D[number]) for number in range(36)]
    for number, row in enumerate(days):
        warehouse.add_rows([row])
        warehouse.con.execute(
            "update inputs.log_files set sequence = ? where arrival_date = ?",
            [number + 2, D[number]],
        )
    warehouse.set_days(dict.fromkeys(D[:36], True))
    warehouse.run(D[:36])
    publish(warehouse, 1, 37, D[35])
    seal(warehouse, 38, D[36], [view(90, D[0], D[36])])

    # Date 0 lies within 7 dates of date 6, within 30 of date 29, and no further.
    for metric, last in (("dau", 0), ("wau", 6), ("mau", 29)):
        changed = [
            number for number in range(36) if restatements(warehouse, D[number], metric)[0][3]
        ]
        assert changed == list(range(last + 1)), metric
        (row,) = restatements(warehouse, D[last], metric)
        assert row[6:] == ([D[36]], 1, '{"web":1}'), metric
        (row,) = restatements(warehouse, D[last + 1], metric)
        assert row[6:] == ([], 0, "{}"), metric


def test_a_value_that_no_event_of_its_date_moved_names_all_arrivals_of_that_time(warehouse):
    # One session over midnight: a late view at 23:50 takes the session away from the next date.
    night = datetime(2026, 11, 2, 0, 5)
    visitor = {"anonymous_id": "c1"}
    seal(warehouse, 2, D[1], [
        log_row("a", "page_viewed", night, arrival_date=D[1], **visitor),
    ])  # fmt: skip
    publish(warehouse, 1, 2, D[1])
    seal(warehouse, 3, D[2], [
        log_row("b", "page_viewed", night - timedelta(minutes=15), arrival_date=D[2], **visitor),
    ])  # fmt: skip
    (row,) = restatements(warehouse, D[1], "sessions")
    assert row[3:] == (True, Decimal(1), Decimal(0), [D[2]], 0, "{}")


def test_a_replayed_row_counts_with_the_seal_of_the_replay(warehouse):
    # The file came before the publication; one of its rows passed only after it.
    seal(warehouse, 2, D[0], [view(1, D[0], D[0]), view(2, D[0], D[0])])
    publish(warehouse, 1, 2, D[0])
    replayed = view(3, D[0], D[0])
    warehouse.con.execute(
        "insert into inputs.log_replays values (?, ?, 3, 3)", [D[0], replayed["source_file"]]
    )
    warehouse.add_rows([replayed])
    warehouse.con.execute(
        "update inputs.log_files set sequence = 3, is_replay = true where sequence = 1"
    )
    warehouse.run([D[0]])
    (row,) = restatements(warehouse, D[0], "page_views")
    assert row[4:] == (Decimal(2), Decimal(3), [D[0]], 1, '{"web":1}')


def test_a_value_moved_by_settings_alone_names_no_arrival(warehouse):
    seal(warehouse, 2, D[0], [view(1, D[0], D[0])])
    publish(warehouse, 1, 2, D[0])
    warehouse.con.execute("update inputs.kpi_values set value = 7 where metric = 'page_views'")
    (row,) = restatements(warehouse, D[0], "page_views")
    assert row[3:] == (True, Decimal(7), Decimal(1), [], 0, "{}")


def test_every_kpi_has_a_row_and_rates_without_denominator_stand_as_null(warehouse):
    seal(warehouse, 2, D[0], [view(1, D[0], D[0])])
    publish(warehouse, 1, 2, D[0])
    rows = warehouse.rows("kpi_restatements")
    columns = [name for name in warehouse.rows("kpi_daily")[0] if name != "report_date"]
    assert sorted(row["metric"] for row in rows) == sorted(columns)
    assert not any(row["is_restated"] for row in rows)
    aov = next(row for row in rows if row["metric"] == "aov")
    assert (aov["published_value"], aov["current_value"], aov["change"]) == (None, None, None)
