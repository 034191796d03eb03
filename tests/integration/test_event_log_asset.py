"""The asset `event_log` in Dagster: what its checks and its failure say, and what to do then."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.assets.event_log import event_log_asset
from dagster_project.ingest import seals, staging
from dagster_project.partitions import daily_partitions
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths
from expectations.contract import split_sql
from tests.landed_days import event, json_lines, land, land_day, load, state_with

DAY, NEXT = "2026-11-02", "2026-11-03"
NOW = "2026-11-04T03:00:00+00:00"
# The name that a source gives itself, and that no text of Dagster's may repeat.
NAME = "Annegret-Zwickl"


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return state_with(tmp_path / "state")


def materialise(paths: StatePaths, day: str) -> dg.ExecuteInProcessResult:
    asset = event_log_asset(daily_partitions(date(2026, 11, 1)), None)
    return dg.materialize(
        [asset],
        resources={"state": FootfallState(home=str(paths.home), now=NOW)},
        partition_key=day,
        raise_on_error=False,
        instance=dg.DagsterInstance.ephemeral(),
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def findings(check: dg.AssetCheckEvaluation) -> list[str]:
    return str(check.metadata["findings"].value).splitlines()


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    (event_of_failure,) = [one for one in result.all_events if one.is_step_failure]
    failure = event_of_failure.step_failure_data.user_failure_data
    assert failure is not None
    return str(failure.description)


def land_bad_day(paths: StatePaths) -> None:
    good = [event(n, f"{DAY}T10:00:00Z") for n in range(6)]
    bad = [{"event_name": "page_viewed", "who": NAME, "price": "cheap"} for _ in range(3)]
    late = {"event_name": "page_viewed", "event_ts": "2100-01-01", "who": NAME}
    land(paths, f"shop/{DAY}/mixed.jsonl", json_lines([*good, *bad, late]))


def test_a_refused_batch_says_why_and_what_to_do(paths):
    land_bad_day(paths)

    result = materialise(paths, DAY)

    assert not result.success
    # By hand: 4 of 10 rows; three lack a time and hold no number, one lies in 2100.
    why = (
        f"{DAY}: 4 of 10 rows (40.0%) are quarantined, more than settings.quarantine_share "
        "(5.0%); most often: event_ts: is missing (3), price: is no number that fits "
        "DECIMAL(18,4) (3), event_ts: is more than 24 hours after the end of the arrival date (1)"
    )
    what_to_do = (
        "Nothing was sealed; the batch waits in staging. Mend the files, or in footfall.yml how "
        f"they are read, and run again; or seal it as it is: footfall accept {DAY} --reason TEXT"
    )
    check = checks(result)["event_batch_meets_contract"]
    assert (check.passed, check.severity, check.blocking) == (
        False, dg.AssetCheckSeverity.ERROR, True
    )  # fmt: skip
    for text in (str(check.description), failure_text(result)):
        assert text.startswith(why)
        assert text.endswith(what_to_do)
    listed = findings(check)
    assert listed[0] == f"- {why}"
    # The expectation that refused it stands beside the reason.
    assert "expect_column_values_to_be_between (quarantined_share): 1 of 1 rows" in listed[1]
    assert checks(result)["event_log_is_unaltered"].passed
    assert result.get_asset_materialization_events() == []
    assert NAME not in str([one.message for one in result.all_events] + listed)
    assert seals.load_chain(paths) == []


def test_rows_that_the_split_should_have_refused_are_refused_by_the_suite(paths, monkeypatch):
    """The second net: the split takes what the contract forbids, as a defect of ours might."""

    def lenient_split(registry, relation, **bounds):
        return split_sql(registry, relation, **{**bounds, "earliest_event_date": date(1900, 1, 1)})

    monkeypatch.setattr(staging, "split_sql", lenient_split)
    events = [event(n, f"{DAY}T10:00:00Z") for n in range(3)]
    land(paths, f"shop/{DAY}/a.jsonl", json_lines([*events, event(4, "1970-01-01T00:00:00Z")]))

    result = materialise(paths, DAY)

    check = checks(result)["event_batch_meets_contract"]
    assert not check.passed
    assert f"{DAY} rows: expect_column_values_to_be_between (event_day): 1 of 4 rows" in str(
        check.description
    )
    assert seals.load_chain(paths) == []


def test_an_altered_part_fails_the_blocking_check_of_a_run_that_touches_its_day(paths):
    land_day(paths, DAY)
    load(paths, DAY, now="2026-11-04T03:00:00")
    (part,) = paths.log_events.rglob("*.parquet")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1])

    result = materialise(paths, DAY)

    assert not result.success
    check = checks(result)["event_log_is_unaltered"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    place = f"log/events/arrival_date={DAY}/00000001-000.parquet: differs from what seal 1 holds"
    assert str(check.description).startswith(place)
    assert str(check.description).endswith(
        "Restore the named files from a backup; `footfall verify` checks the whole log"
    )
    assert any("sealed_sha256, found_sha256): 1 of 2 rows" in line for line in findings(check))


def test_a_day_whose_part_was_altered_is_not_materialised(paths):
    """The partition would count as done, though nothing may be built on it."""
    land_day(paths, DAY)
    load(paths, DAY, now="2026-11-04T03:00:00")
    (part,) = paths.log_events.rglob("*.parquet")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1])

    result = materialise(paths, DAY)

    assert result.get_asset_materialization_events() == []
    assert failure_text(result).startswith(f"log/events/arrival_date={DAY}/00000001-000.parquet: ")
    assert "Nothing is built on it. Restore the named files from a backup" in failure_text(result)


def test_a_part_of_the_weeks_before_that_cannot_be_read_is_named(paths):
    """It is not of this run's days, and not of the thirtieth of the log whose turn it is."""
    for week, day in enumerate(("2026-10-05", "2026-10-12", "2026-10-19"), start=1):
        land_day(paths, day, rows=60)
        load(paths, day, now=f"2026-10-{5 + 7 * week}T03:00:00")
    (part,) = paths.log_day(date(2026, 10, 12)).glob("*.parquet")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-20])
    land_day(paths, "2026-10-26", rows=60)

    report = load(paths, "2026-10-26", now="2026-10-27T03:00:00")

    assert report.integrity == [
        "log/events/arrival_date=2026-10-12/00000002-000.parquet: cannot be read (its end is no "
        "Parquet footer), and a seal names it"
    ]


