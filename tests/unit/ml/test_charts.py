"""Charts: where the numbers land, the same bytes for the same numbers, nothing that is markup."""

import base64
import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta

import numpy as np
import pytest

from ml.calibration import reliability
from ml.charts import Bar, as_markdown, bar_chart, course_chart, reliability_chart
from tests.svg_shapes import SVG, shapes

DAYS = [date(2026, 11, 1) + timedelta(days=n) for n in (0, 1, 2, 4)]


def test_a_dot_lies_where_prediction_and_outcome_are_on_the_axes():
    # Two groups: .1 predicted, none of two happened; .4 predicted, one of two. Axes end at .5.
    points = reliability(np.array([0.1, 0.1, 0.4, 0.4]), np.array([0.0, 0, 0, 1]), groups=2)
    svg = reliability_chart("x", {"model": points})
    # From 66 to 404 across, from 212 up to 34.
    found = [(float(one["cx"]), float(one["cy"])) for one in shapes(svg, "circle")]
    assert found == [(133.6, 212.0), (336.4, 34.0)]


def test_a_course_is_laid_by_dates_and_breaks_where_there_is_no_value():
    svg = course_chart("x", DAYS, {"m": [0.0, 1.0, None, 1.0]}, [False, True, False, False])
    found = [(float(one["cx"]), float(one["cy"])) for one in shapes(svg, "circle")]
    # Four days are 338 wide; 8 % of the range is left free below and above.
    across, up = [66.0, 150.5, 404.0], [212 - 178 * v / 1.16 for v in (0.08, 1.08, 1.08)]
    assert [x for x, _ in found] == across
    assert [y for _, y in found] == pytest.approx(up, abs=0.06)
    lines = [one["points"] for one in shapes(svg, "polyline")]
    assert sum(line.startswith("66.0,") and "150.5," in line for line in lines) == 1
    assert [line for line in lines if line.startswith("150.5,34.0")] == ["150.5,34.0 150.5,212.0"]


def test_bars_are_as_long_as_their_values_and_red_beyond_their_limits():
    svg = bar_chart("x", [Bar("a", 0.25, 0.25), Bar("b", 0.5, 0.25), Bar("none", 0.0, 0.25)])
    _, *bars = shapes(svg, "rect")
    assert [float(one["width"]) for one in bars] == [85.0, 170.0, 0.0]
    assert [one["fill"] for one in bars] == ["#2563a8", "#b3261e", "#2563a8"]


@pytest.mark.parametrize("values", [[0.0], [-3.0, -3.0], [1e-9, 2e-9], [1e9]])
def test_any_numbers_have_a_course_of_finite_places(values):
    svg = course_chart("x", DAYS[: len(values)], {"m": values})
    assert not re.search("nan|inf", svg)
    assert len(shapes(svg, "circle")) == len(values)


def test_names_are_text_whatever_they_hold():
    name = '</svg><script>alert("1")</script>&'
    for svg in (bar_chart(name, [Bar(name, 1, 1)]), course_chart(name, DAYS[:1], {name: [1.0]})):
        assert "<script" not in svg
        assert name in {one.text for one in ET.fromstring(svg).iter(f"{SVG}text")}


def test_nothing_to_draw_is_an_error():
    for draw in (
        lambda: reliability_chart("x", {"m": reliability(np.zeros(0), np.zeros(0))}),
        lambda: course_chart("x", DAYS, {"m": [None] * 4}),
        lambda: bar_chart("x", []),
    ):
        with pytest.raises(ValueError, match="x: nothing to draw"):
            draw()


def test_a_page_has_each_chart_as_a_picture():
    svg = bar_chart("drift", [Bar("a", 1, 1)])
    page = as_markdown({"drift": svg})
    (data,) = re.findall(r"!\[drift\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", page)
    assert base64.b64decode(data).decode() == svg
    assert as_markdown({}) == ""
