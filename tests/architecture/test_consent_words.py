"""What counts as consent is the same where rows are withheld and where persons are counted."""

import re

from dagster_project.ingest.consent import FOR_ALL, GRANTED
from tests.dbt_manifest import DBT_PROJECT, nodes_of_type


def words_of(sql: str) -> list[tuple[str, ...]]:
    """The lists of words that answers are compared with."""
    lists = re.findall(r"in \(\s*('true'[^)]*)\)", sql)
    return [tuple(re.findall(r"'(\w+)'", words)) for words in lists]


def test_the_words_for_yes_are_those_by_which_rows_are_withheld():
    sql = nodes_of_type("model")["int_person_consents"]["compiled_code"]
    assert words_of(sql) == [GRANTED, FOR_ALL]


def test_a_word_that_one_place_lacks_is_found():
    sql = (DBT_PROJECT / "macros" / "consent.sql").read_text().replace("'yes', ", "")
    assert words_of(sql) != [GRANTED]
