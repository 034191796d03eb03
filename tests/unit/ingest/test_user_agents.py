"""User agents of the field, reduced; the expected values are what each product says of itself."""

import pytest

from dagster_project.ingest import user_agents
from dagster_project.ingest.user_agents import Agent, reduce_agent

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IOS_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("text", "family", "os", "device_type"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36",
            "Chrome",
            "Windows",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/120.0 Safari/537.36 Edg/120.0",
            "Edge",
            "Windows",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/119.0 Safari/537.36 OPR/105.0",
            "Opera",
            "Linux",
            "desktop",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:120.0) Gecko/20100101 Firefox/120.0",
            "Firefox",
            "macOS",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {IOS_WEBKIT} Version/17.1 "
            "Safari/605.1.15",
            "Safari",
            "macOS",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) {IOS_WEBKIT} Version/17.1 "
            "Mobile/15E148 Safari/604.1",
            "Safari",
            "iOS",
            "mobile",
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {IOS_WEBKIT} CriOS/119.0 Mobile/15E148 "
            "Safari/604.1",
            "Chrome",
            "iOS",
            "tablet",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13; Pixel 7) {WEBKIT} Chrome/116.0 Mobile Safari/537.36",
            "Chrome",
            "Android",
            "mobile",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 12; SM-X906C) {WEBKIT} Chrome/80.0 Safari/537.36",
            "Chrome",
            "Android",
            "tablet",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-S901B) {WEBKIT} SamsungBrowser/22.0 Chrome/111.0 "
            "Mobile Safari/537.36",
            "Samsung Internet",
            "Android",
            "mobile",
        ),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/79.0 Safari/537.36",
            "Chrome",
            "webOS",
            "tv",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko",
            "Internet Explorer",
            "Windows",
            "desktop",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 9; CUBOT X19) {WEBKIT} Chrome/112.0 Mobile Safari/537.36",
            "Chrome",
            "Android",
            "mobile",
        ),
    ],
)
def test_browser_is_known(text: str, family: str, os: str, device_type: str) -> None:
    assert reduce_agent(text) == Agent(family, os, family, device_type, is_bot=False)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        (
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) Chrome/99 Mobile Safari/537.36 "
            "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Googlebot",
        ),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0 Safari/537.36", "HeadlessChrome"),
        ("curl/8.4.0", "curl"),
        ("python-requests/2.31.0", "python"),
        ("Mozilla/5.0 (compatible; SomethingNewBot/1.0)", "other bot"),
        ("acme-web-crawler", "other bot"),
        ("libwww-perl/6.05", "other bot"),
        (
            "Mozilla/5.0 (Windows NT 6.1; rv:6.0) Gecko/20110814 Firefox/6.0 Google favicon",
            "Googlebot",
        ),
        (
            "Mozilla/5.0 (compatible; MSIE or Firefox mutant; not on Windows server; "
            "+ http://tab.search.daum.net/aboutWebSearch.html) Daumoa/3.0",
            "other bot",
        ),
    ],
)
def test_bot_says_so_and_has_no_browser(text: str, family: str) -> None:
    agent = reduce_agent(text)
    assert (agent.family, agent.browser, agent.device_type) == (family, None, "bot")
    assert agent.is_bot


FLIPBOARD = (
    "Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; en-US; rv:1.9.2) Gecko/20100115 Firefox/3.6 "
    "(FlipboardProxy/2.0; +http://flipboard.com/browserproxy)"
)


def test_a_crawler_that_looks_like_a_browser_is_told_by_the_list() -> None:
    agent = reduce_agent(FLIPBOARD)
    assert (agent.family, agent.device_type, agent.is_bot) == ("other bot", "bot", True)
    # The control: the same browser without what is on the list.
    assert not reduce_agent(FLIPBOARD.partition(" (Flip")[0]).is_bot


FURTHER = {
    "Mozilla/5.0 (X11; NetBSD amd64; rv:24.0) Gecko/20100101 SeaMonkey/2.21":
        ("SeaMonkey", "BSD"),
    "Lynx/2.8.9rel.1 SSL-MM/1.4.1 OpenSSL/1.1.1d": ("Lynx", None),
    "Lynx/2.8.7rel.2 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/1.0.1f": ("Lynx", None),
    "Mozilla/5.0 (SymbianOS/9.4; Series60/5.0 NokiaN97) AppleWebKit/525 BrowserNG/7.1":
        ("other", "Symbian OS"),
}  # fmt: skip


@pytest.mark.parametrize("text", FURTHER)
@pytest.mark.parametrize("engine", ["fast", "plain"])
def test_what_the_own_rules_do_not_know_is_asked_of_the_package(
    text: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "plain":
        monkeypatch.setattr(user_agents, "find_spec", lambda name: None)
    user_agents._further.cache_clear()
    agent = reduce_agent.__wrapped__(text)
    assert (agent.family, agent.os) == FURTHER[text]
    assert not agent.is_bot
    user_agents._further.cache_clear()


def test_no_text_of_the_clients_own_becomes_a_family() -> None:
    for text in ("AnnOfVienna/1.0 CFNetwork/1390 Darwin/22.0", "Ann-Miller/7 (Linux)",
                 "Mozilla/5.0 (Linux; U) AnnMiller/1.2", "ann.miller@example.org/1.0"):  # fmt: skip
        agent = reduce_agent(text)
        assert agent.family in {"other", "other bot"}
        assert "ann" not in f"{agent.os} {agent.browser} {agent.device_type}".lower()


def test_unknown_agent_is_other_and_no_bot() -> None:
    assert reduce_agent("ShopApp/4.2") == Agent("other", None, None, "other", is_bot=False)
