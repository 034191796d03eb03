"""Imports point one way.

`dagster_project` knows all, `ml` and `expectations` know nobody, the oracle knows itself alone.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROJECT = {"dagster_project", "ml", "expectations", "tests", "dbt"}
TOOLS = {"dagster", "dagster_dbt", "duckdb", "dbt", "great_expectations"}


def imported(source: str, package: str = "") -> Iterator[str]:
    """Full names of all modules that a source text imports, wherever in it.

    `package` is where the text lies, by which relative imports are resolved.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: -(node.level - 1) or None] if node.level else []
            base = ".".join([*parts, node.module] if node.module else parts)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def offences(
    sources: dict[str, str], forbidden: set[str], allowed: set[str] = frozenset()
) -> list[str]:
    """`module imports what`, for what is forbidden and not allowed after all."""
    found = set()
    for module, source in sources.items():
        package = module.rpartition(".")[0]
        for name in imported(source, package):
            banned = any(is_within(name, one) for one in forbidden)
            # `from ml import x` names `ml` as well as `ml.x`; the whole name decides.
            excused = any(is_within(name, one) or is_within(one, name) for one in allowed)
            if banned and not excused:
                found.add(f"{module} imports {name}")
    return sorted(found)


def sources_of(folder: str) -> dict[str, str]:
    files = sorted((REPOSITORY / folder).rglob("*.py"))
    assert files, folder
    return {
        ".".join(file.relative_to(REPOSITORY).with_suffix("").parts): file.read_text()
        for file in files
    }


def foreign(sources: dict[str, str], own: str) -> list[str]:
    """Imports of anything but the standard library and the package itself."""
    return sorted(
        f"{module} imports {name}"
        for module, source in sources.items()
        for name in imported(source, module.rpartition(".")[0])
        if name.partition(".")[0] not in sys.stdlib_module_names and not is_within(name, own)
    )


def test_ml_knows_no_tool_and_nobody_of_the_project():
    assert offences(sources_of("ml"), TOOLS | (PROJECT - {"ml"})) == []


def test_expectations_know_nobody_of_the_project():
    assert offences(sources_of("expectations"), PROJECT - {"expectations"} | {"dagster"}) == []


def test_ingestion_knows_neither_dagster_nor_the_models():
    wired = {
        "dagster_project.definitions", "dagster_project.assets", "dagster_project.jobs",
        "dagster_project.checks", "dagster_project.resources", "dagster_project.partitions",
        "dagster_project.cli", "dagster_project.warehouse", "dagster_project.dbt_build",
    }  # fmt: skip
    banned = {"dagster", "dagster_dbt", "dbt", "ml", "tests"} | wired
    assert offences(sources_of("dagster_project/ingest"), banned) == []


def test_the_simulator_imports_nothing_else_of_the_project():
    banned = PROJECT | TOOLS
    assert offences(sources_of("ml/simulation"), banned, allowed={"ml.simulation"}) == []


def test_the_oracle_shares_no_code_with_what_it_judges():
    # With the one exception of the log's column names, the form of its input, which import nothing.
    oracle = sources_of("tests/laws/oracle")
    oracle["tests.laws.log_rows"] = (REPOSITORY / "tests/laws/log_rows.py").read_text()
    outside = foreign(oracle, "tests.laws.oracle")
    assert [line for line in outside if " imports tests.laws.log_rows" not in line] == []


def test_nothing_shipped_imports_the_tests():
    for folder in ("dagster_project", "ml", "expectations"):
        assert offences(sources_of(folder), {"tests", "pytest", "hypothesis"}) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import duckdb", ["ml.als imports duckdb"]),
        (
            "def f():\n    from dagster import asset\n",
            ["ml.als imports dagster", "ml.als imports dagster.asset"],
        ),
        (
            "from expectations import split",
            ["ml.als imports expectations", "ml.als imports expectations.split"],
        ),
        ("import dagster_pipes_like_name", []),
        ("from . import splits", []),
    ],
)
def test_a_planted_import_is_found(source, found):
    assert offences({"ml.als": source}, TOOLS | (PROJECT - {"ml"})) == found


def test_a_simulator_that_reaches_out_is_found():
    planted = {"ml.simulation.shop": "from ml.als import fit_als\nfrom ..gate import decide"}
    found = offences(planted, PROJECT | TOOLS, allowed={"ml.simulation"})
    assert "ml.simulation.shop imports ml.als.fit_als" in found
    assert "ml.simulation.shop imports ml.gate.decide" in found


def test_an_oracle_that_reaches_out_is_found():
    assert foreign({"tests.laws.oracle.orders": "import numpy"}, "tests.laws.oracle") == [
        "tests.laws.oracle.orders imports numpy"
    ]
