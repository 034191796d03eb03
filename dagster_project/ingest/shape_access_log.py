"""Access logs of web servers: combined and common format, as Apache and nginx write them.

What a request becomes belongs here: a successful GET of a page is `page_viewed`, every other one
`resource_requested`. Whether a machine made it is told from the user agent, by the treatment.
"""

from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.shape import Shape, TimeForm

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# The last quote may be missing: some servers cut a long agent, and all that counts is there.
_LINE = (
    r"^(\S+) \S+ (\S+) \[([^\]]+)\] "
    + _QUOTED
    + r" (\d{3}) (\d+|-)(?: "
    + _QUOTED
    + " "
    + _QUOTED.removesuffix('"')
    + r'(?:"(?: .*)?)?)?$'
)
_NAMES = ("ip", "user", "time", "request", "status", "bytes", "referrer", "agent")
_REQUEST = r"^([A-Z]+) (\S+)(?: HTTP/[0-9.]+)?$"

# A path that ends in one of these is no page: what pages are made of, feeds and downloads.
ASSET_ENDINGS = (
    "7z", "apk", "atom", "avi", "avif", "bin", "bmp", "bz2", "class", "css", "csv", "deb", "dmg",
    "eot", "exe", "flac", "gif", "gz", "ico", "img", "iso", "jar", "jpeg", "jpg", "js", "json",
    "m4a", "m4v", "map", "mjs", "mov", "mp3", "mp4", "mpeg", "mpg", "msi", "ogg", "ogv", "otf",
    "pdf", "pkg", "png", "rar", "rdf", "rpm", "rss", "svg", "swf", "tar", "tgz", "tif", "tiff",
    "torrent", "ttf", "txt", "wasm", "wav", "webm", "webmanifest", "webp", "woff", "woff2", "xml",
    "xz", "zip",
)  # fmt: skip
# 304 says that the browser still has the page: it was looked at all the same.
_SEEN = ("200", "304")
_ASSET = rf"(?i)\.({'|'.join(ASSET_ENDINGS)})$"


def access_log_shape(*, has_visitors: bool, site: str | None = None) -> Shape:
    """The shape of a line.

    Args:
        has_visitors: the address with the user agent stands for a device. Else a request has no
            visitor: an address may be a household's or a company's, and one person has many.
        site: scheme and host of the pages, which stand before a path; else the path is all.
    """
    is_page = (
        f"__ff_method = 'GET' and __ff_l.status in ({', '.join(map(quote_text, _SEEN))}) "
        f"and not regexp_matches(__ff_path, {quote_text(_ASSET)})"
    )
    fields = {
        "event_name": f"case when {is_page} then 'page_viewed' else 'resource_requested' end",
        "event_ts": "__ff_l.time",
        "user_id": _given("user"),
        "page_url": _address(site),
        # `//favicon.ico` is a path here, and a host to whoever reads an address.
        "page_path": "case when starts_with(__ff_path, '//') then __ff_path end",
        "referrer": _unescaped(_given("referrer")),
        "ip": _given("ip"),
        "user_agent": "__ff_agent",
    }
    if has_visitors:
        # One text for both: the vault keeps a keyed hash of it, the log a random pseudonym.
        fields["device_id"] = (
            f"case when {_given('ip')} is not null then "
            "sha256(__ff_l.ip || chr(31) || coalesce(__ff_agent, '')) end"
        )
    return Shape(
        is_json=False,
        steps=(
            f"*, regexp_extract(__ff_text, {quote_text(_LINE)}, {_list(_NAMES)}) as __ff_l",
            f"*, regexp_extract(__ff_l.request, {quote_text(_REQUEST)}, ['method', 'target']) "
            f"as __ff_r, {_unescaped(_given('agent'))} as __ff_agent",
            "*, nullif(__ff_r.method, '') as __ff_method, "
            "regexp_extract(__ff_r.target, '^[^?#]*') as __ff_path",
        ),
        errors=(("__ff_l.status = ''", "malformed_log_line"),),
        fields=fields,
        properties=_PROPERTIES,
        time=TimeForm(format="%d/%b/%Y:%H:%M:%S %z"),
    )


# Written by hand: these texts need no escaping, and `-` of a body that was not sent is left out.
_PROPERTIES = """
    '{' || concat_ws(',',
        '"http_method":"' || __ff_method || '"',
        '"http_status":' || try_cast(__ff_l.status as integer),
        '"response_bytes":' || try_cast(nullif(__ff_l.bytes, '-') as hugeint)
    ) || '}'"""


def _given(name: str) -> str:
    """A part of the line; `-` says that the server had none."""
    return f"nullif(__ff_l.{name}, '-')"


def _address(site: str | None) -> str:
    """The page's address: a request names a path, and to a proxy the whole."""
    if site is None:
        return "__ff_r.target"
    return (
        f"case when starts_with(__ff_r.target, '/') then {quote_text(site)} else '' end "
        "|| __ff_r.target"
    )


def _unescaped(text: str) -> str:
    return f"replace(replace({text}, '\\\"', '\"'), '\\\\', '\\')"


def _list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(quote_text, texts))}]"
