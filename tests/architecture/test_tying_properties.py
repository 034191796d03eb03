"""The properties that tie users are pseudonyms of their kind by the registry, and found by dbt.

Belongs here: that two places which must name the same properties do. Not here: what a tie means.
"""

import yaml

from expectations.contract import load_registry, personal_properties
from tests.dbt_manifest import DBT_PROJECT, nodes_of_type

PLACES = ("$", "$.traits", "$.context.traits")


def tying_paths() -> set[tuple[str, str]]:
    """(path, kind) of dbt's setting."""
    named = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]
    return {
        (f"{place}.{name}", kind)
        for kind, names in named["tying_properties"].items()
        for name in names
        for place in PLACES
    }


def test_every_tying_property_is_a_pseudonym_of_its_kind_in_the_registry():
    treated = set(personal_properties(load_registry()))
    assert {(path, "pseudonymise", kind) for path, kind in tying_paths()} <= treated


def test_every_crm_key_of_the_registry_ties():
    keys = {(p, kind) for p, _, kind in personal_properties(load_registry()) if kind == "crm"}
    assert keys == {(path, kind) for path, kind in tying_paths() if kind == "crm"}


def test_what_others_may_write_of_a_person_ties_nobody():
    """A parcel's or an invoice's address may be anybody's."""
    names = {path.rpartition(".")[2] for path, _ in tying_paths()}
    assert not names & {"recipient", "recipientEmail", "shippingEmail", "billingEmail"}


def test_dbt_reads_every_tying_property_and_its_prefilter_lets_it_by():
    sql = nodes_of_type("model")["int_key_copies"]["compiled_code"]
    for path, _ in tying_paths():
        assert f"'{path}'" in sql
        assert "mail" in path or "crm" in path
