"""The rules of where persons stand, each broken on purpose, and who notices.

Belongs here: what is broken in `int_person_standing`, and the histories made for it. Not here: how
a rule is broken and applied (`broken_rules`).
"""

import json
from decimal import Decimal

from tests.laws.broken_engagement_rules import says
from tests.laws.broken_rules import BrokenRule, deletes_by, sees, text
from tests.laws.broken_trigger_rules import bags, put
from tests.laws.experiment_blocks import met
from tests.laws.histories import History, Row
from tests.laws.stories import Step, day, event, exposure, told, view


def review(event_id: str, when: str, said: str, **columns: object) -> Row:
    """A review of a product, by the text of its properties."""
    return event(event_id, "product_reviewed", when, product_id="p", properties=said, **columns)


def _some_person(*steps: Step) -> tuple[Step, ...]:
    # What stands alone has no row: a person has an event that is no bot's.
    return ((day(11), [view("seen", "11 09:00")]), *steps)


REVIEWED = told(
    *_some_person(
        (day(12), [
            review("a", "12 10:00", '{"rating": 4}'),
            review("b", "12 10:01", '{"rating": 1}', is_bot=True),
            review("c", "12 10:02", '{"rating": 9}'),
        ]),
    )
)  # fmt: skip


def _two_carts(**of_the_later: object) -> History:
    """A cart is ordered, and another one opened after it."""
    ordered = event("o", "order_completed", "12 10:10", order_id="1", revenue=Decimal(5))
    later = put("b", "12 10:20", "7", **of_the_later)
    return told(*_some_person((day(12), [put("a", "12 10:00", "5"), ordered, later])))


TWO_CARTS = _two_carts()
CART_OF_A_BOT = _two_carts(is_bot=True)
WITHDRAWN = told(
    *_some_person(
        (day(11), [says("a", "11 10:00", {"ads": True, "statistics": True})]),
        (day(12), [says("b", "12 10:00", {"ads": False})]),
    )
)
# One experiment is over, of another several variants were met.
EXPERIMENTS = told(
    *_some_person(
        (day(11), [
            exposure("a", "11 10:00", "blue"),
            event("b", "experiment_viewed", "11 10:01", properties=met("y", "one")),
            event("c", "experiment_viewed", "11 10:02", properties=met("y", "two")),
        ]),
    )
)  # fmt: skip
LONG_AGO = told((day(1), [exposure("a", "01 10:00", "blue")]), (day(30), [view("b", "30 10:00")]))
FIRED_TWICE = told(
    *_some_person((day(12), bags("12 10", "p1", "p2")), (day(14), bags("14 10", "p3", "p4")))
)


def known_as(event_id: str, when: str, user: str, **said: object) -> Row:
    """What the CRM says of a user."""
    return event(event_id, "profile_updated", when, None, user_id=user, properties=json.dumps(said))


# A group that changes, one that is taken back, and names of no group.
IN_GROUPS = told(
    *_some_person(
        (day(12), [
            known_as("a", "12 10:00", "u", plan="free", tier="gold", town="Ulm"),
            known_as("b", "12 11:00", "u", plan="paid", tier=None, segment="x" * 101),
            known_as("c", "12 12:00", "w", segment={"of": "three"}),
        ]),
    )
)  # fmt: skip
GROUP_OF_A_BOT = told(*_some_person((day(12), [
    known_as("a", "12 10:00", "u", plan="free"),
    known_as("b", "12 11:00", "u", plan="paid") | {"is_bot": True},
])))  # fmt: skip
DISPLACED_GROUP = told(
    (day(12), [known_as("a", "11 10:00", "u", plan="free"), view("b", "11 10:00", user_id="u")]),
    (day(11), [view("a", "11 10:00")]),
)
# What a CRM says of two users whom a key later makes one person.
GROUPS_OF_TWO = told(
    (day(11), [known_as("a", "11 10:00", "u", plan="free"), view("s", "11 10:00", user_id="u")]),
    (day(12), [known_as("b", "12 10:00", "w", plan="paid"), view("t", "12 10:00", user_id="w")]),
    (day(14), [
        known_as("c", "14 10:00", "u", crm_id="k"), known_as("d", "14 10:00", "w", crm_id="k"),
    ]),
)  # fmt: skip

_MODEL = "int_person_standing"
_ATTRIBUTES = "int_person_attributes"

BROKEN_STANDING_RULES = (
    BrokenRule("machines review", REVIEWED, _MODEL, text(r"rating is not null and not is_bot",
                                                         "rating is not null")),
    BrokenRule("reviews without stars count", REVIEWED, _MODEL,
               text(r"rating is not null and not is_bot", "not is_bot")),
    BrokenRule("the first cart stands", TWO_CARTS, _MODEL,
               text(r"opened_at desc, cart_key desc", "opened_at, cart_key desc")),
    BrokenRule("machines have carts", CART_OF_A_BOT, _MODEL,
               text(r"where not is_bot\s+\)", "where true)")),
    BrokenRule("who withdrew agrees", WITHDRAWN, _MODEL, text(r"where is_granted", "where true")),
    BrokenRule("who met two variants is of one", EXPERIMENTS, _MODEL,
               text(r"and not is_contaminated", "")),
    BrokenRule("experiments go on for a day more", LONG_AGO, _MODEL,
               text(r"as_of_date - 28", "as_of_date - 29")),
    BrokenRule("the time of the last firing is the first", FIRED_TWICE, _MODEL,
               text(r"max\(fired_at\)", "min(fired_at)")),
    BrokenRule("a customer's first group stays", IN_GROUPS, _MODEL,
               text(r"order by statement_order desc", "order by statement_order")),
    BrokenRule("who left a group is in it", IN_GROUPS, _ATTRIBUTES,
               text(r"max\(nullif\(said, ''\)\)", "coalesce(max(said), 'none')")),
    BrokenRule("long texts are groups", IN_GROUPS, _ATTRIBUTES, text(r"<= 100", "<= 101")),
    BrokenRule("objects are groups", IN_GROUPS, _ATTRIBUTES,
               text(r"json_kind not in \('OBJECT', 'ARRAY'\)", "json_kind <> ''")),
    BrokenRule("machines are customers", GROUP_OF_A_BOT, _ATTRIBUTES, text(r"and not is_bot", "")),
    BrokenRule("groups that vanished stay", DISPLACED_GROUP, _ATTRIBUTES, deletes_by()),
    BrokenRule("a group stays with the person that a user was", GROUPS_OF_TWO, _ATTRIBUTES,
               sees("intermediate.int_touched_visitor_days",
                    "report_date in (select report_date from intermediate.int_touched_points)")),
)  # fmt: skip
