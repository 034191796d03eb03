"""The settings that docs/formats.md shows, read from the page itself.

Belongs here: finding them. Not here: what becomes of rows by them.
"""

import re
from functools import cache
from pathlib import Path

from dagster_project.ingest.config import SourceSettings, parse_settings

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"


def recipe_texts() -> list[str]:
    """Each block of settings on the page."""
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@cache
def recipes() -> dict[str, SourceSettings]:
    """The sources of the page by their names."""
    found: dict[str, SourceSettings] = {}
    for text in recipe_texts():
        found |= parse_settings(text, "docs/formats.md").sources
    return found
