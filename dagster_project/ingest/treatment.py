"""Treatment: from the contract's accepted rows to rows of the log, without personal data in clear.

Here: event ids where the source gives none, pseudonyms for the identifiers of persons, network
addresses and user agents cut down, query strings removed, e-mail addresses blanked, a source's
defaults filled in. `properties` has a module of its own. Which rows are accepted is the contract's
business, and where the treated rows go is `batch`'s.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import duckdb
import pyarrow as pa

from dagster_project.ingest.config_consent import ConsentSettings
from dagster_project.ingest.treatment_properties import make_pseudonym_map, treat_properties
from dagster_project.ingest.user_agents import reduce_agent
from dagster_project.ingest.vault import Vault
from expectations.contract import LOG_COLUMNS, Registry, blank_emails_sql, blanked_columns

TREATED: Final = "treated"
COPIES: Final = "row_copies"
# Parameters by which a click of an advertisement is known; the kind is kept, the id is not.
CLICK_IDS: Final = (
    "gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id",
    "yclid",
)  # fmt: skip

_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"({_OCTET}\.){{3}}{_OCTET}"
_AGENT_COLUMNS: Final = ("device_type", "os", "browser")
_UTM: Final = ("utm_source", "utm_medium", "utm_campaign")
_INNER_BYTE, _OUTER_BYTE = 0x36, 0x5C


class SourceTreatment(Protocol):
    """What the treatment needs to know of a source; `SourceSettings` has it."""

    @property
    def id_space(self) -> str | None:
        """Space of anonymous and device ids; the source's name where null."""

    @property
    def user_id_space(self) -> str:
        """Space of user ids."""

    @property
    def identical_rows(self) -> str:
        """`one` or `keep`."""

    @property
    def currency(self) -> str | None:
        """Currency of rows that state none."""

    @property
    def consent(self) -> ConsentSettings:
        """Consent of rows that state none, and what rows need."""


def treat(
    con: duckdb.DuckDBPyConnection,
    split_relation: str,
    *,
    sources: Mapping[str, SourceTreatment],
    registry: Registry,
    vault: Vault,
    junk: Iterable[str],
) -> str:
    """Make the table `treated` of the accepted rows, with exactly LOG_COLUMNS.

    Args:
        con: where the split is, and `row_copies`; see `number_copies`.
        split_relation: a table with SPLIT_COLUMNS; rows with reasons are left out.
        sources: the settings of every source in the split, by name.
        registry: the contract.
        vault: gives pseudonyms, which are on disk when this returns.
        junk: values that are no identifiers, in any case of letters.

    Returns:
        The table's name.

    Raises:
        VaultError: the vault cannot be read or written.
    """
    junk_values = sorted({value.strip().lower() for value in junk})
    register_sources(con, sources)
    con.execute(
        f"""
        create or replace temp view accepted as
        select rowid as row_number, * exclude (reasons, read_error)
        from {split_relation}
        where len(reasons) = 0
        """
    )
    _map_identifiers(con, vault, junk_values)
    _map_agents(con)
    _map_addresses(con)
    _make_event_ids(con, vault)
    treat_properties(con, "accepted", registry=registry, vault=vault, junk=junk_values)
    con.execute(f"create or replace table {TREATED} as {_treated_sql(registry)}")
    con.execute("drop view accepted")
    for table in ("identifiers", "agents", "networks", "event_ids"):
        con.execute(f"drop table {table}")
    con.execute("drop table treated_properties")
    return TREATED


def register_sources(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, SourceTreatment]
) -> None:
    """Make the table `source_settings`: spaces and defaults of every source, by its name."""
    con.execute(
        "create or replace temp table source_settings (source varchar, user_space varchar, "
        "device_space varchar, currency varchar, consent varchar)"
    )
    for name, source in sources.items():
        con.execute(
            "insert into source_settings values (?, ?, ?, ?, ?)",
            [
                name,
                source.user_id_space,
                source.id_space or name,
                source.currency,
                source.consent.default,
            ],
        )


