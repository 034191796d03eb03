"""Who a person is to the warehouse: from one identifier to all that is theirs alone.

Here: reading it from the published names of `core` (`fct_events`, `map_visitor_person`), read only.
Not here: clear identifiers (the vault has those), and what is done to the person (`erasure`,
`person_export`).

An identifier is the person's alone where no event of anybody else bears it; who was erased is
nobody any more. A visitor whose time without a log-in is nobody's, and that only this person logged
in on, is the person's with that time: who else would it be.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import duckdb

from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.vault import PREFIXES, PSEUDONYM

_KIND_OF: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
_COLUMNS: Final = f"""
    event_key, visitor_id, user_id, anonymous_id, device_id, event_ts,
    case when regexp_matches(properties, '"{PSEUDONYM}"')
        then regexp_extract_all(properties, '"({PSEUDONYM})"', 1) end as inside
"""


class SeveralPersonsError(FootfallError):
    """An identifier is tied to several persons."""


@dataclass(frozen=True)
class Person:
    """What the warehouse ties to an identifier.

    Attributes:
        person_ids: the person, and the visitors' own ones that turn out to be theirs; empty where
            the warehouse has no event that bears the identifier.
        user_ids: pseudonyms of the person's users.
        visitor_ids: visitors that are the person's alone.
        pseudonyms: of every identifier, of any kind, that is the person's alone.
        shared: pseudonyms that events of others bear too.
    """

    person_ids: tuple[str, ...]
    user_ids: tuple[str, ...]
    visitor_ids: tuple[str, ...]
    pseudonyms: tuple[str, ...]
    shared: tuple[str, ...]


def find_person(
    con: duckdb.DuckDBPyConnection, pseudonym: str, gone: Collection[str] = ()
) -> Person:
    """Find the person behind an identifier.

    Makes temporary tables on the connection, which `person_export` goes on from: `events_of_person`
    (event_key), and `bearing` (every copy of every event with its person).

    Args:
        con: the warehouse, open.
        pseudonym: of the identifier.
        gone: ids of persons who were erased: they are nobody, with whom nothing is shared.

    Returns:
        The person; with `pseudonym` alone where no event bears it.

    Raises:
        SeveralPersonsError: it is tied to more than one known person.
    """
    con.execute("create or replace temp table gone as select unnest(?::varchar[]) as person_id",
                [sorted(gone)])  # fmt: skip
    _number_persons(con)
    known, own = _persons_of(con, pseudonym)
    if len(known) > 1:
        kind = _KIND_OF[pseudonym[:2]]
        raise SeveralPersonsError(
            f"this {kind} identifier is tied to {len(known)} persons, so it says nothing about one "
            "of them; name the person by a user id"
        )
    # An address is the same person's wherever it stands; a device may have other visitors.
    person = known + own if not known or pseudonym.startswith(PREFIXES["email"]) else known
    con.execute("create or replace temp table persons as select unnest(?::varchar[]) as person_id",
                [person])  # fmt: skip
    # A visitor of the person that is nobody else's: its own time without a log-in comes along.
    con.execute(
        """
        create or replace temp table visitors as
        select visitor_id
        from bearing
        where visitor_id in (
            select visitor_id from bearing where person_id in (from persons)
        )
        group by visitor_id
        having bool_and(person_id in (from persons) or not is_known)
        """
    )
    con.execute(
        "insert into persons select distinct person_id from bearing "
        "where visitor_id in (from visitors) and person_id not in (from persons) "
        "and person_id not in (from gone)"
    )
    con.execute(
        "create or replace temp table events_of_person as select distinct event_key "
        "from bearing where person_id in (from persons)"
    )
    return _gather(con, pseudonym)


def _number_persons(con: duckdb.DuckDBPyConnection) -> None:
    """Make `bearing`: every copy of every event with its person; an own user id wins."""
    tied = "(select null::varchar as user_id, null::varchar as person_id limit 0)"
    if con.execute(
        "select 1 from duckdb_tables() where schema_name = 'core' "
        "and table_name = 'map_user_person'"
    ).fetchone():
        tied = "(select distinct user_id, person_id from core.map_user_person)"
    con.execute(
        f"""
        create or replace temp table bearing as
        with copies as (
            select {_COLUMNS} from core.fct_events
            union all
            select {_COLUMNS} from core.fct_event_duplicates
        ),
        labelled as (
            select
                copies.*,
                case
                    when copies.user_id is not null
                        then coalesce(tied.person_id, md5('user' || chr(31) || copies.user_id))
                    else map.person_id
                end as person_id,
                copies.user_id is not null
                or map.person_id <> md5('visitor' || chr(31) || copies.visitor_id) as is_tied
            from copies
            left join {tied} as tied on copies.user_id = tied.user_id
            left join core.map_visitor_person as map
                on copies.visitor_id = map.visitor_id
                and copies.event_ts >= map.valid_from
                and copies.event_ts < map.valid_to
        )
        select
            * exclude (is_tied),
            coalesce(is_tied and person_id not in (from gone), false) as is_known
        from labelled
        """
    )


def _persons_of(con: duckdb.DuckDBPyConnection, pseudonym: str) -> tuple[list[str], list[str]]:
    """(known persons, visitors' own ones) of the events that bear an identifier."""
    rows = con.execute(
        """
        select distinct person_id, is_known
        from bearing
        where person_id is not null
            and (user_id = $1 or anonymous_id = $1 or device_id = $1 or list_contains(inside, $1))
            -- A user is who they are; others only mention them.
            and (not starts_with($1, 'u_') or user_id = $1)
        order by all
        """,
        [pseudonym],
    ).fetchall()
    known = [person for person, is_known in rows if is_known]
    return known, [person for person, is_known in rows if not is_known]


def _gather(con: duckdb.DuckDBPyConnection, pseudonym: str) -> Person:
    def column(sql: str) -> list[str]:
        return [value for (value,) in con.execute(sql).fetchall() if value is not None]

    users = column(
        "select distinct user_id from bearing where person_id in (from persons) order by 1"
    )
    borne = _borne(con, "person_id in (from persons)")
    # A user whom the person's events only mention (a friend, a referrer) is somebody else.
    borne = {one for one in borne if not one.startswith("u_") or one in users}
    elsewhere = _borne_elsewhere(con, borne)
    alone = (borne - elsewhere) | {pseudonym, *users}
    return Person(
        person_ids=tuple(column("select person_id from persons order by 1")),
        user_ids=tuple(users),
        visitor_ids=tuple(column("select visitor_id from visitors order by 1")),
        pseudonyms=tuple(sorted(alone)),
        shared=tuple(sorted(borne - alone)),
    )


def _borne(con: duckdb.DuckDBPyConnection, condition: str) -> set[str]:
    """Every pseudonym in events, in columns and in properties."""
    rows = con.execute(
        f"""
        select distinct unnest(
            [user_id, anonymous_id, device_id] || coalesce(inside, []::varchar[])
        )
        from bearing
        where {condition}
        """
    ).fetchall()
    return {value for (value,) in rows if value is not None}


def _borne_elsewhere(con: duckdb.DuckDBPyConnection, of: Iterable[str]) -> set[str]:
    """Those of some pseudonyms that events of others bear."""
    con.execute("create or replace temp table candidates as select unnest(?::varchar[]) as one",
                [sorted(of)])  # fmt: skip
    # An event of nobody (a mailing that knows the address alone) is not somebody else's.
    others = "person_id not in (from persons) and person_id not in (from gone)"
    rows = con.execute(
        f"""
        select one from candidates
        where one in (select user_id from bearing where {others} and user_id is not null)
            or one in (select anonymous_id from bearing where {others} and anonymous_id is not null)
            or one in (select device_id from bearing where {others} and device_id is not null)
            or one in (
                select unnest(inside) from bearing where {others} and inside is not null
            )
        """
    ).fetchall()
    return {one for (one,) in rows}
