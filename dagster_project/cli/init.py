"""`footfall init`: make the state folder. What is there already is left as it is."""

import argparse
from pathlib import Path
from typing import Any, Final

from dagster_project.ingest.config import default_settings_text, load_settings
from dagster_project.ingest.durable import make_folder, write_atomic
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths

DAGSTER_SETTINGS: Final = """\
# Dagster's own settings for this state folder; made by `footfall init`, yours to change.
telemetry:
  enabled: false
nux:
  enabled: false          # else a sign-up window covers the UI
concurrency:
  pools:
    granularity: op
    default_limit: 1      # the pool `warehouse`: one writer at a time
storage:
  custom:                 # Dagster's SQLite files, written five times as fast
    module: dagster_project.run_storage
    class: RunStorage
    config: {base_dir: {env: DAGSTER_HOME}}
run_queue:
  # A run asks for its place itself, once it has freed those of runs that were killed.
  block_op_concurrency_limited_runs:
    enabled: false
"""


def register(subparsers: Any) -> None:
    """Add the command."""
    subparsers.add_parser(
        "init",
        help="make the state folder with footfall.yml and keys",
        description="Make what is missing of the state folder; nothing that exists is changed.",
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Make what is missing, and say what was made."""
    paths = StatePaths(home)
    made = initialise(paths)
    for line in made:
        print(f"made {line}")
    print(f"{home}: {'ready' if made else 'was ready, nothing changed'}")
    if made:
        print(f"next: describe your sources in {paths.settings_file.name}, put their files into")
        print("      landing/<source>/<YYYY-MM-DD>/, and call `footfall run`")
    return 0


def initialise(paths: StatePaths) -> list[str]:
    """Make whatever of the state folder is missing.

    Args:
        paths: the state folder; its parent is made as well.

    Returns:
        What was made, one text each; empty where all was there.

    Raises:
        ConfigError: there are settings already, and they cannot be used.
        VaultError: keys are missing though there is a log, or cannot be read.
    """
    made: list[str] = []
    if not paths.home.is_dir():
        # Everything of a person that is not yet treated lies below: nobody else looks in.
        make_folder(paths.home, mode=0o700)
        made.append(str(paths.home))
    if not paths.settings_file.exists():
        write_atomic(paths.settings_file, default_settings_text().encode())
        made.append(str(paths.settings_file))
    settings = load_settings(paths.settings_file)
    had_keys = paths.secrets.is_dir() and any(paths.secrets.iterdir())
    Vault.open_or_create(paths).close()
    if not had_keys:
        made.append(f"{paths.secrets} (keys: back it up, apart from the rest)")
    for source in settings.sources:
        folder = paths.landing / source
        if not folder.is_dir():
            make_folder(folder)
            made.append(str(folder))
    make_folder(paths.dagster)
    dagster_yaml = paths.dagster / "dagster.yaml"
    if not dagster_yaml.exists():
        write_atomic(dagster_yaml, DAGSTER_SETTINGS.encode())
        made.append(str(dagster_yaml))
    return made
