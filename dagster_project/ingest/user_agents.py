"""User agents, reduced to what the log keeps: family, system, browser, kind of device, bot or not.

A small rule table of our own, first match wins, names what makes up nearly all traffic; what it
does not know goes to ua-parser, whose tables take a second to load. Who is a crawler is told by
words and by the list crawler-user-agents. It is a reduction on purpose: a family is one of those
named here, without version, or `other`, so that the agent is no fingerprint and no text of a
client's own stays. Nothing here touches a table of the warehouse.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from crawleruseragents import is_crawler

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Agent:
    """What is kept of a user agent.

    Attributes:
        family: the browser, app or bot, such as `Chrome` or `Googlebot`.
        os: the system, or null where the agent names none.
        browser: the family where it is a browser, else null.
        device_type: desktop, mobile, tablet, tv, bot or other.
        is_bot: whether a machine says of itself that it is one, or is on the list of crawlers.
    """

    family: str
    os: str | None
    browser: str | None
    device_type: str
    is_bot: bool


def _rules(*rules: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern)) for name, pattern in rules)


# Bots that say who they are; then the words by which the others are known.
_NAMED_BOTS: Final = _rules(
    (
        "Googlebot",
        r"Googlebot|Google-InspectionTool|Storebot-Google|AdsBot-Google|Mediapartners|"
        r"Google [Ff]avicon",
    ),
    ("bingbot", r"(?i)bingbot|adidxbot|BingPreview"),
    ("YandexBot", r"Yandex\w*(?:Bot|Images|Metrika)"),
    ("Baiduspider", r"Baiduspider"),
    ("DuckDuckBot", r"DuckDuckBot|DuckAssistBot"),
    ("Applebot", r"Applebot"),
    ("facebookexternalhit", r"facebookexternalhit|meta-external|Facebot"),
    ("GPTBot", r"GPTBot|ChatGPT-User|OAI-SearchBot"),
    ("ClaudeBot", r"ClaudeBot|Claude-Web|anthropic-ai"),
    ("AhrefsBot", r"AhrefsBot"),
    ("SemrushBot", r"SemrushBot"),
    ("Amazonbot", r"Amazonbot"),
    ("Bytespider", r"Bytespider"),
    ("Slurp", r"Slurp"),
    ("HeadlessChrome", r"HeadlessChrome|PhantomJS|Chrome-Lighthouse"),
    ("curl", r"^curl/"),
    ("Wget", r"^Wget/"),
    ("python", r"(?i)^python|aiohttp/|python-(?:requests|httpx|urllib)|Scrapy"),
)
# Libraries by which programs ask, but `libwww-FM`, which is Lynx's own.
_BOT_WORDS: Final = re.compile(
    r"(?i)bot\b|bot[/_;)-]|crawl|spider|scrape|slurp|monitor|uptime|pingdom|statuscake|preview|"
    r"fetcher|validator|archiver|httpclient|http-client|okhttp/|libwww(?!-FM)|^java/|^go-http|"
    r"^ruby|^axios|^node|^postmanruntime|^apache-http|^php|^perl|headless|selenium|puppeteer|"
    r"playwright|daumoa"
)
# What looks like a bot by its words and is a telephone or a person's app.
_NO_BOT: Final = re.compile(r"CUBOT|Cubot")

# Those that carry another's name stand before it.
_BROWSERS: Final = _rules(
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|OPX/|OPiOS/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Yandex Browser", r"YaBrowser/"),
    ("Vivaldi", r"Vivaldi/"),
    ("UC Browser", r"UCBrowser/|UCWEB"),
    ("Silk", r"Silk/"),
    ("DuckDuckGo", r"DuckDuckGo/|Ddg/"),
    ("Instagram", r"Instagram"),
    ("Facebook", r"FBAN|FBAV"),
    ("Firefox", r"Firefox/|FxiOS/|Focus/"),
    ("Internet Explorer", r"MSIE |Trident/"),
    ("Android WebView", r"; wv\).*Chrome/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Android Browser", r"Android.*Version/[\d.]+.*Safari/"),
    ("Safari", r"Version/[\d.]+.*Safari/|(?:iPhone|iPad|iPod|Macintosh).*AppleWebKit/"),
)
_SYSTEMS: Final = _rules(
    ("Windows", r"Windows"),
    ("iOS", r"iPhone|iPad|iPod|CFNetwork/.*Darwin|\biOS\b"),
    ("Android", r"Android"),
    ("Tizen", r"Tizen"),
    ("webOS", r"Web0S|webOS|NetCast"),
    ("macOS", r"Macintosh|Mac OS X"),
    ("Chrome OS", r"CrOS"),
    ("BSD", r"FreeBSD|NetBSD|OpenBSD|DragonFly"),
    ("Linux", r"Linux|X11|Ubuntu"),
)
# What ua-parser calls families that the rules above do not know, and what stays of each.
_FURTHER_BROWSERS: Final = {
    **{name: name for name in (
        "AOL", "Avast Secure Browser", "Avant", "Baidu Browser", "BlackBerry", "Brave", "Camino",
        "Coc Coc", "Dolphin", "ELinks", "Epiphany", "Falkon", "Galeon", "HuaweiBrowser", "IceCat",
        "Iron", "K-Meleon", "Konqueror", "Links", "LinkedIn", "Lynx", "Maxthon", "Midori",
        "MiuiBrowser", "Netscape", "Obigo", "Otter", "Pale Moon", "Palemoon", "Phantom", "Phoenix",
        "Pinterest", "Puffin", "QQ Browser", "QupZilla", "SeaMonkey", "Seamonkey", "Sleipnir",
        "Snapchat", "Sogou Explorer", "Swiftfox", "Thunderbird", "TikTok", "Twitter", "WeChat",
        "Whale", "w3m",
    )},
    "Android": "Android Browser", "Chrome Mobile iOS": "Chrome", "Chromium": "Chrome",
    "Edge Mobile": "Edge", "Firefox Mobile": "Firefox", "Iceweasel": "Firefox",
    "IE": "Internet Explorer", "IE Mobile": "Internet Explorer", "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari", "Opera Mini": "Opera", "Opera Mobile": "Opera",
}  # fmt: skip
_FURTHER_SYSTEMS: Final = frozenset({
    "BlackBerry OS", "BlackBerry Tablet OS", "Fire OS", "Firefox OS", "HarmonyOS",
    "KaiOS", "Solaris", "Symbian OS", "watchOS", "tvOS", "Windows Phone",
})  # fmt: skip
_TV: Final = re.compile(
    r"(?i)smart-?tv|appletv|apple tv|googletv|hbbtv|netcast|web0s|roku|bravia|\baft[a-z]|tizen.*tv|"
    r"crkey|android tv|playstation|xbox|nintendo"
)
_TABLET: Final = re.compile(
    r"iPad|Tablet|PlayBook|Silk/|Kindle|Nexus (?:7|9|10)|SM-[TXP]\d|\bTab\b"
)
_MOBILE: Final = re.compile(r"Mobi|iPhone|iPod|Windows Phone|BlackBerry|Opera Mini|IEMobile")
_DESKTOP_SYSTEMS: Final = frozenset({"Windows", "macOS", "Chrome OS", "BSD", "Linux"})


@lru_cache(maxsize=65_536)
def reduce_agent(user_agent: str) -> Agent:
    """Reduce one user agent, as the client sent it."""
    system = _first(_SYSTEMS, user_agent)
    bot = _bot_family(user_agent)
    if bot is not None:
        return Agent(family=bot, os=system, browser=None, device_type="bot", is_bot=True)
    browser = _first(_BROWSERS, user_agent)
    if browser is None or system is None:
        further = _further().parse(user_agent)
        if browser is None and further.user_agent:
            browser = _FURTHER_BROWSERS.get(further.user_agent.family)
        if system is None and further.os and further.os.family in _FURTHER_SYSTEMS:
            system = further.os.family
    return Agent(
        family=browser or OTHER,
        os=system,
        browser=browser,
        device_type=_device_type(user_agent, system),
        is_bot=False,
    )


@cache
def _further() -> Any:
    """ua-parser with its tables of browsers and systems; devices are told by the rules here."""
    from ua_parser import Parser
    from ua_parser.loaders import load_lazy_builtins

    browsers, systems, _ = load_lazy_builtins()
    # Where no wheel of the fast engine fits the machine, the plain one reads the same tables.
    engine = "regex" if find_spec("ua_parser_rs") else "basic"
    resolver = import_module(f"ua_parser.{engine}").Resolver
    return Parser(resolver((browsers, systems, [])))


def _first(rules: tuple[tuple[str, re.Pattern[str]], ...], user_agent: str) -> str | None:
    return next((name for name, pattern in rules if pattern.search(user_agent)), None)


def _bot_family(user_agent: str) -> str | None:
    named = _first(_NAMED_BOTS, user_agent)
    if named is not None:
        return named
    if _NO_BOT.search(user_agent):
        return None
    return "other bot" if _BOT_WORDS.search(user_agent) or is_crawler(user_agent) else None


def _device_type(user_agent: str, system: str | None) -> str:
    if _TV.search(user_agent):
        return "tv"
    if _TABLET.search(user_agent):
        return "tablet"
    if _MOBILE.search(user_agent):
        return "mobile"
    if system == "Android":
        # Google's own rule: an Android that does not say Mobile is a tablet.
        return "tablet"
    if system == "iOS":
        return "mobile"
    return "desktop" if system in _DESKTOP_SYSTEMS else OTHER
