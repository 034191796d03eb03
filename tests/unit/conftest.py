"""What tests of several modules of the code need of their process.

Belongs here: fixtures that more than one folder of unit tests takes.
"""

import pytest

from dagster_project import cli


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """main() sets the environment of its process; monkeypatch puts it back."""
    for name in (*cli._QUIET, "DAGSTER_HOME", "FOOTFALL_HOME"):
        monkeypatch.setenv(name, "before")
