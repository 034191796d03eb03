"""Lines of an access log, split by a shell's rules of quoting instead of a pattern.

It shares nothing with the reader of the format.
"""

import gzip
import shlex
from pathlib import Path

# Endings in the Apache log of the tests that are assets; others, as of `/a.html` and `/xdotool.c`,
# are pages.
ASSETS = {"css", "deb", "exe", "gif", "gz", "ico", "jar", "jpeg", "jpg", "js", "pdf", "png", "svg",
          "swf", "ttf", "txt", "woff", "xml"}  # fmt: skip


def parse_hits(file: Path) -> list[dict[str, str]]:
    """The parts of each line by name, in the order of the file."""
    found = []
    for line in gzip.decompress(file.read_bytes()).decode().splitlines():
        # One line of the 10,000 has lost the quote behind its agent.
        whole = line if line.endswith('"') else line + '"'
        words = shlex.shlex(whole, posix=True, punctuation_chars="")
        words.whitespace_split, words.commenters, words.quotes = True, "", '"'
        ip, _, user, at, zone, request, status, size, referrer, agent = list(words)
        found.append({"ip": ip, "user": user, "at": f"{at} {zone}", "request": request,
                      "status": status, "bytes": size, "referrer": referrer,
                      "agent": agent})  # fmt: skip
    return found


def path_of(hit: dict[str, str]) -> str:
    """The path that was asked for, without query and fragment."""
    return hit["request"].split(" ")[1].split("?")[0].split("#")[0]


def is_page(hit: dict[str, str]) -> bool:
    """Whether it is a good GET of what is no asset."""
    name = path_of(hit).rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    is_get = hit["request"].split(" ")[0] == "GET"
    return is_get and hit["status"] in ("200", "304") and ending not in ASSETS
