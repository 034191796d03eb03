"""The vault: stable pseudonyms, nothing in clear, and never made anew in silence."""

import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from dagster_project.ingest.vault import KEY_FILE, VAULT_FILE, Vault, VaultError
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return StatePaths(tmp_path)


def test_pseudonym_of_an_identifier_is_the_same_after_reopening(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        first = vault.pseudonyms("user", "users", ["12", "34", "12"])
    with Vault.open(paths) as vault:
        again = vault.pseudonyms("user", "users", ["34", "56", "12"])
    assert set(first) == {"12", "34"}
    assert {value: again[value] for value in first} == first


def test_pseudonym_is_prefix_and_32_random_hex_digits(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        for kind, prefix in {
            "user": "u_",
            "anonymous": "a_",
            "device": "d_",
            "email": "e_",
            "crm": "c_",
        }.items():
            pseudonym = vault.pseudonyms(kind, "shop", ["12"])["12"]
            assert pseudonym.startswith(prefix)
            assert len(bytes.fromhex(pseudonym.removeprefix(prefix))) == 16


def test_same_value_of_another_kind_or_space_is_another_identifier(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        bare = {
            vault.pseudonyms(kind, space, ["12"])["12"][2:]
            for kind in ("user", "anonymous", "device")
            for space in ("shop", "app")
        }
    assert len(bare) == 6


def test_two_installations_give_one_person_two_pseudonyms(tmp_path: Path) -> None:
    given = []
    for name in ("one", "two"):
        with Vault.create(StatePaths(tmp_path / name)) as vault:
            given.append(vault.pseudonyms("user", "users", ["12"])["12"])
    assert given[0] != given[1]


def test_stored_hash_is_the_hmac_of_kind_space_and_value(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        pseudonym = vault.pseudonyms("user", "users", ["Zoë"])["Zoë"]
        stored = vault._database.execute("select * from identifiers").fetchall()
        key = vault.derive_key("identifier")
    assert stored[0][0] == hmac.digest(key, "user\x1fusers\x1fZoë".encode(), hashlib.sha256)
    assert "u_" + stored[0][1].hex() == pseudonym
    assert len(stored[0][2]) == 32


def test_no_identifier_stands_in_the_files(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        vault.pseudonyms("email", "emails", ["jane.doe@example.com"])
    for file in paths.secrets.iterdir():
        assert b"jane" not in file.read_bytes()


def test_secrets_are_the_owners_alone(paths: StatePaths) -> None:
    Vault.create(paths).close()
    assert stat.S_IMODE(paths.secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in paths.secrets.iterdir()} == {0o600}


def test_lookup_adds_nothing(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        assert vault.lookup("user", "users", "12") is None
        assert vault.count() == 0
        given = vault.pseudonyms("user", "users", ["12"])["12"]
        assert vault.lookup("user", "users", "12") == given


def test_many_identifiers_span_several_statements(paths: StatePaths) -> None:
    values = [str(number) for number in range(60_250)]
    with Vault.create(paths) as vault:
        first = vault.pseudonyms("anonymous", "shop", values[:150])
        everything = vault.pseudonyms("anonymous", "shop", values)
        assert vault.pseudonyms("anonymous", "shop", values[::-1]) == everything
        assert vault.count() == len(set(everything.values())) == len(values)
    assert {value: everything[value] for value in values[:150]} == first


def test_unknown_kind_is_refused(paths: StatePaths) -> None:
    with Vault.create(paths) as vault, pytest.raises(ValueError, match="'phone'"):
        vault.pseudonyms("phone", "users", ["12"])


@pytest.mark.parametrize("missing", [KEY_FILE, VAULT_FILE])
def test_half_of_the_secrets_is_never_made_anew(paths: StatePaths, missing: str) -> None:
    Vault.create(paths).close()
    (paths.secrets / missing).unlink()
    with pytest.raises(VaultError, match=missing):
        Vault.open_or_create(paths)


def test_missing_vault_is_an_error_while_a_log_exists(paths: StatePaths) -> None:
    paths.manifests.mkdir(parents=True)
    (paths.manifests / "HEAD").write_text("{}")
    with pytest.raises(VaultError, match="restore secrets/"):
        Vault.open_or_create(paths)


def test_broken_vault_file_is_one_clear_line(paths: StatePaths) -> None:
    Vault.create(paths).close()
    (paths.secrets / VAULT_FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(VaultError, match="cannot be read") as caught:
        Vault.open(paths)
    assert "\n" not in str(caught.value)


def test_key_of_another_installation_is_found(tmp_path: Path) -> None:
    one, two = StatePaths(tmp_path / "one"), StatePaths(tmp_path / "two")
    Vault.create(one).close()
    Vault.create(two).close()
    (one.secrets / KEY_FILE).write_bytes((two.secrets / KEY_FILE).read_bytes())
    with pytest.raises(VaultError, match="is not the key of"):
        Vault.open(one)


def test_derived_keys_differ_by_purpose(paths: StatePaths) -> None:
    with Vault.create(paths) as vault:
        assert vault.derive_key("quarantine") == vault.derive_key("quarantine")
        assert vault.derive_key("quarantine") != vault.derive_key("event id")


@pytest.mark.parametrize(
    "step", ["installation.key: written beside", "installation.key: renamed", "vault: made beside"]
)
def test_a_kill_while_the_vault_is_made_leaves_none_or_a_whole_one(
    paths: StatePaths, step: str
) -> None:
    lose_process_at(step, 1, Vault.create, paths)
    assert not paths.secrets.exists()
    with Vault.open_or_create(paths) as vault:
        assert vault.count() == 0
    assert [file.name for file in paths.home.iterdir()] == ["secrets"]
