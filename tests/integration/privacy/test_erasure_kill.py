"""An erasure that is ended at any step: the state stays sound, and the next attempt finishes it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_project.ingest import batch, erasure, erasure_register, pending, verify
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.erasure_register import Request
from dagster_project.ingest.event_log import stage_days
from dagster_project.ingest.landing import scan_landing
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.seals import load_chain
from dagster_project.ingest.vault import Vault
from dagster_project.loading import registry_of
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
from tests.landed_days import bytes_below, event, json_lines, land, seal_unchecked, state_with

DAY, NEXT = "2026-01-05", "2026-01-06"
SETTINGS = "sources: {shop: {format: canonical}}\nsettings: {quarantine_share: 1.0}\n"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
STEPS = [
    "erasure register: before requested",
    "00000001-requested.json: written beside",
    "erasure register: requested",
    "erasure: vault",
    "erasure: prepared",
    "erasure register: before rewritten",
    "erasure register: rewritten",
    "erasure: registered",
    "erasure: file replaced",
    "erasure: files",
]


def jane(number: int, at: str, **more: object) -> dict[str, object]:
    return event(number, at, user_id="jane-4711", anonymous_id="cookie-jane", **more)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A sealed day with refused rows, and a batch that waits in staging."""
    state = state_with(tmp_path / "home", SETTINGS)
    for name in "ab":
        rows = [jane(1, f"{DAY}T10:00:00Z"), event(2, f"{DAY}T10:00:00Z", user_id="joe")]
        bad = [jane(3, "no time"), event(4, "no time", user_id="joe")]
        land(state, f"shop/{DAY}/{name}.jsonl", json_lines(rows + bad))
    seal_unchecked(state, DAY, now=f"{NEXT}T03:00:00")
    land(state, f"shop/{NEXT}/c.jsonl", json_lines([jane(5, f"{NEXT}T10:00:00Z")]))
    stage(state, NEXT)
    return state


def stage(paths: StatePaths, day: str) -> None:
    settings = load_settings(paths.settings_file)
    with Vault.open(paths) as vault:
        stage_days(paths, settings, registry_of(settings), vault, [date.fromisoformat(day)])


def erase(paths: StatePaths) -> None:
    """Ask where nobody has asked yet, and carry out what is open."""
    settings = load_settings(paths.settings_file)
    if not erasure_register.load(paths):
        with Vault.open(paths) as vault:
            ids = [
                *vault.pseudonyms("user", "users", ["jane-4711"]).values(),
                *vault.pseudonyms("anonymous", "shop", ["cookie-jane"]).values(),
            ]
        request = Request(1, NOW, tuple(ids), (ids[0],), ("v",), ("p",))
        erasure.ask(paths, request, NOW)
    erasure.carry_out(paths, settings, registry_of(settings), NOW)


def check_sound(paths: StatePaths) -> None:
    """What must hold at any moment: every file is as sealed, or as the register says."""
    assert verify.audit(paths).problems == ()
    landed = scan_landing(paths, load_settings(paths.settings_file))
    assert pending.changed_files(paths, landed, load_chain(paths)) == []
    erasure_register.load(paths)


def check_erased(paths: StatePaths) -> None:
    for place, content in bytes_below(paths.home).items():
        assert b"jane" not in content, place
    for name in "ab":
        left = (paths.landing / f"shop/{DAY}/{name}.jsonl").read_bytes()
        assert left.count(b"\n") == 2
        assert left.count(b"joe") == 2
    with Vault.open(paths) as vault:
        assert vault.lookup("user", "users", "jane-4711") is None
        assert vault.lookup("anonymous", "shop", "cookie-jane") is None
        assert vault.lookup("user", "users", "joe") is not None
        kept = list(read_quarantine(paths, vault, date.fromisoformat(DAY)))
    assert ["joe" in row.raw and "jane" not in row.raw for row in kept] == [True, True]
    assert batch.staged_days(paths) == []
    assert [
        file for file in paths.home.rglob("*") if file.name.endswith((".erasing", ".tmp"))
    ] == []


def test_erasure_that_nothing_ends_leaves_all_sound(paths: StatePaths) -> None:
    assert batch.staged_days(paths) == [date.fromisoformat(NEXT)]
    erase(paths)
    check_erased(paths)
    check_sound(paths)
    erasure.finish(paths, 1, NOW, {})
    check_sound(paths)


@pytest.mark.parametrize("step", STEPS)
def test_erasure_ended_at_any_step_is_finished_by_the_next(paths: StatePaths, step: str) -> None:
    lose_process_at(step, 1, erase, paths)
    check_sound(paths)

    erase(paths)

    check_erased(paths)
    check_sound(paths)
    erasure.finish(paths, 1, NOW, {})
    check_sound(paths)


def test_restored_backup_of_the_secrets_is_erased_again(paths: StatePaths) -> None:
    backup = bytes_below(paths.secrets)
    erase(paths)
    erasure.finish(paths, 1, NOW, {})
    for name, content in backup.items():
        (paths.secrets / name).write_bytes(content)
    with Vault.open(paths) as vault:
        assert vault.lookup("user", "users", "jane-4711") is not None

    settings = load_settings(paths.settings_file)
    erasure.carry_out(paths, settings, registry_of(settings), NOW)

    check_erased(paths)


def test_file_changed_by_somebody_else_is_reported_still(paths: StatePaths) -> None:
    erase(paths)
    erasure.finish(paths, 1, NOW, {})
    file = paths.landing / f"shop/{DAY}/a.jsonl"
    file.write_bytes(file.read_bytes() + b'{"x": 1}\n')

    landed = scan_landing(paths, load_settings(paths.settings_file))
    (problem,) = pending.changed_files(paths, landed, load_chain(paths))
    assert problem.startswith(f"landing/shop/{DAY}/a.jsonl: changed after it was sealed")


def test_quarantine_brought_back_after_the_erasure_is_found_by_verify(paths: StatePaths) -> None:
    (file,) = paths.quarantine.rglob("*.parquet")
    before = file.read_bytes()
    erase(paths)
    erasure.finish(paths, 1, NOW, {})
    file.write_bytes(before)

    (problem,) = verify.audit(paths).problems
    assert problem.startswith(str(file.relative_to(paths.home)))
