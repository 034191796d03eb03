"""The pages say what the code has.

The columns of the marts and the ratios stand in docs/metrics.md; README's links lead somewhere.
"""

import re
from pathlib import Path

import yaml

from dagster_project.cli import COMMANDS
from tests.dbt_manifest import Node, nodes_of_type

REPOSITORY = Path(__file__).parents[2]
METRICS = (REPOSITORY / "docs" / "metrics.md").read_text()


def unmentioned(models: dict[str, Node], page: str) -> list[str]:
    """Columns of marts that a page never names as a word."""
    words = set(re.findall(r"\w+", page))
    return [
        f"{name}.{column}"
        for name, node in models.items()
        if node["schema"] == "marts"
        for column in node["columns"]
        if column not in words
    ]


def ratios() -> list[dict[str, object]]:
    """The ratios as the macro declares them."""
    macro = (REPOSITORY / "dbt" / "macros" / "metrics.sql").read_text()
    text = macro.partition("{% set text %}")[2].partition("{% endset %}")[0]
    declared: list[dict[str, object]] = yaml.safe_load(text)
    return declared


def undefined(names: list[str], page: str) -> list[str]:
    """Ratios without their formula, `name = …`, on a page."""
    return [name for name in names if not re.search(rf"\b{name} =\s", page)]


def test_every_column_of_the_marts_is_on_the_page_of_metrics():
    assert unmentioned(nodes_of_type("model"), METRICS) == []


def test_a_column_that_the_page_does_not_know_is_found():
    models = {
        "kpi_daily": {"schema": "marts", "columns": {"visitors": {}, "visitors_per_lunch": {}}}
    }
    assert unmentioned(models, METRICS) == ["kpi_daily.visitors_per_lunch"]


def test_every_ratio_has_its_formula_on_the_page_of_metrics():
    names = [str(ratio["name"]) for ratio in ratios()]
    assert len(names) >= 9
    assert undefined(names, METRICS) == []


def test_every_ratio_is_described_where_it_is_declared():
    assert [ratio["name"] for ratio in ratios() if not ratio["description"]] == []


def test_a_ratio_without_formula_is_found():
    assert undefined(["aov", "lunch_rate"], METRICS) == ["lunch_rate"]


def dead_links(page: str, folder: Path) -> list[str]:
    """Relative links and pictures of a page that lead nowhere."""
    links = re.findall(r"\]\(([^)#\s]+)", page)
    return [link for link in links if "://" not in link and not (folder / link).exists()]


def test_links_and_pictures_of_the_pages_exist():
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    assert len(pages) >= 4
    assert {
        str(page): dead for page in pages if (dead := dead_links(page.read_text(), page.parent))
    } == {}


def test_a_dead_link_is_found(tmp_path):
    assert dead_links("[a](gone.md) ![b](x.png) [c](https://example.org)", tmp_path) == [
        "gone.md",
        "x.png",
    ]


def test_pictures_are_small_enough_to_clone():
    pictures = sorted((REPOSITORY / "docs" / "images").glob("*.png"))
    assert len(pictures) >= 2
    assert [picture.name for picture in pictures if picture.stat().st_size >= 300_000] == []


def unlisted(commands: list[str], page: str) -> list[str]:
    return [name for name in commands if f"| `footfall {name}" not in page]


def test_the_readme_lists_every_command():
    assert unlisted(list(COMMANDS), (REPOSITORY / "README.md").read_text()) == []
    assert unlisted(["init", "levitate"], "| `footfall init` | makes |") == ["levitate"]


def test_the_sources_of_the_readme_are_settings_that_load(tmp_path):
    from dagster_project.ingest.config import load_settings

    page = (REPOSITORY / "README.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        file = tmp_path / "footfall.yml"
        file.write_text(block)
        assert load_settings(file).sources