def test_a_broken_chain_fails_the_same_check_and_loads_nothing(paths):
    land_day(paths, DAY)
    load(paths, DAY, now="2026-11-04T03:00:00")
    (manifest,) = paths.manifests.glob("*.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows": 3', b'"rows": 4'))
    land_day(paths, NEXT)

    result = materialise(paths, NEXT)

    found = checks(result)
    assert not found["event_log_is_unaltered"].passed
    assert found["event_batch_meets_contract"].passed
    place = f"log/manifests/00000001-{DAY}.json: its content does not have the hash"
    assert str(found["event_log_is_unaltered"].description).startswith(place)
    assert failure_text(result).startswith(place)
    assert "Nothing was loaded. Restore the named files from a backup" in failure_text(result)
    assert not paths.log_day(date.fromisoformat(NEXT)).exists()


def test_files_that_were_not_loaded_are_a_warning(paths):
    land_day(paths, DAY)
    land(paths, f"shop/{DAY}/latin.jsonl", b'{"event_name": "Gr\xf6\xdfe"}\n')

    result = materialise(paths, DAY)

    assert result.success
    check = checks(result)["landed_files_are_loaded"]
    assert (check.passed, check.severity, check.blocking) == (
        False, dg.AssetCheckSeverity.WARN, False
    )  # fmt: skip
    assert f"landing/shop/{DAY}/latin.jsonl:1: not UTF-8" in str(check.description)
    assert str(check.description).endswith(
        "tries it again. Deliver a change of a sealed file under a new name"
    )


def test_a_good_day_passes_every_check_and_counts_its_rows(paths):
    land_day(paths, DAY, rows=5)

    result = materialise(paths, DAY)

    assert result.success
    assert {name: check.passed for name, check in checks(result).items()} == dict.fromkeys(
        ["event_batch_meets_contract", "event_log_is_unaltered", "landed_files_are_loaded",
         "arrival_volume_is_usual", "null_shares_are_usual"], True,
    )  # fmt: skip
    (done,) = result.get_asset_materialization_events()
    metadata = done.materialization.metadata
    assert (metadata["dagster/row_count"].value, metadata["read"].value) == (5, 5)
    assert f"| {DAY} | 5 | 5 | 0 | closed | 1 |" in str(metadata["days"].value)
