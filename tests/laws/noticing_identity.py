"""Histories that notice a broken rule of who is one person: told ones, each for a rule or two.

Belongs here: the histories. Not here: the rules (`broken_identity_rules`), log-ins on devices
(`noticing`), nor what the tables hold at the end (`test_identity_scenarios`).
"""

import json

from tests.laws.histories import Row
from tests.laws.oracle.events import hashed
from tests.laws.stories import day, event, told, view


def profile(event_id: str, when: str, user: str, visitor: str | None = None, **keys: str) -> Row:
    """What the CRM says of a user: its keys."""
    return event(event_id, "profile_updated", when, visitor, user_id=user,
                 properties=json.dumps(keys))  # fmt: skip


def seen(event_id: str, when: str, user: str, visitor: str | None) -> Row:
    """A page view of a user who is logged in."""
    return view(event_id, when, visitor, user_id=user)


BOTH_AT_HOME = [
    seen("a", "11 10:00", "ann", "phone"), view("b", "11 11:00", "phone"),
    seen("c", "11 10:00", "bob", "desk"), view("d", "11 11:00", "desk"),
]  # fmt: skip
# Two users, each on a device and in the CRM's log; days later the older shows the younger one's
# key. The younger was on a tablet as well, never without its name.
TIED_LATE = told(
    (day(11), [*BOTH_AT_HOME, seen("t", "10 10:00", "ann", "tablet"),
               profile("o", "11 09:00", "bob", email="b"),
               profile("p", "11 12:00", "ann", crm_id="k")]),
    (day(15), [profile("q", "15 12:00", "bob", crm_id="k")]),
)  # fmt: skip
# … and somebody else turns out to have shown it.
UNTIED = told(
    (day(12), [*BOTH_AT_HOME, profile("p", "11 12:00", "ann", crm_id="k"),
               profile("q", "11 12:00", "bob", crm_id="k")]),
    (day(11), [view("q", "11 12:00", "bob")]),
)  # fmt: skip
CHAIN = [
    profile("a", "11 10:00", "u1", crm_id="k"), profile("b", "11 11:00", "u2", crm_id="k"),
    profile("c", "11 11:10", "u2", email="m"), profile("d", "11 12:00", "u3", email="m"),
    profile("e", "11 12:10", "u3", crm_id="n"), profile("f", "11 13:00", "u4", crm_id="n"),
]  # fmt: skip
# The oldest of a chain leaves it: those at its far end are named by another from then.
CHAIN_LOSES_ITS_OLDEST = told((day(12), CHAIN), (day(11), [view("a", "11 10:00", "other")]))
LONG_CHAIN = told(
    (day(11), [
        profile(f"{n}{side}", f"11 {(7 * n) % 24:02}:{n:02}", f"u{n + side}", crm_id=f"k{n}")
        for n in range(20) for side in (0, 1)
    ]),
)  # fmt: skip
SIX_KEYS = [profile(f"k{n}", f"11 10:0{n}", "agent", crm_id=f"k{n}") for n in range(6)]
# A user of six keys is tied to nobody, until one of them turns out to be none of its.
AGENT_NO_MORE = told(
    (day(12), [*SIX_KEYS, profile("w", "11 12:00", "will", crm_id="k1")]),
    (day(11), [view("k5", "11 10:05", "other")]),
)
SIX_USERS = [
    profile(f"s{n}", f"11 11:0{n}", name, email="office")
    for n, name in enumerate(("will", "xena", "u3", "u4", "u5", "u6"))
]
# Two customers of an agent share an address with four others: it ties nobody, whoever is looked at.
ADDRESS_OF_AN_OFFICE = told(
    (day(11), [*SIX_KEYS, *SIX_USERS, profile("w", "11 12:00", "will", crm_id="k0"),
               profile("x", "11 12:00", "xena", crm_id="k1")]),
    (day(12), [profile("l", "12 10:00", "agent", crm_id="k0")]),
)  # fmt: skip
FIVE_USERS = told(
    (day(11), SIX_USERS[:5]), (day(12), SIX_USERS[5:]), (day(13), [view("a", "13 10:00")])
)
REFUSED = told(
    (day(11), [
        profile("p", "11 12:00", "ann", email="m"),
        event("f", "login_failed", "11 13:00", "phone", user_id="bob",
              properties=json.dumps({"email": "m"})),
    ]),
)  # fmt: skip
# The first key of a user makes its age, though the one that ties it comes later.
AGE_BY_ANOTHER_KEY = told(
    (day(11), [
        profile("a", "11 10:00", "zoe", email="m"), profile("b", "11 11:00", "ann", crm_id="k"),
        profile("c", "11 12:00", "zoe", crm_id="k"),
    ]),
)  # fmt: skip

WHOLE_PERSON = [
    *BOTH_AT_HOME, profile("p", "11 12:00", "ann", crm_id="k"),
    profile("q", "11 12:00", "bob", crm_id="k"), view("v", "11 10:00", "lone"),
]  # fmt: skip
# A person of two users and a device of one's own are erased, while something else happens.
ERASED = told(
    (day(11), WHOLE_PERSON),
    (day(12), [view("e", "12 10:00", "other")]),
    erasures=[(1, "user_id", "ann"), (1, "user_id", "bob"),
              (1, "visitor_id", hashed("anonymous", "lone"))],
)  # fmt: skip
ERASED_IN_PART = told(
    (day(11), WHOLE_PERSON),
    (day(12), [view("e", "12 10:00", "other")]),
    erasures=[(1, "user_id", "ann")],
)
