"""What must not be in the tree: shadowing names, long files, and what belongs to one machine."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LONGEST = 400
PACKAGES = {
    "dagster", "dagster_dbt", "dbt", "duckdb", "great_expectations", "implicit", "numpy", "pandas",
    "pyarrow", "pydantic", "scipy", "yaml", "pytest", "hypothesis", "cryptography", "zstandard",
}  # fmt: skip
VAGUE = {"utils", "helpers", "common"}
# Pages of documentation may be cited; an index to install from is a choice of the machine.
_REGISTRY = re.compile(
    r"https?://[^\s\"'<>)]*"
    r"(?:pypi|pythonhosted|simple/|registry\.|npmjs|crates\.io|artifactory|nexus)",
    re.IGNORECASE,
)
_MACHINE = re.compile(r"(?<![\w.$}*/])/(?:home/\w|root/|Users/\w|work/\w|mnt/\w|opt/\w|workspace)")


def tracked() -> list[Path]:
    """Files of the checkout that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    files = [Path(name) for name in listed.split("\0") if name]
    assert len(files) > 100
    return [file for file in files if (REPOSITORY / file).is_file()]


def shadowing(files: list[Path]) -> list[str]:
    """Modules that hide a package of their name, and the `__init__` that makes `dbt/` one."""
    return sorted(
        str(file)
        for file in files
        if file.suffix == ".py"
        and (file.stem in PACKAGES or file.parts[0] == "dbt" or file.stem in VAGUE)
    )


def marks_of_a_machine(text: str) -> list[str]:
    """Addresses of package registries and absolute paths of somebody's disk."""
    return [found.group(0) for rule in (_REGISTRY, _MACHINE) for found in rule.finditer(text)]


def test_no_file_bears_a_packages_name():
    assert shadowing(tracked()) == []


def test_shadowing_files_are_found():
    planted = [
        "dagster_project/dbt.py",
        "ml/implicit.py",
        "dbt/__init__.py",
        "ml/utils.py",
        "ml/als.py",
    ]
    assert shadowing([Path(name) for name in planted]) == sorted(planted[:4])


def too_long(lines: dict[str, int]) -> list[str]:
    return [f"{name}: {count} lines" for name, count in lines.items() if count > LONGEST]


def test_every_file_of_the_product_is_one_thought():
    folders = {"dagster_project", "ml", "expectations", "dbt"}
    lines = {
        str(file): len((REPOSITORY / file).read_text().splitlines())
        for file in tracked()
        if file.parts[0] in folders and file.suffix in {".py", ".sql", ".yml", ".json"}
    }
    assert len(lines) > 150
    assert too_long(lines) == []


def test_a_long_file_is_found():
    assert too_long({"ml/als.py": 400, "ml/all.py": 401}) == ["ml/all.py: 401 lines"]


def test_tracked_files_name_no_registry_and_no_path_of_a_machine():
    found = {}
    for file in tracked():
        if file.suffix in {".png", ".parquet", ".gz", ".zst"} or file == here():
            continue
        if marks := marks_of_a_machine((REPOSITORY / file).read_text(errors="replace")):
            found[str(file)] = marks
    assert found == {}


def here() -> Path:
    return Path(__file__).relative_to(REPOSITORY)


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://pypi.org/simple",
        "url = https://files.pythonhosted.org/packages/a.whl",
        "https://proxy.example.com/artifactory/api/pypi",
        "path: /home/anna/footfall",
        'open("/Users/anna/x")',
        "see /root/.cache",
    ],
)
def test_marks_of_a_machine_are_found(text):
    assert marks_of_a_machine(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://docs.getdbt.com/reference",
        "$FOOTFALL_HOME/work/x",
        "page_path: /products/12",
        "tests/home/x",
    ],
)
def test_ordinary_paths_and_pages_are_no_marks(text):
    assert marks_of_a_machine(text) == []