def _map_identifiers(con: duckdb.DuckDBPyConnection, vault: Vault, junk: list[str]) -> None:
    """Make `identifiers` (kind, space, value, pseudonym) of the ids that are not junk."""
    con.execute("set variable junk = ?", [["", *junk]])
    found = " union all ".join(
        f"""
        select '{kind}' as kind, {space} as space, value
        from (select distinct source, trim({kind}_id) as value from accepted)
        join source_settings using (source)
        where not list_contains(getvariable('junk'), lower(value))
        """
        for kind, space in (
            ("user", "user_space"),
            ("anonymous", "device_space"),
            ("device", "device_space"),
        )
    )
    con.execute(f"create or replace temp table identifier_values as {found}")
    make_pseudonym_map(con, "identifiers", "identifier_values", vault)
    con.execute("drop table identifier_values")


def _map_agents(con: duckdb.DuckDBPyConnection) -> None:
    """Make `agents` (user_agent and what is kept of it)."""
    given = _distinct(con, "select distinct user_agent from accepted where user_agent is not null")
    agents = [reduce_agent(text) for text in given]
    table = pa.table(
        {
            "user_agent": pa.array(given, pa.string()),
            "family": pa.array([agent.family for agent in agents], pa.string()),
            "os": pa.array([agent.os for agent in agents], pa.string()),
            "browser": pa.array([agent.browser for agent in agents], pa.string()),
            "device_type": pa.array([agent.device_type for agent in agents], pa.string()),
            "is_bot": pa.array([agent.is_bot for agent in agents], pa.bool_()),
        }
    )
    _make_table(con, "agents", table)


def _map_addresses(con: duckdb.DuckDBPyConnection) -> None:
    """Make `networks` (ip, network) of addresses that are not plain IPv4, which SQL cuts itself."""
    given = _distinct(con, "select distinct ip from accepted where contains(ip, ':')")
    table = pa.table(
        {
            "ip": pa.array(given, pa.string()),
            "network": pa.array([truncate_address(ip) for ip in given], pa.string()),
        }
    )
    _make_table(con, "networks", table)


def truncate_address(ip: str) -> str | None:
    """The network of an address: /24 of IPv4, /48 of IPv6; null where it is no address."""
    try:
        address = ipaddress.ip_address(ip.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False).network_address)


def _make_event_ids(con: duckdb.DuckDBPyConnection, vault: Vault) -> None:
    """Make `event_ids` (row_number, event_id) of rows whose source gives none.

    HMAC-SHA256 over the source and the raw row, written out as RFC 2104 has it so that it runs
    vectorised: sha256(outer pad, sha256(inner pad, message)). The n-th copy of a row in its file
    hashes the first one's id and n.
    """
    block = vault.derive_key("event id").ljust(64, b"\0")
    pads = {
        "inner": bytes(byte ^ _INNER_BYTE for byte in block),
        "outer": bytes(byte ^ _OUTER_BYTE for byte in block),
    }

    def keyed(message: str) -> str:
        return f"sha256($outer::blob || unhex(sha256($inner::blob || encode({message}))))"

    con.execute(
        f"""
        create or replace temp table event_ids as
        select row_number, {keyed("source || chr(31) || raw")} as event_id
        from accepted
        where event_id is null
        """,
        pads,
    )
    con.execute(
        f"""
        update event_ids
        set event_id = {keyed("event_ids.event_id || chr(31) || copy")}
        from accepted
        join {COPIES} using (source, source_file, source_line)
        where accepted.row_number = event_ids.row_number
        """,
        pads,
    )


def number_copies(
    con: duckdb.DuckDBPyConnection, rows: str, sources: Mapping[str, SourceTreatment]
) -> None:
    """Make the table `row_copies`: the copies of a row after the first within its file.

    Only of sources that keep identical rows, and of rows without an event id of their own.

    Args:
        con: where the rows are.
        rows: a relation with source, source_file, source_line, raw, event_id: whole files.
        sources: the settings of every source, by name.
    """
    keeping = [name for name, source in sources.items() if source.identical_rows == "keep"]
    con.execute(
        f"""
        create or replace temp table {COPIES} as
        select * from (
            select
                source,
                source_file,
                source_line,
                row_number() over (
                    partition by source, source_file, sha256(raw) order by source_line
                ) as copy
            from {rows}
            where event_id is null and list_contains(?, source)
        )
        where copy > 1
        """,
        [keeping],
    )


