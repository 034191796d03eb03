"""The registry says what the specification of events says, and refuses what is inconsistent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from expectations.contract import (
    CANDIDATE_COLUMNS,
    LOG_COLUMNS,
    blanked_columns,
    documentation,
    event_types_table,
    load_registry,
    personal_event_properties,
    personal_properties,
)

# Written out by hand: what a visitor does on the site or app, and what happens elsewhere.
SESSIONABLE = set(
    [
        "page_viewed",
        "screen_viewed",
        "page_pinged",
        "product_list_viewed",
        "product_list_filtered",
        "products_searched",
        "product_clicked",
        "product_viewed",
        "product_shared",
        "product_added_to_wishlist",
        "product_removed_from_wishlist",
        "wishlist_product_added_to_cart",
        "product_added",
        "product_removed",
        "cart_viewed",
        "checkout_started",
        "checkout_step_viewed",
        "checkout_step_completed",
        "payment_info_entered",
        "coupon_entered",
        "coupon_applied",
        "order_completed",
        "promotion_viewed",
        "promotion_clicked",
        "recommendation_shown",
        "recommendation_clicked",
        "product_reviewed",
        "content_started",
        "content_progressed",
        "content_completed",
        "signed_up",
        "experiment_viewed",
    ]
)
NOT_SESSIONABLE = set(
    [
        "user_aliased",
        "group_joined",
        "resource_requested",
        "order_updated",
        "order_refunded",
        "order_cancelled",
        "email_sent",
        "email_opened",
        "email_clicked",
        "login_succeeded",
        "login_failed",
        "logged_out",
        "password_changed",
        "auth_message_logged",
        "file_accessed",
        "file_downloaded",
        "file_access_denied",
        "consent_updated",
        "profile_updated",
        "inventory_adjusted",
    ]
)
ROLE_BY_EVENT = {
    "page_viewed": "page_view",
    "screen_viewed": "page_view",
    "page_pinged": "ping",
    "product_list_viewed": "list_view",
    "product_viewed": "product_view",
    "product_clicked": "product_click",
    "products_searched": "search",
    "product_added_to_wishlist": "wishlist_add",
    "product_added": "cart_add",
    "product_removed": "cart_remove",
    "cart_viewed": "cart_view",
    "checkout_started": "checkout",
    "order_completed": "order",
    "order_updated": "order_update",
    "order_refunded": "refund",
    "recommendation_shown": "impression",
    "promotion_viewed": "impression",
    "recommendation_clicked": "click",
    "promotion_clicked": "click",
    "product_reviewed": "review",
    "content_started": "content",
    "content_progressed": "content",
    "content_completed": "content",
    "signed_up": "sign_up",
    "login_succeeded": "login",
    "login_failed": "login_failed",
    "logged_out": "logout",
    "password_changed": "password_change",
    "file_accessed": "file_access",
    "file_downloaded": "file_access",
    "file_access_denied": "file_denied",
    "experiment_viewed": "experiment",
    "consent_updated": "consent",
    "profile_updated": "profile",
}


def test_only_what_a_visitor_does_makes_a_session() -> None:
    events = load_registry().events
    assert {name for name, event in events.items() if event.is_sessionable} == SESSIONABLE
    assert {name for name, event in events.items() if not event.is_sessionable} == NOT_SESSIONABLE


def test_roles_are_those_the_warehouse_reads() -> None:
    events = load_registry().events
    assert {name: event.role for name, event in events.items() if event.role} == ROLE_BY_EVENT


def test_event_types_table_has_one_described_row_a_type() -> None:
    table = event_types_table(load_registry())
    assert table.column_names == ["event_name", "family", "is_sessionable", "role", "description"]
    names = table["event_name"].to_pylist()
    assert names == sorted(SESSIONABLE | NOT_SESSIONABLE)
    assert all(table["description"].to_pylist())
    assert table["is_sessionable"].null_count == 0
    row = table.slice(names.index("order_refunded"), 1).to_pylist()[0]
    assert (row["family"], row["is_sessionable"], row["role"]) == ("orders", False, "refund")


def test_every_field_of_an_event_has_a_candidate_column_and_a_rule() -> None:
    fields = set(load_registry().fields)
    assert fields <= set(CANDIDATE_COLUMNS)
    made_at_ingest = {
        "arrival_date",
        "source",
        "ip_truncated",
        "user_agent_family",
        "contract_version",
        "source_file",
        "source_line",
    }
    assert set(LOG_COLUMNS) - made_at_ingest == fields - {"ip", "user_agent"}


def test_own_event_types_are_added_and_leave_the_shipped_registry_alone() -> None:
    own = {"seat_reserved": {"description": "A seat.", "sessionable": True, "requires": ["price"]}}
    registry = load_registry(own)
    assert registry.events["seat_reserved"].family == "custom"
    assert registry.events["seat_reserved"].is_sessionable
    assert "custom" in registry.families
    assert "seat_reserved" not in load_registry().events


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("page_viewed", {"description": "x"}, "page_viewed: is defined by footfall"),
        ("Seat Reserved", {"description": "x"}, "lower-case"),
        ("seat", {"description": "x", "role": "seat"}, "unknown role seat"),
        ("seat", {"description": "x", "requires": ["seat_no"]}, "seat_no is neither"),
        ("seat", {"description": "x", "requires": ["properties.seat_no"]}, "seat_no is neither"),
        ("seat", {"description": "x", "properties": ["seat_no"]}, "property seat_no is not"),
        ("seat", {"description": "x", "requires_any": ["seat_no"]}, "unknown field seat_no"),
        ("seat", {"description": "x", "requires": "price"}, "must be a list"),
        ("seat", {"description": "x", "sessionable": "yes"}, "must be true or false"),
        ("seat", {"description": "x", "colour": "red"}, "colour"),
        ("seat", {}, "description"),
        ("seat", "x", "must be a mapping"),
    ],
)
def test_inconsistent_event_type_is_refused_by_name(name: str, spec: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        load_registry({name: spec})
    assert name in str(caught.value)


@pytest.mark.parametrize("place", ["$", "$.traits", "$.context.traits"])
@pytest.mark.parametrize(
    ("names", "treatment", "kind"),
    [
        (("email", "email_address", "emailAddress"), "pseudonymise", "email"),
        (("crm_id", "crmId", "crm_contact_id"), "pseudonymise", "crm"),
        (("first_name", "firstName", "last_name", "phone", "address"), "drop", None),
        (("street", "birthday", "password", "message"), "drop", None),
        (("review_text", "reviewText", "review_title", "feedback"), "encrypt", None),
    ],
)
def test_personal_properties_are_treated_at_every_place_in_both_spellings(
    place: str, names: tuple[str, ...], treatment: str, kind: str | None
) -> None:
    treated = personal_properties(load_registry())
    assert {(f"{place}.{name}", treatment, kind) for name in names} <= set(treated)


def test_name_is_a_persons_on_a_profile_and_a_products_elsewhere() -> None:
    registry = load_registry()
    always = {path for path, _, _ in personal_properties(registry)}
    assert "$.name" not in always
    assert "$.traits.name" in always
    assert ("$.name", "drop", None) in personal_event_properties(registry)["profile_updated"]


def test_search_query_and_product_properties_are_kept() -> None:
    always = {path for path, _, _ in personal_properties(load_registry())}
    assert not always & {"$.query", "$.products", "$.rating", "$.product_id", "$.position"}


def test_texts_are_blanked_and_keys_are_not() -> None:
    blanked = set(blanked_columns(load_registry()))
    assert {"page_url", "referrer", "city", "utm_campaign", "properties", "consent"} <= blanked
    assert not blanked & {"event_id", "order_id", "product_id", "user_id", "price"}


def test_page_of_events_is_in_step_with_the_registry() -> None:
    page = Path(__file__).parents[3] / "docs" / "events.md"
    assert page.read_text(encoding="utf-8") == documentation(load_registry()), (
        "run: python -m expectations.documentation > docs/events.md"
    )


def test_page_names_every_event_field_and_property() -> None:
    registry = load_registry()
    page = documentation(registry)
    for name in (*registry.events, *registry.fields, *registry.properties):
        assert f"`{name}`" in page


def test_importing_the_contract_does_not_import_great_expectations() -> None:
    code = (
        "import sys, expectations.contract, expectations.validate, expectations.data_docs;"
        "sys.exit('great_expectations' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
