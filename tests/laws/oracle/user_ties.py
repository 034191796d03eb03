"""Which users are one person, by the CRM keys and e-mail addresses that they share.

Belongs here: docs/metrics.md, "Identity", as far as it is about users. Not here: who is behind a
visitor (`identity`).
"""

import json
from collections import defaultdict
from typing import Any

from tests.laws.oracle.events import Row, hashed, in_order

TYING_NAMES = {
    "crm": ("crm_id", "crmId", "crm_contact_id", "crmContactId"),
    "email": (
        "email", "email_address", "emailAddress", "user_email", "userEmail", "customer_email",
        "customerEmail",
    ),
}  # fmt: skip
SHARED_ABOVE_USERS = 5
UNTIED_ABOVE_KEYS = 5

# (kind, key_id) of each key.
Key = tuple[str, str]


def user_person(user_id: str) -> str:
    """The person of a user who is tied to no other."""
    return hashed("user", user_id)


def keys_of(event: Row) -> set[Key]:
    """The keys in an event's properties, at the top, in `traits` and in `context.traits`."""
    properties = json.loads(event["properties"] or "{}")
    context = properties.get("context")
    places: list[Any] = [
        properties,
        properties.get("traits"),
        context.get("traits") if isinstance(context, dict) else None,
    ]
    return {
        (kind, hashed(kind, place[name]))
        for place in places
        if isinstance(place, dict)
        for kind, names in TYING_NAMES.items()
        for name in names
        if isinstance(place.get(name), str) and place[name]
    }


class UserTies:
    """The users of a log and what ties them.

    Attributes:
        person_of: user_id -> person, for users tied to others.
        ties: rows (user_id, key_id, tie_kind, tied_at, evidence_event_key).
    """

    def __init__(self, winners: list[Row]) -> None:
        """Find the ties; `winners` in any order."""
        evidence = [
            (event, key)
            for event in sorted(winners, key=in_order)
            if event["user_id"] is not None and event["role"] != "login_failed"
            for key in keys_of(event)
        ]
        users_of: dict[Key, set[str]] = defaultdict(set)
        keys_by_kind: dict[tuple[str, str], set[Key]] = defaultdict(set)
        self._age: dict[str, tuple[Any, ...]] = {}
        for event, key in evidence:
            users_of[key].add(event["user_id"])
            keys_by_kind[event["user_id"], key[0]].add(key)
            self._age.setdefault(event["user_id"], in_order(event))
        first: dict[tuple[str, Key], Row] = {}
        for event, key in evidence:
            user_id = event["user_id"]
            few_users = len(users_of[key]) <= SHARED_ABOVE_USERS
            few_keys = len(keys_by_kind[user_id, key[0]]) <= UNTIED_ABOVE_KEYS
            if few_users and few_keys:
                first.setdefault((user_id, key), event)
        bearers: dict[Key, list[str]] = defaultdict(list)
        for user_id, key in first:
            bearers[key].append(user_id)
        self.ties: list[Row] = [
            {
                "user_id": user_id,
                "key_id": key[1],
                "tie_kind": key[0],
                "tied_at": event["event_ts"],
                "evidence_event_key": event["event_key"],
            }
            for (user_id, key), event in first.items()
            if len(bearers[key]) > 1
        ]
        self.person_of = self._persons([users for users in bearers.values() if len(users) > 1])

    def _persons(self, groups: list[list[str]]) -> dict[str, str]:
        """Users of groups that share one are a component, and the oldest names its person."""
        component: dict[str, set[str]] = {}
        for users in groups:
            joined = set(users).union(*(component.get(user, set()) for user in users))
            for user in joined:
                component[user] = joined
        return {
            user: user_person(min(fellows, key=lambda one: self._age[one]))
            for user, fellows in component.items()
        }

    def person(self, user_id: str) -> str:
        """The person of a user."""
        return self.person_of.get(user_id, user_person(user_id))


def build_user_map(ties: UserTies, gone: set[str]) -> list[Row]:
    """`core.map_user_person`, less the erased persons."""
    return [
        {
            **tie,
            "person_id": ties.person(tie["user_id"]),
            "is_oldest": ties.person(tie["user_id"]) == user_person(tie["user_id"]),
        }
        for tie in ties.ties
        if ties.person(tie["user_id"]) not in gone
    ]


def erased_persons(erasures: list[Row], ties: UserTies) -> set[str]:
    """Persons all of whose users were erased; a visitor's own person with the visitor."""
    erased = {row["user_id"] for row in erasures if row["user_id"] is not None}
    living = {person for user, person in ties.person_of.items() if user not in erased}
    visitors = {hashed("visitor", r["visitor_id"]) for r in erasures if r["visitor_id"] is not None}
    return ({ties.person(user) for user in erased} - living) | visitors
