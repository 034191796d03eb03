"""A model that is not what its contract says stops the build, in each way of making a table."""

import shutil

import pytest
import yaml

from dagster_project import dbt_build
from dagster_project.dbt_build import NodeResult
from dagster_project.state import StatePaths
from tests.dbt_manifest import DBT_PROJECT

WAYS = {"made_view": {}, "accumulate": {}, "replace_touched": {"replace_key": ["day"]}}
SAID = [("day", "date"), ("value", "decimal(18, 4)"), ("names", "varchar[]")]
GOOD = "select date '2026-01-01' as day, 1::decimal(18, 4) as value, ['a'] as names"
BROKEN = {
    "precision": GOOD.replace("decimal(18, 4)", "decimal(18, 3)"),
    "type": GOOD.replace("['a']", "'a'"),
    "name": GOOD.replace("as value", "as values"),
    "missing": GOOD.replace(", ['a'] as names", ""),
    "more": f"{GOOD}, 1 as more",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NodeResult]:
    """What became of a project with every broken model in every way, by the model's name."""
    root = tmp_path_factory.mktemp("contracts") / "dbt"
    (root / "models").mkdir(parents=True)
    (root / "macros").mkdir()
    shutil.copy(DBT_PROJECT / "macros" / "materializations.sql", root / "macros")
    shutil.copy(DBT_PROJECT / "profiles.yml", root)
    (root / "dbt_project.yml").write_text("name: footfall\nprofile: footfall\n")
    columns = [{"name": name, "data_type": kind} for name, kind in SAID]
    models = []
    for way, settings in WAYS.items():
        for broken, sql in {"nothing": GOOD, **BROKEN}.items():
            config = {"materialized": way, "contract": {"enforced": True}, **settings}
            models.append({"name": f"{way}_{broken}", "config": config, "columns": columns})
            (root / "models" / f"{way}_{broken}.sql").write_text(sql)
    (root / "models" / "models.yml").write_text(yaml.safe_dump({"models": models}))
    paths = StatePaths(root.parent / "state")
    paths.warehouse.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt_build, "project_dir", lambda: root)
        dbt_build._parsed.cache_clear()
        found = dbt_build.build(paths, [model["name"] for model in models])
        dbt_build._parsed.cache_clear()
    return {one.unique_id.split(".")[-1]: one for one in found}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("broken", BROKEN)
def test_what_differs_from_its_contract_is_refused(results, broken, way):
    result = results[f"{way}_{broken}"]
    assert result.status == "error"
    assert "This model has an enforced contract that failed" in result.message


def test_what_keeps_its_contract_is_built(results):
    assert results["made_view_nothing"].is_good
