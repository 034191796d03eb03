"""`python -m dagster_project.cli`: the command where no script is installed."""

import sys

from dagster_project.cli import main

sys.exit(main())
