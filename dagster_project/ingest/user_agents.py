"""User agents, reduced to what the log keeps: family, system, browser, kind of device, bot or not.

A small rule table of our own, first match wins. It is a reduction on purpose: it names the families
that make up nearly all traffic and calls the rest `other`, without versions, so that the agent is
no fingerprint. Nothing here touches a table; a larger parser can take the place of `reduce_agent`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Agent:
    """What is kept of a user agent.

    Attributes:
        family: the browser, app or bot, such as `Chrome` or `Googlebot`.
        os: the system, or null where the agent names none.
        browser: the family where it is a browser, else null.
        device_type: desktop, mobile, tablet, tv, bot or other.
        is_bot: whether a machine says of itself that it is one.
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
    ("Googlebot", r"Googlebot|Google-InspectionTool|Storebot-Google|AdsBot-Google|Mediapartners"),
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
_BOT_WORDS: Final = re.compile(
    r"(?i)bot\b|bot[/_;)-]|crawl|spider|scrape|slurp|monitor|uptime|pingdom|statuscake|preview|"
    r"fetcher|validator|archiver|httpclient|http-client|okhttp/|libwww|^java/|^go-http|^ruby|"
    r"^axios|^node|^postmanruntime|^apache-http|^php|^perl|headless|selenium|puppeteer|playwright"
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
    ("Linux", r"Linux|X11|Ubuntu"),
)
_TV: Final = re.compile(
    r"(?i)smart-?tv|appletv|apple tv|googletv|hbbtv|netcast|web0s|roku|bravia|\baft[a-z]|tizen.*tv|"
    r"crkey|android tv|playstation|xbox|nintendo"
)
_TABLET: Final = re.compile(
    r"iPad|Tablet|PlayBook|Silk/|Kindle|Nexus (?:7|9|10)|SM-[TXP]\d|\bTab\b"
)
_MOBILE: Final = re.compile(r"Mobi|iPhone|iPod|Windows Phone|BlackBerry|Opera Mini|IEMobile")
_DESKTOP_SYSTEMS: Final = frozenset({"Windows", "macOS", "Chrome OS", "Linux"})


@lru_cache(maxsize=65_536)
def reduce_agent(user_agent: str) -> Agent:
    """Reduce one user agent, as the client sent it."""
    system = _first(_SYSTEMS, user_agent)
    bot = _bot_family(user_agent)
    if bot is not None:
        return Agent(family=bot, os=system, browser=None, device_type="bot", is_bot=True)
    browser = _first(_BROWSERS, user_agent)
    return Agent(
        family=browser or OTHER,
        os=system,
        browser=browser,
        device_type=_device_type(user_agent, system),
        is_bot=False,
    )


def _first(rules: tuple[tuple[str, re.Pattern[str]], ...], user_agent: str) -> str | None:
    return next((name for name, pattern in rules if pattern.search(user_agent)), None)


def _bot_family(user_agent: str) -> str | None:
    named = _first(_NAMED_BOTS, user_agent)
    if named is not None:
        return named
    if _BOT_WORDS.search(user_agent) and not _NO_BOT.search(user_agent):
        return "other bot"
    return None


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
