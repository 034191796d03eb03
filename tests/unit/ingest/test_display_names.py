"""Names of countries and currencies, and that they are written once a version of them."""

import pyarrow.parquet as pq
import pytest

from dagster_project.ingest import display_names
from dagster_project.state import StatePaths

COUNTRIES = {row["country"]: row for row in display_names.countries().to_pylist()}
CURRENCIES = {row["currency"]: row for row in display_names.currencies().to_pylist()}


@pytest.mark.parametrize("written", ["FR", "FRA", "France"])
def test_a_country_is_known_by_its_codes_and_its_name(written):
    assert COUNTRIES[written] == {
        "country": written,
        "country_code": "FR",
        "country_name": "France",
    }


def test_each_way_to_write_leads_to_one_country_that_is_written_so_itself():
    assert len(COUNTRIES) == display_names.countries().num_rows > 600
    for row in COUNTRIES.values():
        assert COUNTRIES[row["country_code"]]["country_name"] == row["country_name"]


@pytest.mark.parametrize("no_country", ["ZZ", "001", "Unknown Region", "", "Freedonia"])
def test_what_is_no_country_is_not_there(no_country):
    assert no_country not in COUNTRIES


@pytest.mark.parametrize(("code", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3)])
def test_a_currency_has_its_decimals(code, decimals):
    assert CURRENCIES[code]["decimals"] == decimals


def test_names_are_written_once_and_again_where_they_are_of_another_version(tmp_path):
    paths = StatePaths(tmp_path)
    paths.warehouse_inputs.mkdir(parents=True)
    file = paths.warehouse_inputs / "countries.parquet"
    display_names.write_inputs(paths)
    written = file.stat().st_mtime_ns
    display_names.write_inputs(paths)
    assert file.stat().st_mtime_ns == written
    of_old = display_names.countries().slice(0, 1).replace_schema_metadata({b"babel": b"2.0"})
    pq.write_table(of_old, file)
    display_names.write_inputs(paths)
    assert pq.read_table(file).num_rows == len(COUNTRIES)
