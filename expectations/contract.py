"""The public face of the contract: what the rest of the project imports.

Here: one name for each thing that follows from the registry. Not here: how it is worked out.
"""

import pyarrow as pa

from expectations.columns import CANDIDATE_COLUMNS, LOG_COLUMNS, MADE_BY_TREATMENT, SPLIT_COLUMNS
from expectations.documentation import documentation
from expectations.personal import (
    ENCRYPTED_MARK,
    blank_emails_sql,
    blanked_columns,
    contains_email_sql,
    may_hold_personal_data_sql,
    personal_event_properties,
    personal_properties,
)
from expectations.registry import IDENTIFIER_KINDS, Registry, load_registry
from expectations.split import split_sql
from expectations.suites import batch_suite, counts_suite, seals_suite

__all__ = [
    "CANDIDATE_COLUMNS",
    "ENCRYPTED_MARK",
    "IDENTIFIER_KINDS",
    "LOG_COLUMNS",
    "MADE_BY_TREATMENT",
    "SPLIT_COLUMNS",
    "Registry",
    "batch_suite",
    "blank_emails_sql",
    "blanked_columns",
    "contains_email_sql",
    "counts_suite",
    "documentation",
    "event_types_table",
    "load_registry",
    "may_hold_personal_data_sql",
    "personal_event_properties",
    "personal_properties",
    "seals_suite",
    "split_sql",
]


def event_types_table(registry: Registry) -> pa.Table:
    """Give the registry as a table that the warehouse reads, one row an event type.

    Returns:
        event_name, family, is_sessionable, role (null where the type has none), description;
        by event_name.

    """
    events = sorted(registry.events.values(), key=lambda event: event.name)
    return pa.table(
        {
            "event_name": pa.array([e.name for e in events], pa.string()),
            "family": pa.array([e.family for e in events], pa.string()),
            "is_sessionable": pa.array([e.is_sessionable for e in events], pa.bool_()),
            "role": pa.array([e.role for e in events], pa.string()),
            "description": pa.array([e.description for e in events], pa.string()),
        }
    )
