"""The one metrics file, `dbt/macros/metrics.sql`, as Python reads it.

Belongs here: the ratios as they are declared. Not here: what is made of them (the columns of marts
are dbt's, metrics of experiments `experiment_baseline`'s, dbt's metrics `semantic_layer`'s).
"""

from functools import cache
from typing import Any

import yaml

from dagster_project.dbt_build import project_dir


@cache
def declared_ratios() -> tuple[dict[str, Any], ...]:
    """Every ratio of the file, in its order."""
    text = (project_dir() / "macros" / "metrics.sql").read_text()
    block = text.split("{% set text %}")[1].split("{% endset %}")[0]
    return tuple(yaml.safe_load(block))
