"""What is counted of days, as it was known on a date, on histories by hand."""

from datetime import date
from decimal import Decimal

from tests.integration.ml.known_rows import bought
from tests.laws.stories import day, event, view
from tests.laws.warehouse import Row


def test_a_days_counts_are_those_that_had_arrived(read):
    rows = {
        day(5): [view("a", "05 10:00", "a"), view("b", "05 10:01", "a")],
        day(6): [view("late", "05 11:00", "b")],
    }

    def on_the_fifth(as_of: date) -> dict[str, float]:
        found = read({}, "ml_kpi_series", as_of)
        return {row["metric"]: row["value"] for row in found if row["report_date"] == day(5)}

    read(rows, "ml_kpi_series", day(5))
    assert (on_the_fifth(day(5))["visitors"], on_the_fifth(day(5))["page_views"]) == (1, 2)
    assert (on_the_fifth(day(6))["visitors"], on_the_fifth(day(6))["page_views"]) == (2, 3)


def test_counts_by_dimension_add_up_and_a_day_of_a_visitor_has_one_channel(read):
    rows = {
        day(5): [
            view("a", "05 10:00", "a", device_type="mobile", utm_source="newsletter",
                 utm_medium="email"),
            # The same visitor elsewhere: a visitor more of no device, its view by its own.
            view("b", "05 11:00", "a", device_type="desktop"),
            *(view(f"c{n}", "05 10:00", f"of{n}", device_type="tv", country=f"C{n}")
              for n in range(9)),
            event("f", "login_failed", "05 10:00", None, user_id="u"),
        ],
        day(6): [view("late", "05 09:00", "a", device_type="desktop", utm_medium="cpc")],
    }  # fmt: skip

    def on_the_fifth(as_of: date) -> dict[tuple[str, str, str], float]:
        found = read({}, "ml_kpi_series_by_dimension", as_of)
        return {(row["metric"], row["dimension"], row["dimension_value"]): row["value"]
                for row in found}  # fmt: skip

    read(rows, "ml_kpi_series", day(6))
    found = on_the_fifth(day(5))
    visitors, views = (
        {value: n for (metric, dimension, value), n in found.items() if n and
         (metric, dimension) == (of, "device_type")} for of in ("visitors", "page_views")
    )  # fmt: skip
    assert visitors == {"mobile": 1, "tv": 9}
    assert views == {"mobile": 1, "desktop": 1, "tv": 9}
    assert found["page_views", "channel", "Email"] == 2
    assert found["failed_logins", "channel", "(not set)"] == 1
    # Ten countries, (not set) among them, of which eight have a row of their own.
    assert found["page_views", "country", "(other)"] == 2
    totals = {row["metric"]: row["value"] for row in read({}, "ml_kpi_series", day(5))}
    for dimension in ("device_type", "country", "source", "channel"):
        for metric, total in totals.items():
            parts = [n for (m, d, _), n in found.items() if (m, d) == (metric, dimension)]
            assert sum(parts) == total, (metric, dimension)
    # What came later was earlier on the day: another channel, and another first device.
    later = on_the_fifth(day(6))
    assert later["page_views", "channel", "Paid Other"] == 3
    assert ("page_views", "channel", "Email") not in later
    assert (later["visitors", "device_type", "desktop"], later["visitors", "device_type", "mobile"]
            ) == (1, 0)  # fmt: skip


def test_ratios_are_those_of_the_metrics_file_and_their_parts_add_up(read):
    def shown(key: str, when: str, who: str, **columns: object) -> Row:
        return event(key, "recommendation_shown", when, who, product_id="p", **columns)

    def clicked(key: str, when: str, who: str, impression: str | None) -> Row:
        return event(key, "recommendation_clicked", when, who, product_id="p",
                     impression_id=impression)  # fmt: skip

    rows = {
        day(5): [
            view("a", "05 10:00", "a", device_type="mobile", utm_medium="email"),
            bought("first", "05 10:05", 30, device_type="desktop"),
            bought("second", "05 10:06", 10, order_id="o2", device_type="desktop"),
            # An order that states no value, one line of it, by a visitor of another device.
            view("b", "05 10:00", "b", device_type="tv"),
            event("c", "order_completed", "05 10:10", "b", order_id="o3", device_type="tv"),
            # Who looks on: three things shown, one clicked twice, another without an id.
            view("d", "05 10:00", "d", device_type="tv"),
            *(shown(f"s{n}", f"05 11:0{n}", "d", impression_id=f"i{n}", device_type="tv")
              for n in range(3)),
            clicked("k1", "05 11:10", "d", "i1"), clicked("k2", "05 11:11", "d", "i1"),
            clicked("k3", "05 11:12", "d", None),
            # No bot counts.
            bought("bot", "05 12:00", 99, order_id="o4", is_bot=True),
        ],
        # The first order is updated, and a third visitor turns out to have bought.
        day(6): [event("u", "order_updated", "06 10:00", "a", order_id="o", revenue=Decimal(20),
                       currency="EUR"),
                 event("e", "order_completed", "05 13:00", "d", order_id="o5")],
    }  # fmt: skip
    read(rows, "ml_kpi_series", day(6))

    def ratios(as_of: date, table: str = "ml_kpi_series") -> dict[tuple, tuple]:
        return {
            tuple(row[name] for name in ("metric", "dimension", "dimension_value") if name in row):
                (row["numerator"], row["denominator"], row["value"])
            for row in read({}, table, as_of)
            if row["report_date"] == day(5) and row["denominator"] is not None
        }  # fmt: skip

    assert ratios(day(5)) == {
        # Of three visitors two bought; two orders say what they are worth.
        ("visitor_conversion_rate",): (2, 3, 2 / 3), ("aov",): (40, 2, 20), ("ctr",): (2, 3, 2 / 3),
    }  # fmt: skip
    assert ratios(day(6)) == {
        ("visitor_conversion_rate",): (3, 3, 1), ("aov",): (30, 2, 15), ("ctr",): (2, 3, 2 / 3),
    }  # fmt: skip
    found = ratios(day(5), "ml_kpi_series_by_dimension")
    by_device = {(metric, value): numbers for (metric, dimension, value), numbers in found.items()
                 if dimension == "device_type"}  # fmt: skip
    # A visitor is a buyer where it was seen first, an order and a click are of their own device.
    assert by_device == {
        ("visitor_conversion_rate", "mobile"): (1, 1, 1),
        ("visitor_conversion_rate", "tv"): (1, 2, 1 / 2),
        ("aov", "desktop"): (40, 2, 20), ("ctr", "tv"): (0, 3, 0),
        ("ctr", "(not set)"): (2, 0, None),
    }  # fmt: skip
    # All that a visitor does on the date is of its channel.
    assert found["aov", "channel", "Email"] == (40, 2, 20)
    for metric, whole in ratios(day(5)).items():
        for dimension in ("device_type", "country", "source", "channel"):
            parts = [numbers for key, numbers in found.items() if key[:2] == (*metric, dimension)]
            assert tuple(map(sum, zip(*(one[:2] for one in parts), strict=True))) == whole[:2]
    # A count has neither.
    counts = [row for row in read({}, "ml_kpi_series", day(5)) if row["metric"] == "page_views"]
    assert {(row["numerator"], row["denominator"]) for row in counts} == {(None, None)}
