"""SQL that turns the text of a time into a UTC TIMESTAMP, or null where it is none.

Only SQL text is made here, the same for every batch. Whether a time is plausible is the contract's
business.
"""

import duckdb

from dagster_project.ingest.mapping_sql import quote_text

_PER_UNIT = {"s": ("* 1000000", 12), "ms": ("* 1000", 15), "us": ("", 18), "ns": ("/ 1000", 21)}
_ZONE = r"(Z|z| ?UTC|[+-](0\d|1[0-8])(:?[0-5]\d)?)"
_ISO = r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?" + _ZONE + "?)?"
_PLAIN = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z"
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999  # years 1 to 9999


def time_sql(text: str, timezone: str, unit: str | None = None, format: str | None = None) -> str:
    """SQL for the time that a text stands for.

    Args:
        text: SQL of the trimmed text.
        timezone: the zone of a time that states none.
        unit: `s`, `ms`, `us`, `ns`: the text is a number since 1970-01-01 UTC.
        format: a strptime format; without unit and format the text is ISO 8601.

    Returns:
        SQL of type TIMESTAMP. In a zone with summer time, an hour that is skipped counts on
        with the offset before it, and one that comes twice is the later.
    """
    if unit is not None:
        return _epoch_sql(text, unit)
    if format is not None:
        parsed = f"try_strptime({text}, {quote_text(format)})"
        return f"timezone('UTC', {parsed})" if _has_zone(format) else _naive_sql(parsed, timezone)
    return _iso_sql(text, timezone)


def _epoch_sql(text: str, unit: str) -> str:
    factor, digits = _PER_UNIT[unit]
    number = rf"case when regexp_full_match({text}, '[+-]?\d{{1,{digits}}}(\.\d{{0,12}})?') "
    # A double such as 1.7e12 is what some writers make of a number of milliseconds.
    number += rf"or regexp_full_match({text}, '\d(\.\d{{1,17}})?[eE]\+?\d{{1,2}}') "
    number += f"then try_cast({text} as decimal(38, 9)) end"
    us = f"try_cast(floor({number} {factor}) as hugeint)"
    return (
        f"case when {us} between {_FIRST_US} and {_LAST_US} then make_timestamp({us}::bigint) end"
    )


def _iso_sql(text: str, timezone: str) -> str:
    # DuckDB's cast to TIMESTAMP drops an offset without a word, and neither cast takes an offset
    # behind minutes: so the forms are told apart here.
    whole = (
        f"case when regexp_matches({text}, '^.{{10}}[Tt ].{{5}}(:|$)') "
        f"then replace({text}, 't', 'T') "
        f"else left({text}, 16) || ':00' || substr({text}, 17) end"
    )
    full = f"case when length({text}) = 10 then {text} else {whole} end"
    utc = rf"try_cast(regexp_replace({full}, '(Z|z| ?UTC)$', '') as timestamp)"
    offset = f"timezone('UTC', try_cast({full} as timestamptz))"
    naive = _naive_sql(f"try_cast({full} as timestamp)", timezone)
    return (
        # What most writers write, without the other tests: a third of their time.
        f"case when regexp_full_match({text}, '{_PLAIN}') then try_cast({text} as timestamp) "
        f"when not regexp_full_match({text}, '{_ISO}') then null "
        rf"when regexp_matches({text}, '(Z|z|UTC)$') then {utc} "
        rf"when regexp_matches({text}, ':\d{{2}}(\.\d+)?[+-][\d:]+$') then {offset} "
        f"else {naive} end"
    )


def _naive_sql(timestamp: str, timezone: str) -> str:
    if timezone == "UTC":
        return timestamp
    return f"timezone('UTC', timezone({quote_text(timezone)}, {timestamp}))"


def _has_zone(format: str) -> bool:
    row = duckdb.execute("select typeof(try_strptime('', ?))", [format]).fetchone()
    return row is not None and row[0] != "TIMESTAMP"
