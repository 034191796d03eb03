"""The rules that keep law 3, each broken on purpose in one place of the compiled models.

Belongs here: what is broken, by a change that must find its place exactly once and so fails
loudly when the SQL has moved on, and which history notices. Not here: the histories
themselves (`noticing`).
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.laws.compiled import Model
from tests.laws.histories import History
from tests.laws.noticing import (
    AWAKE_BEFORE,
    DISPLACED_BY_BOT,
    DISPLACED_KINDS,
    DISPLACED_ORDER,
    DISPLACED_STEP,
    DISPLACED_VISITOR,
    FUNNEL_FROM_THE_DAY_BEFORE,
    GAP_AFTER,
    GAP_BEFORE,
    LOG_INS,
    MONTH_LATER,
    NEARLY_A_DAY,
    NO_LONGER_NEW,
    ONE_PERSON_LESS,
    ORDER_UPDATED_LATER,
    ORDER_WITHOUT_VISITOR,
    OVER_MIDNIGHT,
    RANDOM_BATCH,
    TWO_DAYS_AWAKE,
)

Change = Callable[[Model], Model]


@dataclass(frozen=True)
class BrokenRule:
    """A rule, broken.

    Attributes:
        says: what the broken models do.
        noticed_by: a history in which tables then differ from the oracle or from a rebuild.
        model: the one that is changed.
        change: gives the changed model.
        dies_after: the model after which the history's second run is killed, to come again.
    """

    says: str
    noticed_by: History
    model: str
    change: Change
    dies_after: str | None = None

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
    written = rf"({schema}\.{name}\b|(\"memory\"\.)?\"{schema}\"\.\"{name}\")"
    return text(rf"\b(from|join)\s+{written}", rf"\1 (select * from {relation} where {where})")


def keeps(where: str) -> Change:
    """Of the rows that the model makes, some are left out."""
    return lambda model: replace(model, sql=f"select * from ({model.sql}) as made where {where}")


def deletes_by(*relations: str) -> Change:
    """The keys to delete come from other relations; without any, from the new rows alone."""
    return lambda model: replace(model, touched=relations, reads_itself=not relations)


def forgets(model: Model) -> Model:
    """An outbox that holds what this run found alone."""
    assert model.materialized == "accumulate"
    return replace(model, materialized="scratch")


def chosen(*rules: BrokenRule) -> tuple[BrokenRule, ...]:
    """Every third rule, for each costs seconds; all of them with FOOTFALL_ALL_RULES set.

    `make laws` sets it. Rules of the core, on which every table hangs, are always tried.
    """
    return rules if os.environ.get("FOOTFALL_ALL_RULES") else rules[::3]


IN_COPIES = "event_key in (select event_key from intermediate.int_event_copies)"

BROKEN_RULES = (
    # Copies: all log rows of the work set, with the present winner and the losers.
    BrokenRule(
        "copies without the stored winner",
        DISPLACED_VISITOR,
        "int_event_copies",
        sees("core.fct_events"),
    ),
    BrokenRule(
        "copies without the stored losers",
        DISPLACED_VISITOR,
        "int_event_copies",
        sees("core.fct_event_duplicates"),
        dies_after="fct_events",
    ),
    BrokenRule(
        "only rows that are not yet loaded",
        DISPLACED_VISITOR,
        "stg_events",
        keeps(
            "(event_key, source_file, source_line) not in "
            "(select event_key, source_file, source_line from core.fct_events)"
        ),
        dies_after="fct_events",
    ),
    BrokenRule(
        "a row that stands as winner and as loser after a kill counts twice",
        DISPLACED_VISITOR,
        "int_event_copies",
        text(r"(source_line\) from stored_winners)", r"\1 where false"),
        dies_after="fct_event_duplicates",
    ),
    BrokenRule(
        "the copy that was loaded first wins, not the one that arrived first",
        DISPLACED_VISITOR,
        "int_event_copies",
        text(
            r"partition by event_key order by arrival_date, source_file, source_line\s*\) as copy",
            "partition by event_key order by arrival_date desc, source_file, source_line) as copy",
        ),
    ),
    BrokenRule(
        "an event's key is its id alone, without the date",
        DISPLACED_VISITOR,
        "stg_events",
        text(r"\|\| chr\(31\) \|\| cast\(cast\(event_ts as date\) as varchar\)", ""),
    ),
    BrokenRule(
        "an event's key is its id alone, without the source",
        DISPLACED_VISITOR,
        "stg_events",
        text(r"md5\(source \|\| chr\(31\) \|\| event_id", "md5(event_id"),
    ),
    BrokenRule(
        "a visitor's id without its kind",
        DISPLACED_VISITOR,
        "stg_events",
        text(r"'anonymous'", "'device'"),
    ),
    # Sessions: windows of the gap, inclusive, with look-back, and the rest of the run.
    BrokenRule(
        "exactly thirty minutes end a session",
        RANDOM_BATCH,
        "int_events_sessionized",
        text(r">\s*(?=interval)", ">= "),
    ),
    BrokenRule(
        "windows leave out a session that starts exactly a gap later",
        GAP_BEFORE,
        "int_session_windows",
        text(r"started_at\s*<=(?=\s*points)", "started_at <"),
    ),
    BrokenRule(
        "windows leave out a session that ended exactly a gap before",
        GAP_AFTER,
        "int_session_windows",
        text(r"ended_at\s*>=(?=\s*points)", "ended_at >"),
    ),
    BrokenRule(
        "windows look back one day, not a cut and a gap",
        NEARLY_A_DAY,
        "int_session_windows",
        text(r"report_date - 2\b", "report_date"),
    ),
    BrokenRule(
        "windows look at the points' own dates alone",
        OVER_MIDNIGHT,
        "int_session_windows",
        text(
            r"\[report_date - 2, report_date - 1, report_date, report_date \+ 1\]", "[report_date]"
        ),
    ),
    BrokenRule(
        "later sessions of the same run are left out",
        AWAKE_BEFORE,
        "int_session_windows",
        text(r"started_at\s*>=(?=\s*adjacent)", "started_at ="),
    ),
    BrokenRule(
        "cuts count from the first event that is looked at",
        TWO_DAYS_AWAKE,
        "int_events_sessionized",
        text(r"anchors\.is_anchor", "false"),
    ),
    BrokenRule(
        "events of one instant in any order",
        RANDOM_BATCH,
        "int_events_sessionized",
        text(r"(cut_number\s+order by event_ts), event_key", r"\1, md5(event_key)"),
    ),
    BrokenRule(
        "the session id of neighbours is not written again",
        RANDOM_BATCH,
        "fct_events",
        lambda model: deletes_by("intermediate.int_event_copies")(keeps(IN_COPIES)(model)),
    ),
    BrokenRule("sessions that vanished stay", DISPLACED_VISITOR, "fct_sessions", deletes_by()),
    BrokenRule(
        "later sessions keep their numbers",
        NO_LONGER_NEW,
        "fct_sessions",
        text(
            r"numbered\.stored_number is distinct from numbered\.session_number",
            "numbered.stored_number is null",
        ),
    ),
    # Orders.
    BrokenRule(
        "orders of winners alone",
        DISPLACED_ORDER,
        "int_touched_orders",
        sees("intermediate.int_event_copies", "copy_number = 1"),
    ),
    BrokenRule(
        "orders of touched events alone",
        RANDOM_BATCH,
        "int_remade_orders",
        sees("intermediate.int_events_remade"),
    ),
    BrokenRule("orders that vanished stay", DISPLACED_ORDER, "fct_orders", deletes_by()),
    BrokenRule(
        "items of orders that vanished stay", DISPLACED_ORDER, "fct_order_items", deletes_by()
    ),
    BrokenRule("refunds that vanished stay", DISPLACED_KINDS, "fct_refunds", deletes_by()),
    BrokenRule(
        "lines of events that are no order any more stay",
        DISPLACED_KINDS,
        "int_order_lines",
        deletes_by(),
    ),
    BrokenRule(
        "an order's value reaches no session but the event's own",
        ORDER_UPDATED_LATER,
        "int_touched_points",
        sees("intermediate.int_order_events"),
    ),
    # Products.
    BrokenRule(
        "products of winners alone",
        DISPLACED_KINDS,
        "int_touched_products",
        sees("intermediate.int_event_copies", "copy_number = 1"),
    ),
    BrokenRule(
        "interactions that vanished stay", DISPLACED_KINDS, "fct_product_interactions", deletes_by()
    ),
    # Identity.
    BrokenRule(
        "map rows of visitors that vanished stay",
        DISPLACED_VISITOR,
        "map_visitor_person",
        deletes_by(),
    ),
    BrokenRule(
        "evidence that vanished stays", DISPLACED_KINDS, "int_identity_evidence", deletes_by()
    ),
    BrokenRule(
        "a visitor lives on without an event",
        DISPLACED_VISITOR,
        "int_touched_visitors",
        text(r"visitors\.has_winner or found\.visitor_id is not null", "true"),
    ),
    BrokenRule(
        "a log-in moves its own day alone",
        LOG_INS,
        "int_touched_visitor_days",
        text(r"not days\.is_own_user", "false"),
    ),
    BrokenRule(
        "days are found again after a kill, not kept",
        ONE_PERSON_LESS,
        "int_touched_visitor_days",
        forgets,
        dies_after="int_person_days",
    ),
    BrokenRule(
        "persons by the present map alone",
        LOG_INS,
        "int_displaced_persons",
        sees("intermediate.int_person_days"),
    ),
    BrokenRule(
        "persons are found again after a kill, not kept",
        LOG_INS,
        "int_displaced_persons",
        forgets,
        dies_after="int_person_days",
    ),
    BrokenRule(
        "days of visitors that vanished stay", DISPLACED_VISITOR, "int_person_days", deletes_by()
    ),
    BrokenRule("persons that vanished stay", DISPLACED_VISITOR, "dim_persons", deletes_by()),
    # Dates of the marts.
    BrokenRule(
        "dates of touched events alone",
        ONE_PERSON_LESS,
        "int_touched_dates",
        sees("intermediate.int_touched_visitor_days"),
    ),
    BrokenRule(
        "the date on which somebody ceases to be new is left out",
        NO_LONGER_NEW,
        "int_touched_dates",
        sees("core.fct_sessions"),
    ),
    BrokenRule(
        "dates of orders without a visitor are left out",
        ORDER_WITHOUT_VISITOR,
        "int_touched_dates",
        sees("intermediate.int_order_events"),
    ),
    BrokenRule("dates that vanished stay", DISPLACED_BY_BOT, "int_kpi_days", deletes_by()),
    BrokenRule(
        "rolling numbers of touched dates alone",
        NO_LONGER_NEW,
        "int_rolling_dates",
        text(r"range\(30\)", "range(1)"),
    ),
    BrokenRule(
        "rolling numbers a day short of their reach",
        MONTH_LATER,
        "int_rolling_dates",
        text(r"range\(30\)", "range(29)"),
    ),
    BrokenRule(
        "arrivals of the work set alone",
        DISPLACED_VISITOR,
        "int_touched_arrivals",
        sees("intermediate.int_event_copies"),
    ),
    # Funnels.
    BrokenRule(
        "entries of touched dates alone",
        FUNNEL_FROM_THE_DAY_BEFORE,
        "int_funnels",
        text(r"cast\(any_value\(window_s\) // 86400 \+ 1 as integer\)", "0"),
    ),
    BrokenRule(
        "entries of touched persons are left out",
        FUNNEL_FROM_THE_DAY_BEFORE,
        "int_touched_owners",
        sees("intermediate.int_touched_persons"),
    ),
    BrokenRule("entries that vanished stay", DISPLACED_STEP, "fct_funnel_entries", deletes_by()),
    BrokenRule("funnels of dates that vanished stay", DISPLACED_STEP, "funnel_steps", deletes_by()),
)
