"""The rules of who is one person, and of erasure, each broken on purpose.

Belongs here: rules about users, keys and erased identifiers, in the form of `broken_rules`. Not
here: log-ins on devices, and days that move (`broken_rules`), nor the histories
(`noticing_identity`).
"""

from tests.laws.broken_rules import BrokenRule, deletes_by, forgets, keeps, sees, text
from tests.laws.noticing_identity import (
    ADDRESS_OF_AN_OFFICE,
    AGE_BY_ANOTHER_KEY,
    AGENT_NO_MORE,
    CHAIN_LOSES_ITS_OLDEST,
    ERASED,
    ERASED_IN_PART,
    FIVE_USERS,
    LONG_CHAIN,
    REFUSED,
    TIED_LATE,
    UNTIED,
)

BROKEN_IDENTITY_RULES = (
    # Which users are looked at.
    BrokenRule("keys of winners alone", UNTIED, "int_key_copies", keeps("copy_number = 1")),
    BrokenRule(
        "who bore a touched key before is left out",
        TIED_LATE,
        "int_touched_users",
        text(
            r"union\s+select user_id\s+from \S*int_key_evidence\S*\s+where key_id in "
            r"\(select key_id from keys\)",
            "",
        ),
    ),
    BrokenRule(
        "other keys of a touched user are left out",
        AGENT_NO_MORE,
        "int_touched_users",
        text(
            r"union\s+select key_id\s+from \S*int_key_evidence\S*\s+where user_id in "
            r"\(select user_id from named\)",
            "",
        ),
    ),
    BrokenRule(
        "the rest of a component is left out",
        CHAIN_LOSES_ITS_OLDEST,
        "int_touched_users",
        text(r"union\s+select user_id from fellows", ""),
    ),
    # What ties them.
    BrokenRule(
        "users of a key counted among the touched alone",
        ADDRESS_OF_AN_OFFICE,
        "int_ties_found",
        text(
            r"where key_id in \(select key_id from of_users\)",
            "where user_id in (select user_id from of_users)",
        ),
    ),
    BrokenRule(
        "a key of six users ties them",
        FIVE_USERS,
        "int_ties_found",
        text(r"between 2 and 5", "between 2 and 6"),
    ),
    BrokenRule(
        "a user of six keys is tied",
        ADDRESS_OF_AN_OFFICE,
        "int_ties_found",
        text(r"count\(distinct key_id\) <= 5", "count(distinct key_id) <= 6"),
    ),
    BrokenRule(
        "an attempt that was refused is evidence",
        REFUSED,
        "int_key_copies",
        text(r"role is distinct from 'login_failed'", "true"),
    ),
    BrokenRule(
        "a user is as old as its tie",
        AGE_BY_ANOTHER_KEY,
        "int_ties_found",
        text(r"ages\.user_order,", "bearers.first_order as user_order,"),
    ),
    BrokenRule(
        "labels are passed on once",
        LONG_CHAIN,
        "int_users_tied",
        text(r"exists \(select 1 from changed\)", "labels.round < 1"),
    ),
    # What vanishes.
    BrokenRule("keys that vanished stay", UNTIED, "int_key_evidence", deletes_by()),
    BrokenRule("users who came apart stay tied", UNTIED, "int_users_tied", deletes_by()),
    BrokenRule("links that vanished stay", UNTIED, "map_user_person", deletes_by()),
    # What moves.
    BrokenRule("a key moves no past", TIED_LATE, "int_relabelled_users", keeps("false")),
    BrokenRule(
        "who a user was is found again after a kill, not kept",
        TIED_LATE,
        "int_touched_users",
        forgets,
        dies_after="int_users_tied",
    ),
    BrokenRule(
        "a key moves no device",
        TIED_LATE,
        "int_touched_visitors",
        sees("intermediate.int_relabelled_users"),
    ),
    BrokenRule(
        "a key does not move a user who is a visitor itself",
        TIED_LATE,
        "int_touched_visitors",
        sees("core.map_visitor_person"),
    ),
    BrokenRule(
        "a key does not move what users did under their own names",
        TIED_LATE,
        "int_touched_visitor_days",
        sees("intermediate.int_relabelled_users"),
    ),
    # Erasure.
    BrokenRule(
        "an erasure waits for the next event of a visitor",
        ERASED,
        "int_touched_visitors",
        sees("intermediate.int_touched_identifiers"),
    ),
    BrokenRule(
        "an erasure waits for the next event of a person",
        ERASED,
        "int_touched_subjects",
        sees("intermediate.int_touched_identifiers"),
    ),
    BrokenRule(
        "an erasure waits for the next key of a user",
        ERASED,
        "int_touched_users",
        sees("intermediate.int_touched_identifiers"),
    ),
    BrokenRule(
        "erasures are found again after a kill, not kept",
        ERASED,
        "int_touched_identifiers",
        forgets,
        dies_after="int_erased_identifiers",
    ),
    BrokenRule(
        "a person is gone with the first of its users",
        ERASED_IN_PART,
        "int_erased_persons",
        text(
            r"where user_id not in \(select user_id from identifiers where user_id is not null\)",
            "where false",
        ),
    ),
    BrokenRule(
        "the erased are customers",
        ERASED,
        "customer_360",
        sees("intermediate.int_erased_persons"),
    ),
)
