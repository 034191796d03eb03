"""The records as assets: what each publication added to them.

They come about with `published_marts` and are read by the models that a publication holds, which no
graph without cycles can say: so they are declared as what lies outside, as seeds are, and each
publication reports what it added.
"""

from collections.abc import Iterator

import dagster as dg

from dagster_project.records.entries import CUSTOMER_CHANGES, KPI_VALUES, OUTBOX
from dagster_project.records.publications import Recorded

_DESCRIPTIONS = {
    KPI_VALUES: (
        "Values of kpi_daily that a publication said for the first time, or that were others than "
        "those said last. Only ever added to, under a chain of hashes of its own; a rebuild keeps "
        "it."
    ),
    CUSTOMER_CHANGES: (
        "What a publication said of persons that the one before did not. Only ever added to, under "
        "a chain of hashes of its own; an erasure alone may take rows out."
    ),
    OUTBOX: (
        "What triggers ask other systems to do, as JSON lines: a firing is sent or expired once, "
        "and retracted once where late data takes it back. Only ever added to, under a chain of "
        "hashes of its own; a rebuild sends nothing again; an erasure alone may take rows out."
    ),
}


def record_key(table: str) -> dg.AssetKey:
    """The asset of a table of the records, which dbt's sources name."""
    return dg.AssetKey(["records", table])


def record_specs() -> list[dg.AssetSpec]:
    """Every table of the records."""
    return [
        dg.AssetSpec(
            record_key(table),
            group_name="serving",
            owners=["team:analytics-engineering"],
            kinds={"json" if table == OUTBOX else "parquet"},
            description=description,
        )
        for table, description in _DESCRIPTIONS.items()
    ]


def record_materializations(recorded: Recorded | None) -> Iterator[dg.AssetMaterialization]:
    """What a publication added; nothing where it had been recorded before."""
    if recorded is None:
        return
    publication = recorded.publication
    for table in _DESCRIPTIONS:
        yield dg.AssetMaterialization(
            asset_key=record_key(table),
            metadata={
                "dagster/row_count": recorded.rows_in_all.get(table, 0),
                "rows_added": recorded.rows.get(table, 0),
                "entry": recorded.entry,
                "version": publication.version,
                "built_from_seal": publication.built_from_seal,
                "published_after": str(publication.published_after or "no closed day"),
            },
        )
