"""Which built-in format has which shape. The shapes themselves are in modules of their own."""

from datetime import date

from dagster_project.ingest.config import SourceSettings
from dagster_project.ingest.shape import Shape
from dagster_project.ingest.shape_access_log import access_log_shape
from dagster_project.ingest.shape_auth_log import auth_log_shape
from dagster_project.ingest.shape_ga4 import GA4
from dagster_project.ingest.shape_posthog import POSTHOG
from dagster_project.ingest.shape_segment import SEGMENT
from dagster_project.ingest.shape_snowplow import SNOWPLOW


def shape_of(source: SourceSettings, read_on: date | None = None) -> Shape | None:
    """The shape of a source's rows; null for the canonical format and for mappings.

    Args:
        source: its settings.
        read_on: the day on which files are read that have no arrival date yet.
    """
    if source.format == "access_log":
        return access_log_shape(has_visitors=source.visitors != "none", site=source.site)
    if source.format == "auth_log":
        return auth_log_shape(read_on)
    shapes = {"segment": SEGMENT, "posthog": POSTHOG, "ga4": GA4, "snowplow": SNOWPLOW}
    return shapes.get(source.format)
