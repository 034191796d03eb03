"""Ties of users in the oracle: hand-made rows, components worked out from docs/metrics.md."""

import hashlib
import json
from datetime import datetime, timedelta

import pytest

from tests.laws.log_rows import log_row
from tests.laws.oracle.user_ties import UserTies, erased_persons, keys_of

NOON = datetime(2026, 3, 2, 12)
HOUR = timedelta(hours=1)


def md5(*parts):
    return hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


def shown(event_id, at, user, **keys):
    row = log_row(event_id, "profile_updated", at, user_id=user, properties=json.dumps(keys))
    return row | {"event_key": md5("web", event_id, "2026-03-02"), "role": "profile"}


def persons(*rows):
    return UserTies(list(rows)).person_of


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"crm_id": "a"}, {("crm", md5("crm", "a"))}),
        ({"crmId": "a", "email": "a"}, {("crm", md5("crm", "a")), ("email", md5("email", "a"))}),
        ({"traits": {"userEmail": "b"}}, {("email", md5("email", "b"))}),
        ({"context": {"traits": {"crm_contact_id": "c"}}}, {("crm", md5("crm", "c"))}),
        ({"email": "a", "traits": {"email": "a"}}, {("email", md5("email", "a"))}),
        ({"recipient": "a", "billing_email": "b", "context": {"email": "c"}}, set()),
        ({"email": "", "crm_id": 7, "traits": ["email"], "context": None}, set()),
    ],
)
def test_keys_are_texts_under_their_names_at_three_places(properties, found):
    assert keys_of({"properties": json.dumps(properties)}) == found


def test_users_of_one_key_are_the_person_of_the_oldest():
    assert persons(
        shown("1", NOON + HOUR, "young", email="m"), shown("2", NOON, "old", email="m")
    ) == {"young": md5("user", "old"), "old": md5("user", "old")}


def test_of_two_users_of_one_instant_the_one_whose_event_key_is_less_is_older():
    first, second = sorted("12", key=lambda n: md5("web", n, "2026-03-02"))
    tied = persons(shown(first, NOON, "b", crm_id="k"), shown(second, NOON, "a", crm_id="k"))
    assert set(tied.values()) == {md5("user", "b")}


def test_ties_are_transitive_whatever_order_they_come_in():
    assert set(
        persons(
            shown("1", NOON, "a", email="m"),
            shown("2", NOON + HOUR, "d", crm_id="k"),
            shown("3", NOON + 2 * HOUR, "b", email="m"),
            shown("4", NOON + 3 * HOUR, "b", crm_id="l"),
            shown("5", NOON + 4 * HOUR, "c", crm_id="l"),
            shown("6", NOON + 5 * HOUR, "c", crm_id="k"),
        ).items()
    ) == {(user, md5("user", "a")) for user in "abcd"}


def test_a_key_of_six_users_and_a_user_of_six_keys_tie_nobody():
    five = [shown(str(n), NOON + n * HOUR, f"u{n}", email="m") for n in range(5)]
    assert len(persons(*five)) == 5
    assert persons(*five, shown("5", NOON, "u5", email="m")) == {}
    keys = [shown(str(n), NOON, "agent", crm_id=f"k{n}") for n in range(6)]
    own = shown("x", NOON, "u", crm_id="k0")
    assert set(persons(*keys[:5], own)) == {"agent", "u"}
    assert persons(*keys, own) == {}


def test_a_user_of_six_keys_of_one_kind_is_tied_by_the_other_kind():
    keys = [shown(str(n), NOON, "agent", crm_id=f"k{n}") for n in range(6)]
    mail = [shown("m", NOON, "agent", email="m"), shown("n", NOON, "u", email="m")]
    assert set(persons(*keys, *mail)) == {"agent", "u"}


def test_a_link_names_the_first_event_of_its_user_and_key():
    ties = UserTies([
        shown("2", NOON + HOUR, "a", email="m"), shown("1", NOON, "a", email="m"),
        shown("3", NOON, "b", email="m"), shown("4", NOON, "b", email="alone"),
    ]).ties  # fmt: skip
    assert {(t["user_id"], t["evidence_event_key"], t["tied_at"]) for t in ties} == {
        ("a", md5("web", "1", "2026-03-02"), NOON),
        ("b", md5("web", "3", "2026-03-02"), NOON),
    }


def test_a_person_is_erased_with_the_last_of_its_users_and_a_visitor_with_itself():
    ties = UserTies([shown("1", NOON, "a", email="m"), shown("2", NOON + HOUR, "b", email="m")])

    def gone(*names):
        rows = [{"visitor_id": None, "user_id": None, kind: value} for kind, value in names]
        return erased_persons(rows, ties)

    assert gone(("user_id", "a")) == set()
    assert gone(("user_id", "a"), ("user_id", "b")) == {md5("user", "a")}
    assert gone(("user_id", "alone")) == {md5("user", "alone")}
    assert gone(("visitor_id", "v")) == {md5("visitor", "v")}
