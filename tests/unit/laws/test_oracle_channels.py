"""Channels of the oracle: one case a rule, and the edges between them."""

from datetime import datetime

import pytest

from tests.laws.log_rows import log_row
from tests.laws.oracle.channels import channel_of, is_shop, origin_of_session, referrer_host
from tests.laws.oracle.channels import traffic_of as traffic

KINDS = {
    "google.com": "search", "google": "search", "bing": "search", "facebook.com": "social",
    "youtube.com": "video", "amazon": "shopping", "google shopping": "shopping",
    "facebook": "social", "tiktok": "social",
}  # fmt: skip
NOON = datetime(2026, 3, 2, 12)


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "channel"),
    [
        (None, None, None, "Direct"),
        ("direct", None, None, "Direct"),
        ("direct", "cpc", None, "Paid Other"),
        ("google", "cpc", "x-cross-network-y", "Cross-network"),
        ("amazon", "cpc", None, "Paid Shopping"),
        ("google", "cpc", "summer shopping", "Paid Shopping"),
        ("google", "ppc", None, "Paid Search"),
        ("google", "cpm", None, "Paid Search"),
        ("facebook.com", "paidsocial", None, "Paid Social"),
        ("youtube.com", "retargeting", None, "Paid Video"),
        ("partner", "cpm", None, "Display"),
        ("google", "display", None, "Display"),
        ("partner", "cpc", None, "Paid Other"),
        (None, "unpaid", None, "Unassigned"),
        ("amazon", None, None, "Organic Shopping"),
        (None, None, "eshop", "Organic Shopping"),
        (None, "sm", None, "Organic Social"),
        ("facebook.com", "referral", None, "Organic Social"),
        ("youtube.com", "referral", None, "Organic Video"),
        ("partner", "video-ad", None, "Organic Video"),
        ("bing", None, None, "Organic Search"),
        (None, "organic", None, "Organic Search"),
        ("blog.example", "referral", None, "Referral"),
        ("partner", "app", None, "Referral"),
        (None, "e_mail", None, "Email"),
        ("email", "newsletter", None, "Email"),
        ("newsletter", None, None, "Unassigned"),
        ("partner", "affiliate", None, "Affiliates"),
        ("partner", "audio", None, "Audio"),
        ("sms", None, None, "SMS"),
        ("partner", "web-push", None, "Mobile Push Notifications"),
        ("partner", "pushed", None, "Unassigned"),
        ("partner", "mobile-app", None, "Mobile Push Notifications"),
        ("firebase", None, None, "Mobile Push Notifications"),
        (None, None, "spring", "Unassigned"),
    ],
)
def test_channel_is_the_first_rule_that_holds(source, medium, campaign, channel):
    assert channel_of(source, medium, campaign, KINDS) == channel


def test_shops_and_no_bishops():
    shops = ("shop", "e-shop", "eshop now", "my shop", "shop2", "bishopping")
    assert [is_shop(name) for name in shops] == [True] * 6
    assert [is_shop(name) for name in ("bishop", "workshop", "sho", "")] == [False] * 4


def came(**columns):
    """Source and medium of a session of one page view."""
    origin = origin_of_session([log_row("1", "page_viewed", NOON, **columns)])
    return traffic(origin, KINDS)


def clicked(kind):
    return f'{{"click_id_kind": "{kind}"}}'


def test_campaign_then_click_then_referrer_say_where_a_session_came_from():
    google = "https://www.google.com/"
    assert came() == (None, None)
    assert came(referrer=google) == ("google.com", "organic")
    assert came(referrer="https://blog.example/") == ("blog.example", "referral")
    assert came(referrer=google, properties=clicked("gclid")) == ("google", "cpc")
    assert came(referrer=google, properties=clicked("fbclid")) == ("facebook", "social")
    assert came(referrer=google, properties=clicked("unheard")) == ("google.com", "organic")
    email = {"utm_source": " News ", "utm_medium": "EMail"}
    assert came(**email, properties=clicked("gclid")) == ("news", "email")
    assert came(utm_campaign="spring", properties=clicked("ttclid")) == ("tiktok", "cpc")
    assert came(utm_campaign="spring", referrer=google) == (None, None)
    nothing = {"utm_source": "(direct)", "utm_medium": "(none)", "utm_campaign": "(not set)"}
    assert came(**nothing) == (None, None)
    assert came(**nothing, referrer=google) == ("google.com", "organic")


def test_nobody_comes_from_the_shop_itself():
    own = {"page_url": "https://shop.example/cart"}
    assert came(referrer="https://www.shop.example/p", **own) == (None, None)
    assert came(referrer="https://pay.example/ok", **own) == ("pay.example", "referral")
    later = log_row("2", "page_viewed", NOON, utm_source="google", utm_medium="cpc")
    first = log_row("1", "page_viewed", NOON, referrer="https://shop.example/p", **own)
    assert traffic(origin_of_session([first, later]), KINDS) == ("google", "cpc")


def test_host_is_between_slashes_without_www_and_port():
    assert referrer_host("https://WWW.Shop.example:8080/a//b") == "shop.example"
    assert referrer_host("https:///a") is None
    assert referrer_host("no host") is None