def _treated_sql(registry: Registry) -> str:
    # From a query string, decoded where it can be: a wrong escape is left out.
    utm = {
        name: f"coalesce(a.{name}, case when contains(a.page_url, '{name}=') then "
        "nullif(trim(try(url_decode(replace("
        f"regexp_extract(split_part(a.page_url, '#', 1), '[?&]{name}=([^&]*)', 1), "
        "'+', ' ')))), '') end)"
        for name in _UTM
    }
    agent = {name: f"coalesce(a.{name}, agents.{name})" for name in _AGENT_COLUMNS}
    base = {
        "event_id": "coalesce(a.event_id, event_ids.event_id)",
        "user_id": "users.pseudonym",
        "anonymous_id": "anonymous.pseudonym",
        "device_id": "devices.pseudonym",
        "currency": "coalesce(a.currency, s.currency)",
        "page_url": _bare_url("a.page_url"),
        "page_path": f"coalesce({_cut('a.page_path')}, {_path('a.page_url')})",
        "referrer": _bare_url("a.referrer"),
        **utm,
        **agent,
        "ip_truncated": "case when regexp_full_match(trim(a.ip), "
        f"'{_IPV4}') then regexp_replace(trim(a.ip), '[0-9]+$', '0') else networks.network end",
        "user_agent_family": "agents.family",
        "is_bot": "coalesce(a.is_bot, agents.is_bot, false)",
        "consent": "coalesce(a.consent, s.consent)",
        "properties": _with_click_kind("coalesce(p.properties, a.properties)"),
    }
    inner = ",\n            ".join(
        f"{base.get(name, f'a.{name}')} as {name}" for name in LOG_COLUMNS
    )
    blanked = set(blanked_columns(registry))
    outer = ",\n        ".join(
        f"cast({blank_emails_sql(name) if name in blanked else name} as {kind}) as {name}"
        for name, kind in LOG_COLUMNS.items()
    )
    return f"""
    select
        {outer}
    from (
        select
            {inner}
        from accepted as a
        join source_settings as s on s.source = a.source
        left join identifiers as users
            on users.kind = 'user' and users.space = s.user_space
            and users.value = trim(a.user_id)
        left join identifiers as anonymous
            on anonymous.kind = 'anonymous' and anonymous.space = s.device_space
            and anonymous.value = trim(a.anonymous_id)
        left join identifiers as devices
            on devices.kind = 'device' and devices.space = s.device_space
            and devices.value = trim(a.device_id)
        left join agents on agents.user_agent = a.user_agent
        left join networks on networks.ip = a.ip
        left join event_ids on event_ids.row_number = a.row_number
        left join treated_properties as p on p.row_number = a.row_number
    )
    """


def _cut(text: str) -> str:
    """Without query and fragment; null where nothing is left."""
    return f"nullif(regexp_extract({text}, '^[^?#]*'), '')"


def _bare_url(url: str) -> str:
    """Scheme, host and path, without the name and password that may stand before the host."""
    cut = _cut(url)
    bare = f"regexp_replace({cut}, '^((?:[A-Za-z][A-Za-z0-9+.\\-]*:)?//)[^/@]*@', '\\1')"
    return f"case when contains({url}, '@') then {bare} else {cut} end"


def _path(url: str) -> str:
    """The path of an address; `/` where it has none, null where there is no address."""
    cut = _cut(url)
    return (
        f"case when regexp_matches({url}, '^(?:[A-Za-z][A-Za-z0-9+.\\-]*:)?//') "
        f"then coalesce(nullif(regexp_extract({cut}, "
        "'^(?:[A-Za-z][A-Za-z0-9+.\\-]*:)?//[^/]*(/.*)$', 1), ''), '/') "
        f"when starts_with({url}, '/') then {cut} end"
    )


def _with_click_kind(properties: str) -> str:
    """`properties` with `click_id_kind` where the page's address bore the id of an ad's click.

    The channel follows from which parameter it was; its value is an identifier and goes.
    """
    pattern = f"[?&]({'|'.join(CLICK_IDS)})=[^&#]"
    return (
        f"case when contains(a.page_url, '?') and regexp_matches(a.page_url, '{pattern}') "
        f"then json_merge_patch({properties}, json_object('click_id_kind', "
        f"regexp_extract(a.page_url, '{pattern}', 1))) else {properties} end"
    )


def _distinct(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in con.execute(query).fetchall()]


def _make_table(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    con.register("_made", table)
    con.execute(f"create or replace temp table {name} as select * from _made")
    con.unregister("_made")
