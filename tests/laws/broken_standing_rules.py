"""The rules of where persons stand, each broken on purpose, and who notices.

Belongs here: what is broken in `int_person_standing`, and the histories made for it. Not here: how
a rule is broken and applied (`broken_rules`).
"""

from decimal import Decimal

from tests.laws.broken_engagement_rules import says
from tests.laws.broken_rules import BrokenRule, text
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

_MODEL = "int_person_standing"

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
)  # fmt: skip
