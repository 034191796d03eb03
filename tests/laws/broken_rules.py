"""The rules that keep law 3, each broken on purpose in one place of the compiled models.

Belongs here: what is broken, by a change that must find its place exactly once and so fails loudly when the
SQL has moved on. Not here: which histories notice (`test_law3_mutations`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.laws.compiled import Model

Change = Callable[[Model], Model]


@dataclass(frozen=True)
class BrokenRule:
    """A rule, broken.

    Attributes:
        says: what the broken models do.
        model: the one that is changed.
        change: gives the changed model.
    """

    says: str
    model: str
    change: Change

    def applied(self, models: Sequence[Model]) -> list[Model]:
        """All models, one of them changed.

        Raises:
            AssertionError: the change did not find its place, or found several.
        """
        changed = [self.change(model) if model.name == self.model else model for model in models]
        assert sum(a != b for a, b in zip(models, changed, strict=True)) == 1, self.says
        return changed


def text(pattern: str, by: str) -> Change:
    """One place of the SQL, found by a pattern, says something else."""

    def change(model: Model) -> Model:
        sql, count = re.subn(pattern, by, model.sql)
        assert count == 1, f"{model.name} has {pattern!r} {count} times, not once"
        return replace(model, sql=sql)

    return change


def sees(relation: str, where: str = "false") -> Change:
    """Where the model reads a relation (in one place), it sees some of its rows, or none."""
    schema, name = relation.split(".")
    written = rf"({schema}\.{name}\b|\"memory\"\.\"{schema}\"\.\"{name}\")"
    return text(rf"\b(from|join)\s+{written}", rf"\1 (select * from {relation} where {where})")


def keeps(where: str) -> Change:
    """Of the rows that the model makes, some are left out."""
    return lambda model: replace(model, sql=f"select * from ({model.sql}) as made where {where}")


def deletes_by(*relations: str) -> Change:
    """The keys to delete come from other relations; without any, from the new rows alone."""
    return lambda model: replace(model, touched=relations)


def forgets(model: Model) -> Model:
    """An outbox that holds what this run found alone."""
    assert model.materialized == "accumulate"
    return replace(model, materialized="per_run")


IN_COPIES = "event_key in (select event_key from intermediate.int_event_copies)"

BROKEN_RULES = (
    # Copies: all log rows of the work set, with the present winner and the losers.
    BrokenRule("copies without the stored winner", "int_event_copies", sees("core.fct_events")),
    BrokenRule(
        "copies without the stored losers", "int_event_copies", sees("core.fct_event_duplicates")
    ),
    BrokenRule(
        "only rows that are not yet loaded",
        "stg_events",
        keeps(
            "(event_key, source_file, source_line) not in "
            "(select event_key, source_file, source_line from core.fct_events)"
        ),
    ),
    BrokenRule(
        "a row that stands as winner and as loser after a kill counts twice",
        "int_event_copies",
        text(r"(order by content_hash\s*\)\s*)= 1", r"\1>= 1"),
    ),
    BrokenRule(
        "the copy that was loaded first wins, not the one that arrived first",
        "int_event_copies",
        text(
            r"partition by event_key order by arrival_date, source_file, source_line\s*\) as copy",
            "partition by event_key order by arrival_date desc, source_file, source_line) as copy",
        ),
    ),
    BrokenRule(
        "an event's key is its id alone, without the date",
        "stg_events",
        text(r"\|\| chr\(31\) \|\| cast\(cast\(event_ts as date\) as varchar\)", ""),
    ),
    BrokenRule(
        "an event's key is its id alone, without the source",
        "stg_events",
        text(r"md5\(source \|\| chr\(31\) \|\| event_id", "md5(event_id"),
    ),
    BrokenRule("a visitor's id without its kind", "stg_events", text(r"'anonymous'", "'device'")),
    # Sessions: windows of the gap, inclusive, with look-back, and the rest of the run.
    BrokenRule(
        "exactly thirty minutes end a session",
        "int_events_sessionized",
        text(r">\s*(?=interval)", ">= "),
    ),
    BrokenRule(
        "windows leave out a session that starts exactly a gap later",
        "int_session_windows",
        text(r"started_at\s*<=(?=\s*points)", "started_at <"),
    ),
    BrokenRule(
        "windows leave out a session that ended exactly a gap before",
        "int_session_windows",
        text(r"ended_at\s*>=(?=\s*points)", "ended_at >"),
    ),
    BrokenRule(
        "windows look back one day, not a cut and a gap",
        "int_session_windows",
        text(r"report_date - 2\b", "report_date"),
    ),
    BrokenRule(
        "windows look at the points' own dates alone",
        "int_session_windows",
        text(
            r"\[report_date - 2, report_date - 1, report_date, report_date \+ 1\]", "[report_date]"
        ),
    ),
    BrokenRule(
        "later sessions of the same run are left out",
        "int_session_windows",
        text(r"started_at\s*>=(?=\s*adjacent)", "started_at ="),
    ),
    BrokenRule(
        "cuts count from the first event that is looked at",
        "int_events_sessionized",
        text(r"anchors\.is_anchor", "false"),
    ),
    BrokenRule(
        "events of one instant in any order",
        "int_events_sessionized",
        text(r"(cut_number\s+order by event_ts), event_key", r"\1, md5(event_key)"),
    ),
    BrokenRule(
        "the session id of neighbours is not written again",
        "fct_events",
        lambda model: deletes_by("intermediate.int_event_copies")(keeps(IN_COPIES)(model)),
    ),
    BrokenRule("sessions that vanished stay", "fct_sessions", deletes_by()),
    BrokenRule(
        "later sessions keep their numbers",
        "fct_sessions",
        text(
            r"numbered\.stored_number is distinct from numbered\.session_number",
            "numbered.stored_number is null",
        ),
    ),
    # Orders.
    BrokenRule(
        "orders of winners alone",
        "int_touched_orders",
        sees("intermediate.int_event_copies", "copy_number = 1"),
    ),
    BrokenRule(
        "orders of touched events alone",
        "int_remade_orders",
        sees("intermediate.int_events_sessionized"),
    ),
    BrokenRule("orders that vanished stay", "fct_orders", deletes_by()),
    BrokenRule("items of orders that vanished stay", "fct_order_items", deletes_by()),
    BrokenRule("refunds that vanished stay", "fct_refunds", deletes_by()),
    BrokenRule("lines of events that are no order any more stay", "int_order_lines", deletes_by()),
    BrokenRule(
        "an order's value reaches no session but the event's own",
        "int_touched_points",
        sees("intermediate.int_order_events"),
    ),
    # Products.
    BrokenRule(
        "products of winners alone",
        "int_touched_products",
        sees("intermediate.int_event_copies", "copy_number = 1"),
    ),
    BrokenRule("interactions that vanished stay", "fct_product_interactions", deletes_by()),
    # Identity.
    BrokenRule("map rows of visitors that vanished stay", "map_visitor_person", deletes_by()),
    BrokenRule("evidence that vanished stays", "int_identity_evidence", deletes_by()),
    BrokenRule(
        "a visitor lives on without an event",
        "int_touched_visitors",
        text(r"visitors\.has_winner or found\.visitor_id is not null", "true"),
    ),
    BrokenRule(
        "a log-in moves its own day alone",
        "int_touched_visitor_days",
        sees("intermediate.int_person_days"),
    ),
    BrokenRule("days are found again after a kill, not kept", "int_touched_visitor_days", forgets),
    BrokenRule(
        "persons by the present map alone",
        "int_displaced_persons",
        sees("intermediate.int_person_days"),
    ),
    BrokenRule("persons are found again after a kill, not kept", "int_displaced_persons", forgets),
    BrokenRule("days of visitors that vanished stay", "int_person_days", deletes_by()),
    BrokenRule("persons that vanished stay", "dim_persons", deletes_by()),
    # Dates of the marts.
    BrokenRule(
        "dates of touched events alone",
        "int_touched_dates",
        sees("intermediate.int_touched_visitor_days"),
    ),
    BrokenRule(
        "the date on which somebody ceases to be new is left out",
        "int_touched_dates",
        sees("core.fct_sessions"),
    ),
    BrokenRule(
        "dates of orders without a visitor are left out",
        "int_touched_dates",
        sees("intermediate.int_order_events"),
    ),
    BrokenRule("dates that vanished stay", "int_kpi_days", deletes_by()),
    BrokenRule(
        "rolling numbers of touched dates alone",
        "int_rolling_dates",
        text(r"range\(30\)", "range(1)"),
    ),
    BrokenRule(
        "rolling numbers a day short of their reach",
        "int_rolling_dates",
        text(r"range\(30\)", "range(29)"),
    ),
    BrokenRule(
        "arrivals of the work set alone",
        "int_touched_arrivals",
        sees("intermediate.int_event_copies"),
    ),
    # Funnels.
    BrokenRule(
        "entries of touched dates alone",
        "int_funnels",
        text(r"cast\(any_value\(window_s\) // 86400 \+ 1 as integer\)", "0"),
    ),
    BrokenRule(
        "entries of touched persons are left out",
        "int_touched_owners",
        sees("intermediate.int_touched_persons"),
    ),
    BrokenRule("entries that vanished stay", "fct_funnel_entries", deletes_by()),
    BrokenRule("funnels of dates that vanished stay", "funnel_steps", deletes_by()),
)
