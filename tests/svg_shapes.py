"""Shapes of a drawing, for tests that look where numbers land."""

import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def shapes(svg: str, kind: str) -> list[dict[str, str]]:
    """The attributes of every element of a kind, such as circle, in order."""
    return [dict(one.attrib) for one in ET.fromstring(svg).iter(f"{SVG}{kind}")]
