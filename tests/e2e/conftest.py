"""Real data for whole runs: absent it is skipped on a workstation and an error under CI."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with public data sets, beside the checkout or named by FOOTFALL_SHARED_DATA."""
    folder = Path(os.environ.get("FOOTFALL_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        reason = f"{folder} is missing: real data sets are not part of the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
