"""Which built-in format has which shape. The shapes themselves are in modules of their own."""

from dagster_project.ingest.config import SourceSettings
from dagster_project.ingest.shape import Shape
from dagster_project.ingest.shape_access_log import access_log_shape
from dagster_project.ingest.shape_ga4 import GA4
from dagster_project.ingest.shape_segment import SEGMENT
from dagster_project.ingest.shape_snowplow import SNOWPLOW


def shape_of(source: SourceSettings) -> Shape | None:
    """The shape of a source's rows; null for the canonical format and for mappings."""
    if source.format == "access_log":
        return access_log_shape(has_visitors=source.visitors != "none")
    return {"segment": SEGMENT, "ga4": GA4, "snowplow": SNOWPLOW}.get(source.format)
