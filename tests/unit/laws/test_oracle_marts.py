"""Daily KPIs and customers of the oracle: hand-made rows, sums done by hand."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
DAY = timedelta(days=1)
TODAY = NOON.date()


def view(event_id, at=NOON, **columns):
    return log_row(event_id, "page_viewed", at, **{"anonymous_id": "a", **columns})


def order(event_id, at=NOON, **columns):
    return log_row(event_id, "order_completed", at, **{"anonymous_id": "a", **columns})


def day_of(built, day):
    (row,) = [row for row in built["kpi_daily"] if row["report_date"] == day]
    return row


def cell(built, dimension, value, day=TODAY):
    rows = built["kpi_daily_by_dimension"]
    wanted = (dimension, value, day)
    (row,) = [r for r in rows if (r["dimension"], r["value"], r["report_date"]) == wanted]
    return row


def test_every_date_to_as_of_has_a_row_and_rates_without_denominator_are_null(tables):
    built = tables(view("1"), as_of=TODAY + 2 * DAY)
    assert [row["report_date"] for row in built["kpi_daily"]] == [
        TODAY,
        TODAY + DAY,
        TODAY + 2 * DAY,
    ]
    empty = day_of(built, TODAY + 2 * DAY)
    ratios = [
        "ctr",
        "session_conversion_rate",
        "visitor_conversion_rate",
        "aov",
        "revenue_per_session",
        "bounce_rate",
        "repeat_purchase_rate",
        "clv_to_date",
    ]
    assert [empty[name] for name in ratios] == [None] * 8
    # Nobody today, one person in thirty days: 0 / 1 is 0, not null.
    assert (empty["dau"], empty["wau"], empty["mau"], empty["stickiness"]) == (0, 1, 1, 0.0)


def test_the_table_starts_at_the_first_event_of_no_bot_and_may_pass_as_of(tables):
    built = tables(
        view("1", is_bot=True),
        log_row("2", "email_sent", NOON + DAY),
        view("3", NOON + 3 * DAY),
        as_of=TODAY + 2 * DAY,
    )
    assert [row["report_date"] - TODAY for row in built["kpi_daily"]] == [DAY, 2 * DAY, 3 * DAY]
    assert tables(view("1", is_bot=True), as_of=TODAY)["kpi_daily"] == []


def test_a_bots_event_takes_its_session_out_but_not_the_other_events(tables):
    built = tables(view("1"), view("2", NOON + timedelta(seconds=1), is_bot=True))
    row = day_of(built, TODAY)
    assert (row["sessions"], row["new_visitors"], row["page_views"], row["visitors"]) == (
        0,
        0,
        1,
        1,
    )


def test_rolling_windows_end_on_the_date(tables):
    built = tables(view("1"), view("2", NOON + 29 * DAY, anonymous_id="b"), as_of=TODAY + 30 * DAY)
    assert [day_of(built, TODAY + n * DAY)["wau"] for n in (0, 6, 7)] == [1, 1, 0]
    assert [day_of(built, TODAY + n * DAY)["mau"] for n in (28, 29, 30)] == [1, 2, 1]


def test_impressions_count_lines_and_clicks_once_for_each_impression_id(tables):
    shown = json.dumps({"products": [{"product_id": "p"}, {"product_id": "q"}, {}]})
    clicks = [
        log_row(str(n), "recommendation_clicked", NOON, anonymous_id="a", impression_id=i)
        for n, i in enumerate(["x", "x", "y", None, None])
    ]
    built = tables(
        log_row("s", "recommendation_shown", NOON, anonymous_id="a", properties=shown),
        log_row("t", "promotion_viewed", NOON, anonymous_id="a"),
        *clicks,
    )
    # The lines p and q (the third names no product), and 1 for the event that names none;
    # clicks x, y and two without an id.
    row = day_of(built, TODAY)
    assert (row["impressions"], row["clicks"], row["ctr"]) == (3, 4, 4 / 3)


def test_a_second_order_on_one_date_is_a_repeat(tables):
    built = tables(order("1"), order("2", NOON + DAY), order("3", NOON + DAY, anonymous_id="b"))
    assert day_of(built, TODAY)["repeat_purchase_rate"] == 0.0
    second = day_of(built, TODAY + DAY)
    assert (second["ordering_persons"], second["repeat_ordering_persons"]) == (2, 1)
    both = day_of(tables(order("1"), order("2", NOON + timedelta(hours=1))), TODAY)
    assert (both["ordering_persons"], both["repeat_ordering_persons"]) == (1, 1)


def test_lifetime_value_to_date_counts_refunds_of_later_dates(tables):
    built = tables(
        order("1", revenue=Decimal(30)),
        order("2", NOON + DAY, anonymous_id="b", revenue=Decimal(10)),
        log_row("3", "order_refunded", NOON + DAY, revenue=Decimal(4)),
    )
    assert day_of(built, TODAY)["clv_to_date"] == 30.0
    assert day_of(built, TODAY + DAY)["clv_to_date"] == 18.0  # (30 + 10 - 4) / 2


def test_categories_count_an_event_once_and_split_orders_by_their_items(tables):
    items = [
        {"product_id": "p", "category": "shoes", "price": 10, "quantity": 2},
        {"product_id": "q", "category": "shoes"},
        {"product_id": "r", "category": "hats"},
        {"product_id": "s", "price": 5},
    ]
    built = tables(
        log_row(
            "1",
            "product_added",
            NOON,
            anonymous_id="a",
            properties=json.dumps({"products": items}),
            category="ignored",
        ),
        order("2", revenue=Decimal(99), properties=json.dumps({"products": items})),
        order("3", anonymous_id="b", revenue=Decimal(7), category="bags"),
        view("4", anonymous_id="c", category="bags"),
    )
    shoes, hats = cell(built, "category", "shoes"), cell(built, "category", "hats")
    assert (shoes["cart_adds"], shoes["orders"], shoes["items"]) == (1, 1, 3)
    assert (shoes["gross_revenue"], shoes["orders_without_value"]) == (20, 0)
    assert (hats["gross_revenue"], hats["orders_without_value"], hats["aov"]) == (0, 1, None)
    unset = cell(built, "category", "(not set)")
    # The line without category (1 x 5) and the order without items, with its own revenue.
    assert (unset["orders"], unset["gross_revenue"], unset["items"]) == (2, 12, 1)
    bags = cell(built, "category", "bags")
    assert (bags["sessions"], bags["converting_sessions"], bags["orders"]) == (2, 1, 0)
    assert (bags["visitors"], bags["converting_visitors"]) == (2, 0)


def test_a_line_counts_in_its_category_only_if_the_event_interacts_with_a_product(tables):
    lines = [{"product_id": "p", "category": "hats"}, {"category": "bags"}]
    columns = {
        "anonymous_id": "a",
        "category": "own",
        "properties": json.dumps({"products": lines}),
    }
    # checkout has no interactions at all, so its own category; the added line without product
    # is none, so bags has nothing.
    built = tables(
        log_row("1", "product_added", NOON, **columns),
        log_row("2", "checkout_started", NOON, **columns),
        log_row("3", "product_viewed", NOON, anonymous_id="a", category="own", price=Decimal(1)),
    )
    assert cell(built, "category", "hats")["cart_adds"] == 1
    own = cell(built, "category", "own")
    assert (own["cart_adds"], own["checkouts"], own["product_views"]) == (0, 1, 1)
    categories = {
        r["value"] for r in built["kpi_daily_by_dimension"] if r["dimension"] == "category"
    }
    assert categories == {"hats", "own"}


def test_channel_of_events_and_orders_is_their_sessions(tables):
    built = tables(
        view("1", utm_medium="email"),
        order("2", NOON + timedelta(minutes=5), revenue=Decimal(3)),
        log_row("3", "order_refunded", NOON, anonymous_id="a", revenue=Decimal(1)),
        log_row("4", "email_sent", NOON + DAY, anonymous_id="a"),
    )
    email = cell(built, "channel", "Email")
    assert (email["page_views"], email["orders"], email["net_revenue"]) == (1, 1, 3)
    assert cell(built, "channel", "(not set)")["net_revenue"] == -1
    dates = {r["report_date"] for r in built["kpi_daily_by_dimension"]}
    assert dates == {TODAY}


def test_quintiles_give_the_first_groups_one_more_and_break_ties_by_person(tables):
    # Seven buyers: groups of 2, 2, 1, 1, 1. Buyer n ordered n days before as_of, for n euro.
    rows = [
        order(str(n), NOON - n * DAY, user_id=f"u{n}", anonymous_id=None, revenue=Decimal(n))
        for n in range(7)
    ]
    customers = tables(*rows, as_of=TODAY)["customer_360"]
    by_user = {row["user_id"]: row for row in customers}
    assert [by_user[f"u{n}"]["recency_days"] for n in range(7)] == list(range(7))
    assert [by_user[f"u{n}"]["recency_score"] for n in range(7)] == [5, 4, 3, 2, 2, 1, 1]
    assert [by_user[f"u{n}"]["monetary_score"] for n in range(7)] == [1, 1, 2, 2, 3, 4, 5]
    tied = sorted(customers, key=lambda row: row["person_id"])
    assert [row["frequency_score"] for row in tied] == [1, 1, 2, 2, 3, 4, 5]
    assert by_user["u0"]["rfm_segment"][0] == "5"


def test_recency_is_not_below_zero_and_visitors_without_order_have_no_scores(tables):
    built = tables(order("1", NOON + DAY), view("2", anonymous_id="b"), as_of=TODAY)
    scores = {(row["recency_days"], row["rfm_segment"]) for row in built["customer_360"]}
    assert scores == {(0, "111"), (None, None)}


def test_favourite_category_weighs_views_adds_and_orders(tables):
    def interaction(event_id, name, category):
        # At the pace of a person: four views in a minute are a machine's in this shop.
        at = NOON + timedelta(seconds=30 * int(event_id))
        return log_row(event_id, name, at, anonymous_id="a", product_id="p", category=category)

    views = [interaction(str(n), "product_viewed", "shoes") for n in range(3)]
    added = interaction("9", "product_added", "hats")
    (tied,) = tables(*views, added)["customer_360"]
    assert tied["favourite_category"] == "hats"
    (won,) = tables(*views, added, interaction("8", "product_viewed", "shoes"))["customer_360"]
    assert won["favourite_category"] == "shoes"
    (bought,) = tables(*views, interaction("7", "order_completed", "bags"))["customer_360"]
    assert bought["favourite_category"] == "bags"


def test_a_customer_is_its_persons_sessions_over_visitors(tables):
    built = tables(
        view("1", utm_medium="cpc", device_type="phone"),
        log_row("2", "login_succeeded", NOON, anonymous_id="a", user_id="u"),
        view("3", NOON + DAY, device_id="d", anonymous_id=None, user_id="u", country="DE"),
        view("4", NOON + 2 * DAY, is_bot=True),
    )
    (row,) = built["customer_360"]
    assert (row["visitor_count"], row["event_count"], row["session_count"]) == (2, 3, 2)
    assert (row["first_channel"], row["last_channel"]) == ("Paid Other", "Direct")
    assert (row["last_device_type"], row["last_country"]) == ("phone", "DE")
    assert row["last_seen_at"] == NOON + DAY
