"""Where the real data sets are: beside the checkout, or where FOOTFALL_SHARED_DATA says."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public data sets; skips without it, but fails in continuous integration."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    folder = Path(os.environ.get("FOOTFALL_SHARED_DATA", beside))
    if not folder.is_dir():
        reason = f"no data sets in {folder}: set FOOTFALL_SHARED_DATA to their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
