"""An independent reading of docs/metrics.md in plain Python: slow, whole, without a database.

Belongs here: every table that the page defines, made from log rows alone. Nothing of `dbt/` is
imported or repeated; where the two differ, one of them misreads the page. Where the page leaves a
case open, the docstring of the function that decides it says "Reading".
"""

from collections.abc import Mapping, Sequence
from datetime import date

from tests.laws.oracle import (
    attribution,
    carts,
    commerce,
    consents,
    customers,
    engagement,
    events,
    experiments,
    identity,
    kpis,
    lines,
    machines,
    orders,
    pages,
    paths,
    retention,
    searches,
    sessions,
    trigger_rules,
    user_ties,
)
from tests.laws.oracle.affinity import Window, product_affinity
from tests.laws.oracle.events import Row, pick
from tests.laws.oracle.funnels import funnel_entries, funnel_steps

__all__ = ["Row", "build"]

AFFINITY = Window()


def build(
    log_rows: list[Row],
    *,
    registry: dict[str, Row],
    sources: dict[str, Row],
    settings: Row,
    as_of: date | None,
    funnels: list[Row],
    referrer_hosts: dict[str, str],
    erasures: list[Row] | None = None,
    rates: events.Rates | None = None,
    retention_offsets: Mapping[str, int] = retention.OFFSETS,
    cart_limits: carts.CartLimits | None = None,
    affinity: Window = AFFINITY,
    triggers: Sequence[Row] = (),
) -> dict[str, list[Row]]:
    """Every table of docs/metrics.md from the log.

    Args:
        log_rows: rows with the log's columns; `event_ts` naive UTC, money Decimal,
            `properties` JSON text.
        registry: event name -> {is_sessionable, role}.
        sources: source -> {order_grain: order | line, sessions: gap | source}.
        settings: reporting_timezone, reporting_currency and, where visitors may be too fast,
            max_views_per_minute.
        as_of: latest closed arrival date.
        funnels: {funnel, mode, unit, window_s, steps: [(step_name, event_name)]} each, and where
            it has them hold: property, excluded: [event_name].
        referrer_hosts: host or source -> search | social | shopping | video.
        erasures: the register, each row with either visitor_id or user_id.
        rates: currency -> dates with the rate of each, in any order.
        retention_offsets: period -> the last offset of retention; the page's unless given.
        cart_limits: timeout and recovery of carts; the page's unless given.
        affinity: settings of affinity; the page's unless given.
        triggers: the declared ones, with the columns of `inputs.triggers` each.

    Returns:
        Table name -> rows, in no particular order.
    """
    currency = settings["reporting_currency"]
    copies = [
        events.derive(row, registry, settings["reporting_timezone"], currency, rates or {})
        for row in log_rows
    ]
    winners, duplicates = events.split_copies(copies)
    machines.mark_machines(winners, copies, settings)
    for event in winners:
        event["lines"] = lines.lines_of(event)
    grouped = sessions.assign_sessions(winners, sources)
    fct_orders, fct_order_items = orders.build_orders(winners, sources, currency)
    fct_refunds = orders.build_refunds(winners)
    fct_sessions = sessions.build_sessions(grouped, fct_orders, referrer_hosts)
    interactions = lines.interactions(winners)
    fct_reviews = commerce.reviews(winners)
    fct_searches = searches.searches(winners, fct_orders)
    content_views = engagement.content_views(winners)
    page_views = pages.page_views(winners, grouped)

    ties = user_ties.UserTies(winners)
    gone = user_ties.erased_persons(erasures or [], ties)
    person_map = identity.build_map(winners, ties, erasures or [])
    identity.assign_persons(winners, person_map, ties)
    persons = identity.build_persons(winners, gone)
    facts = facts_of_no_bots(winners, grouped, fct_sessions, fct_orders, fct_refunds)

    limits = cart_limits or carts.CartLimits()
    built_carts = carts.build_carts(winners, fct_orders, limits)
    cart_rows = carts.fct_carts(built_carts, limits, as_of)
    abandonment = carts.cart_abandonment(cart_rows)

    with_visitor = [event for event in facts.events if event["visitor_id"] is not None]
    entries = funnel_entries(with_visitor, funnels, fct_sessions)
    dim_products = lines.products(interactions)
    units = experiments.units(winners)
    firings = trigger_rules.trigger_firings(
        with_visitor, triggers, dim_products, built_carts, as_of, settings["reporting_timezone"]
    )
    standing = customers.Standing(
        reviews=identity.persons_of_acts(fct_reviews, "reviewed_at", person_map, ties),
        carts=identity.persons_of_acts(cart_rows, "last_event_at", person_map, ties),
        units=units,
        firings=firings,
    )
    return {
        "fct_events": [pick(event, events.EVENT_COLUMNS) for event in winners],
        "fct_event_duplicates": [pick(row, events.DUPLICATE_COLUMNS) for row in duplicates],
        "fct_sessions": fct_sessions,
        "fct_orders": fct_orders,
        "fct_order_items": fct_order_items,
        "fct_refunds": fct_refunds,
        "fct_touchpoints": attribution.touchpoints(fct_sessions),
        "fct_product_interactions": interactions,
        "dim_products": dim_products,
        "map_visitor_person": person_map,
        "map_user_person": user_ties.build_user_map(ties, gone),
        "dim_persons": persons,
        "fct_carts": cart_rows,
        "fct_cart_events": carts.fct_cart_events(built_carts),
        "cart_abandonment": abandonment,
        "kpi_daily": carts.with_cart_counts(kpis.kpi_daily(facts, as_of), abandonment),
        "kpi_daily_by_dimension": carts.with_cart_counts_by_dimension(
            kpis.kpi_daily_by_dimension(facts, fct_order_items), cart_rows, facts.events
        ),
        "fct_experiment_exposures": experiments.exposures(winners),
        "fct_experiment_units": units,
        "fct_funnel_entries": entries,
        "funnel_steps": funnel_steps(entries, funnels),
        "behaviour_transitions": paths.behaviour_transitions(facts),
        "top_paths": paths.top_paths(facts),
        "retention_cohorts": retention.retention_cohorts(facts, as_of, retention_offsets),
        "lifecycle": retention.lifecycle(facts, as_of),
        "attribution": attribution.attribution(facts),
        "customer_360": customers.customer_360(facts, interactions, persons, as_of, standing),
        "arrivals_daily": events.arrivals_daily(winners, duplicates),
        "fct_reviews": fct_reviews,
        "product_performance": commerce.product_performance(facts, fct_order_items, fct_reviews),
        "impression_performance": commerce.impression_performance(facts),
        "product_affinity": product_affinity(facts, fct_order_items, as_of, affinity),
        "consent_daily": consents.consent_daily(facts, as_of),
        "fct_auth_events": engagement.auth_events(winners),
        "fct_content_views": content_views,
        "content_engagement": engagement.content_engagement(content_views),
        "fct_page_views": page_views,
        "page_engagement": pages.page_engagement(page_views, facts.sessions),
        "fct_searches": fct_searches,
        "search_performance": searches.search_performance(fct_searches),
        "trigger_firings": firings,
    }


def facts_of_no_bots(
    winners: list[Row],
    grouped: list[list[Row]],
    fct_sessions: list[Row],
    fct_orders: list[Row],
    fct_refunds: list[Row],
) -> kpis.Facts:
    """Rows of no bots with their persons and channels, for the marts."""
    channel_of = {session["session_id"]: session["channel"] for session in fct_sessions}
    for event in winners:
        event["channel"] = channel_of.get(event["session_id"])
    session_person = identity.session_persons(grouped)
    order_person = identity.order_persons(fct_orders, winners)
    refund_person = identity.refund_persons(fct_refunds, winners, order_person)
    return kpis.Facts(
        events=[event for event in winners if not event["is_bot"]],
        sessions=[
            {**session, "person_id": session_person[session["session_id"]]}
            for session in fct_sessions
            if not session["is_bot"]
        ],
        orders=[
            {
                **order,
                "person_id": order_person[order["order_key"]],
                "channel": channel_of.get(order["session_id"]),
            }
            for order in fct_orders
            if not order["is_bot"]
        ],
        refunds=[
            {**refund, "person_id": refund_person[refund["event_key"]]}
            for refund in fct_refunds
            if not refund["is_bot"]
        ],
    )
