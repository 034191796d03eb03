"""The rules of visitors who are too fast for a person, each broken on purpose, and who notices.

Belongs here: what is broken, and the histories made for it. Not here: how a rule is broken and
applied (`broken_rules`), nor who is a machine (`test_bot_scenarios`).
"""

from tests.laws.broken_rules import BrokenRule, keeps, sees, text
from tests.laws.histories import Row
from tests.laws.stories import day, event, told, view


def views(names: str, minute: str = "11 10:00", visitor: str = "v", **columns: object) -> list[Row]:
    """Page views within a minute, one a letter, ten seconds apart."""
    return [
        view(name, f"{minute}:{10 * number:02}", visitor, **columns)
        for number, name in enumerate(names)
    ]


IN_CART = event("put", "product_added", "11 15:00", product_id="p")
# Three a minute are a person's; days later a fourth turns up, and all of that date is a machine's.
FAST_LATE = told((day(11), [*views("abc"), IN_CART]), (day(15), views("d")))
# The third is another visitor's by its first copy. Sent again it is this one's.
BY_A_LOSER = told(
    (day(12), [*views("ab"), *views("c", visitor="other"), IN_CART]),
    (day(13), views("c")),
    (day(14), views("d")),
)
SENT_TWICE = told((day(11), [*views("abc"), IN_CART]), (day(12), views("c")), (day(13), views("d")))
# Four things a minute, but not four views.
ORDERS = [
    event(f"o{number}", "order_completed", f"11 10:00:{number:02}", order_id=f"{number}")
    for number in range(4)
]
BUYER = told((day(11), ORDERS), (day(12), views("a")))
TWO_MINUTES = told((day(11), [*views("ab", "11 10:00"), *views("cd", "11 10:01")]))
MIDNIGHT = told((day(12), [*views("abcd", "11 23:59"), *views("e", "12 00:00")]))
KNOWN_AS_FAST = told((day(11), views("abcd")), (day(13), [IN_CART]))
SEEN_AGAIN = told((day(11), views("abcd")), (day(12), views("a")))
# The winner says that it is a machine's, its copy does not.
NOT_OF_ONE_MIND = told((day(11), [*views("abc"), *views("d", is_bot=True)]), (day(12), views("d")))

BROKEN_BOT_RULES = (
    BrokenRule(
        "what came before the view that told stays a person's",
        FAST_LATE,
        "int_newly_fast_events",
        keeps("false"),
    ),
    BrokenRule(
        "what a killed run had stored makes a date known",
        FAST_LATE,
        "int_view_copies",
        text(r"and arrival_date not in \([^)]*\)(?=\s+union all)", ""),
        dies_after="fct_events",
    ),
    BrokenRule(
        "views that are stored are not counted",
        FAST_LATE,
        "int_view_copies",
        sees("core.fct_events"),
    ),
    BrokenRule(
        "views that lost their place are not counted",
        BY_A_LOSER,
        "int_view_copies",
        sees("core.fct_event_duplicates"),
    ),
    BrokenRule(
        "a view that is sent twice counts twice",
        SENT_TWICE,
        "int_fast_visitor_days",
        text(r"(group by visitor_id, event_date, viewed_minute, event_key)", r"\1, arrival_date"),
    ),
    BrokenRule(
        "a date is taken for known by a view that was sent twice",
        SENT_TWICE,
        "int_newly_fast_events",
        text(r"count\(distinct event_key\)", "count(*)"),
    ),
    BrokenRule(
        "as many as a person makes are too many",
        SENT_TWICE,
        "int_fast_visitor_days",
        text(r"max\(numbered\.view_number\) >", "max(numbered.view_number) >="),
    ),
    BrokenRule(
        "a minute with just too many is not looked at",
        FAST_LATE,
        "int_fast_visitor_days",
        text(r"having count\(\*\) >", "having count(*) > 1 +"),
    ),
    BrokenRule(
        "orders of this run count as views",
        BUYER,
        "int_view_copies",
        text(r"events\.role in \('page_view', 'product_view'\)", "true"),
    ),
    BrokenRule(
        "stored orders count as views",
        BUYER,
        "int_view_copies",
        text(r"(?<=where )role in \('page_view', 'product_view'\)", "true"),
    ),
    BrokenRule(
        "views of an hour are a minute's",
        TWO_MINUTES,
        "int_view_copies",
        text(r"'minute'(?=, events)", "'hour'"),
    ),
    BrokenRule(
        "all dates of a visitor are a machine's",
        MIDNIGHT,
        "int_event_copies",
        text(r"and copies\.event_date = fast\.event_date", ""),
    ),
    BrokenRule(
        "only dates with a view in the run are asked for",
        KNOWN_AS_FAST,
        "int_event_copies",
        sees(
            "intermediate.int_fast_visitor_days",
            "(visitor_id, event_date) in"
            " (select (visitor_id, event_date) from intermediate.int_view_copies)",
        ),
    ),
    BrokenRule(
        "what the pace made of a winner is what it said itself",
        SEEN_AGAIN,
        "int_event_copies",
        text(r"replace \(is_declared_bot as is_bot\)", ""),
    ),
    BrokenRule(
        "copies agree by what the pace made of them",
        NOT_OF_ONE_MIND,
        "fct_event_duplicates",
        text(r"replace \(is_declared_bot as is_bot\)(?=\s+from \S+\s+where copy_number > 1)", ""),
    ),
)
