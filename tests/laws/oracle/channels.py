"""Where a session came from, and the channel that this is.

Belongs here: docs/metrics.md, "Where a session came from" and "channel". Not here: what a session
is (`sessions`), what a channel earned (`attribution`).
"""

import json

from tests.laws.oracle.events import Row

NOTHING = {None, "", "(direct)", "(none)", "(not set)"}
CLICKS = {
    "gclid": ("google", "cpc"),
    "gbraid": ("google", "cpc"),
    "wbraid": ("google", "cpc"),
    "dclid": ("google", "display"),
    "msclkid": ("bing", "cpc"),
    "yclid": ("yandex", "cpc"),
    "ttclid": ("tiktok", "cpc"),
    "twclid": ("twitter", "cpc"),
    "li_fat_id": ("linkedin", "cpc"),
    "fbclid": ("facebook", "social"),
    "srsltid": ("google shopping", "organic"),
}
DISPLAY = {"display", "banner", "expandable", "interstitial", "cpm"}
SOCIAL = {"social", "social-network", "social-media", "sm", "social network", "social media"}
EMAIL = {"email", "e-mail", "e_mail", "e mail"}
UTM = ("utm_source", "utm_medium", "utm_campaign")


def said(text: str | None) -> str | None:
    """A campaign parameter as it counts; null where it says nothing."""
    plain = text.strip(" ").lower() if text is not None else None
    return None if plain in NOTHING else plain


def referrer_host(referrer: str | None) -> str | None:
    """Text between `//` and the next `/`, lower-case, without leading `www.` and port.

    Readings: without `//`, or with nothing between, there is no host; `?` and `#` end nothing.
    """
    if referrer is None or "//" not in referrer:
        return None
    host = referrer.lower().split("//", 1)[1].split("/", 1)[0].split(":", 1)[0]
    return host.removeprefix("www.") or None


def origin_of(event: Row) -> Row:
    """What one event says of where its visitor came from."""
    referrer = event["referrer"]
    host = referrer_host(referrer)
    if host is not None and host == referrer_host(event["page_url"]):
        referrer = None
    kind = json.loads(event["properties"]).get("click_id_kind")
    return {
        **{column: event[column] for column in UTM},
        "referrer": referrer,
        "click_id_kind": kind if kind in CLICKS else None,
    }


def origin_of_session(events: list[Row]) -> Row:
    """That of the first event that says anything; the first one's, all null, where none does."""
    origins = [origin_of(event) for event in events]
    return next((one for one in origins if any(v is not None for v in one.values())), origins[0])


def traffic_of(origin: Row, kinds: dict[str, str]) -> tuple[str | None, str | None]:
    """Source and medium.

    Args:
        origin: of a session.
        kinds: source or host -> search | social | shopping | video.
    """
    source, medium, campaign = (said(origin[column]) for column in UTM)
    if source is not None or medium is not None:
        return source, medium
    if origin["click_id_kind"] is not None:
        return CLICKS[origin["click_id_kind"]]
    host = referrer_host(origin["referrer"])
    if campaign is not None or host is None:
        return None, None
    return host, "organic" if kinds.get(host) == "search" else "referral"


def is_paid(medium: str) -> bool:
    """Whether a medium is one that is paid for."""
    return "cp" in medium or medium.startswith("paid") or medium in {"ppc", "retargeting"}


def is_shop(campaign: str) -> bool:
    """Whether a campaign's name tells of shopping."""
    if "shopping" in campaign:
        return True
    for place in range(len(campaign)):
        if campaign.startswith("shop", place):
            before = campaign[place - 1] if place else ""
            if before == "e" or not "a" <= before <= "z":
                return True
    return False


def channel_of(
    source: str | None, medium: str | None, campaign: str | None, kinds: dict[str, str]
) -> str:
    """The first rule that holds.

    Args:
        source: traffic_source.
        medium: traffic_medium.
        campaign: as given.
        kinds: source or host -> search | social | shopping | video.
    """
    source, medium, campaign = source or "", medium or "", said(campaign) or ""
    kind = kinds.get(source, "")
    rules = {
        "Direct": (not source and not medium and not campaign)
        or (source == "direct" and not medium),
        "Cross-network": "cross-network" in campaign,
        "Paid Shopping": is_paid(medium) and (kind == "shopping" or is_shop(campaign)),
        "Paid Search": is_paid(medium) and kind == "search",
        "Paid Social": is_paid(medium) and kind == "social",
        "Paid Video": is_paid(medium) and kind == "video",
        "Display": medium in DISPLAY,
        "Paid Other": is_paid(medium),
        "Organic Shopping": kind == "shopping" or is_shop(campaign),
        "Organic Social": kind == "social" or medium in SOCIAL,
        "Organic Video": kind == "video" or "video" in medium,
        "Organic Search": kind == "search" or medium == "organic",
        "Referral": medium in {"referral", "app", "link"},
        "Email": source in EMAIL or medium in EMAIL,
        "Affiliates": medium == "affiliate",
        "Audio": medium == "audio",
        "SMS": "sms" in (source, medium),
        "Mobile Push Notifications": medium.endswith("push")
        or "mobile" in medium
        or "notification" in medium
        or source == "firebase",
    }
    return next((channel for channel, holds in rules.items() if holds), "Unassigned")
