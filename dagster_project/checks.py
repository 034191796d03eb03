"""Reports as asset checks and metadata.

Belongs here: what Dagster shows of a load, with what to do about it. Contract and immutability
block; files and statistics warn. Not here: how anything is checked.
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from dagster_project.loading import LoadReport

_KEY = dg.AssetKey("event_log")
# In a line of text, and in the list beside it.
_FINDINGS_TOLD, _FINDINGS_SHOWN = 3, 50

EVENT_LOG_CHECKS = [
    dg.AssetCheckSpec(
        "event_batch_meets_contract",
        asset=_KEY,
        blocking=True,
        description=(
            "Great Expectations suite over the batch's rows, and the share of quarantined rows; "
            "before the seal."
        ),
    ),
    dg.AssetCheckSpec(
        "event_log_is_unaltered",
        asset=_KEY,
        blocking=True,
        description=(
            "Great Expectations suite over the seals: the chain, what this run wrote, and a "
            "rotating thirtieth of the log."
        ),
    ),
    dg.AssetCheckSpec(
        "landed_files_are_loaded",
        asset=_KEY,
        description=(
            "Warns where a landed file could not be read, changed after it was sealed, or was "
            "still being written."
        ),
    ),
    dg.AssetCheckSpec(
        "arrival_volume_is_usual",
        asset=_KEY,
        description=(
            "Warns where a source's rows are far from the same weekdays of the four weeks before."
        ),
    ),
    dg.AssetCheckSpec(
        "null_shares_are_usual",
        asset=_KEY,
        description=(
            "Warns where a column is empty far more often than on the same weekdays of the "
            "four weeks before."
        ),
    ),
]


# What to do about a finding, by check.
_ADVICE = {
    "event_batch_meets_contract": (
        "Nothing was sealed; the batch waits in staging. Mend the files, or in footfall.yml how "
        "they are read, and run again; or seal it as it is: footfall accept {day} --reason TEXT"
    ),
    "event_log_is_unaltered": (
        "Restore the named files from a backup; `footfall verify` checks the whole log"
    ),
    "landed_files_are_loaded": (
        "Mend a refused file under its name, or in footfall.yml how its source is read: the next "
        "run tries it again. Deliver a change of a sealed file under a new name"
    ),
    "arrival_volume_is_usual": "Nothing was held back; see whether the source delivered all of it",
    "null_shares_are_usual": "Nothing was held back; see whether the source renamed a field",
}


def log_check_results(report: LoadReport) -> Iterator[dg.AssetCheckResult]:
    """The results of all checks of `event_log`."""
    # Days that a broken chain stopped were not looked at: their rows broke no contract.
    refused = [] if report.is_chain_broken else report.refused
    contract = [f"{day.day}: {text}" for day in refused for text in day.refusals]
    yield _result("event_batch_meets_contract", contract, day=refused[0].day if refused else None)
    yield _result("event_log_is_unaltered", report.integrity)
    yield _result("landed_files_are_loaded", report.files_not_loaded)
    yield _result("arrival_volume_is_usual", report.unusual_volumes)
    yield _result("null_shares_are_usual", report.unusual_nulls)


def _result(name: str, findings: list[str], day: date | None = None) -> dg.AssetCheckResult:
    is_blocking = next(spec.blocking for spec in EVENT_LOG_CHECKS if spec.name == name)
    description, metadata = None, {}
    if findings:
        description = f"{_in_short(findings)}. {_ADVICE[name].format(day=day)}"
        shown = "\n".join(f"- {text}" for text in findings[:_FINDINGS_SHOWN])
        metadata = {"findings": dg.MarkdownMetadataValue(shown)}
    return dg.AssetCheckResult(
        asset_key=_KEY,
        check_name=name,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if is_blocking else dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


def _in_short(findings: list[str]) -> str:
    said = "; ".join(text.rstrip(".") for text in findings[:_FINDINGS_TOLD])
    more = len(findings) - _FINDINGS_TOLD
    return f"{said} (and {more} more)" if more > 0 else said


def refusal_text(report: LoadReport) -> str:
    """Why a day is not done, and what to do: the log first, since all else rests on it."""
    if report.integrity:
        advice = _ADVICE["event_log_is_unaltered"]
        so = "Nothing was loaded" if report.is_chain_broken else "Nothing is built on it"
        return f"{_in_short(report.integrity)}. {so}. {advice}"
    first = report.refused[0]
    advice = _ADVICE["event_batch_meets_contract"].format(day=first.day)
    return f"{first.day}: {_in_short(list(first.refusals))}. {advice}"


def log_metadata(report: LoadReport) -> dict[str, dg.MetadataValue]:
    """Counts of the days of a run, in all and day by day."""
    days = report.days
    table = "\n".join(
        f"| {day.day} | {day.read} | {day.logged} | {day.quarantined} | "
        f"{'closed' if day.is_closed else 'open'} | {day.sequence or ''} |"
        for day in days[-60:]
    )
    return {
        "dagster/row_count": dg.IntMetadataValue(sum(day.logged for day in days)),
        "read": dg.IntMetadataValue(sum(day.read for day in days)),
        "quarantined": dg.IntMetadataValue(sum(day.quarantined for day in days)),
        "days": dg.MarkdownMetadataValue(
            "| day | read | logged | quarantined | state | seal |\n|---|---|---|---|---|---|\n"
            + table
        ),
        "files_to_look_at": dg.MarkdownMetadataValue(
            "\n".join(f"- {text}" for text in report.files_not_loaded) or "none"
        ),
    }
