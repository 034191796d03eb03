"""The seeds of the dbt project, which no run changes and so no data test has to look at again."""

import csv
from pathlib import Path

HOSTS = Path(__file__).parents[2] / "dbt" / "seeds" / "referrer_hosts.csv"
KINDS = {"search", "social", "shopping", "video"}


def test_every_source_is_named_once_in_lower_case_and_is_of_a_kind_that_channels_know():
    with HOSTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    hosts = [row["host"] for row in rows]
    assert len(hosts) == len(set(hosts)) > 300
    assert [host for host in hosts if not host or host != host.strip().lower()] == []
    assert {row["kind"] for row in rows} == KINDS


def test_a_search_engine_is_one_in_every_country():
    with HOSTS.open(newline="") as file:
        search = {row["host"] for row in csv.DictReader(file) if row["kind"] == "search"}
    # As many domains as Google names at google.com/supported_domains.
    assert len([host for host in search if host.startswith("google.")]) == 187
    assert {"google.ru", "google.ba", "google.co.ve", "google.md", "google.com.np"} <= search
    # What a click on a result shows as its referrer.
    assert {"r.duckduckgo.com", "r.search.yahoo.com", "encrypted.google.com"} <= search
