"""The block `bots:` of `footfall.yml`: from which pace on a visitor is a machine.

Only the setting belongs here. Who is fast is `dbt/models/intermediate/int_fast_visitor_days.sql`,
what a user agent says is `user_agents.py`.
"""

from pydantic import Field

from dagster_project.ingest.config_types import Strict


class BotSettings(Strict):
    """How fast a person can be.

    Attributes:
        max_views_per_minute: page and product views of a visitor in a UTC clock minute; with more,
            all that the visitor does on that UTC date is a machine's. None or 0: nobody is too
            fast.

    Source: the definition of is_bot in docs/metrics.md.
    """

    max_views_per_minute: int | None = Field(default=None, ge=0, le=1_000_000)
