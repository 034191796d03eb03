"""Reports as asset checks and metadata.

Belongs here: what Dagster shows of a load. Contract and immutability block; statistics warn. Not here: how
anything is checked.
"""

from collections.abc import Iterator

import dagster as dg

from dagster_project.loading import LoadReport

_KEY = dg.AssetKey("event_log")

EVENT_LOG_CHECKS = [
    dg.AssetCheckSpec(
        "event_batch_meets_contract",
        asset=_KEY,
        blocking=True,
        description="Great Expectations suite over the batch's rows, and the share of quarantined rows; before the seal.",
    ),
    dg.AssetCheckSpec(
        "event_log_is_unaltered",
        asset=_KEY,
        blocking=True,
        description="Great Expectations suite over the seals: the chain, what this run wrote, and a rotating thirtieth of the log.",
    ),
    dg.AssetCheckSpec(
        "arrival_volume_is_usual",
        asset=_KEY,
        description="Warns where a source's rows are far from the same weekdays of the four weeks before.",
    ),
    dg.AssetCheckSpec(
        "null_shares_are_usual",
        asset=_KEY,
        description="Warns where a column is empty far more often than on the same weekdays of the four weeks before.",
    ),
]


def log_check_results(report: LoadReport) -> Iterator[dg.AssetCheckResult]:
    """All four checks of `event_log`."""
    contract_failures = [f"{day.day}: {text}" for day in report.refused for text in day.refusals]
    yield _result("event_batch_meets_contract", contract_failures, blocking=True)
    yield _result("event_log_is_unaltered", report.integrity, blocking=True)
    yield _result("arrival_volume_is_usual", report.unusual_volumes, blocking=False)
    yield _result("null_shares_are_usual", report.unusual_nulls, blocking=False)


def _result(name: str, findings: list[str], *, blocking: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=_KEY,
        check_name=name,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=findings[0] if findings else None,
        metadata={"findings": dg.MarkdownMetadataValue("\n".join(f"- {f}" for f in findings[:50]))}
        if findings
        else {},
    )


def refusal_text(report: LoadReport) -> str:
    """Why nothing was sealed for a day, and what to do."""
    first = report.refused[0]
    more = f" (and {len(report.refused) - 1} more days)" if len(report.refused) > 1 else ""
    return (
        f"{first.day}: {'; '.join(first.refusals)}{more}. Nothing was sealed; the batch waits in staging. "
        f"Mend the source and deliver it again, or seal it as it is: footfall accept {first.day} --reason TEXT"
    )


def log_metadata(report: LoadReport) -> dict[str, dg.MetadataValue]:
    """Counts of the days of a run, in all and day by day."""
    days = report.days
    table = "\n".join(
        f"| {day.day} | {day.read} | {day.logged} | {day.quarantined} | "
        f"{'closed' if day.is_closed else 'open'} | {day.sequence or ''} |"
        for day in days[-60:]
    )
    notes = [f"{day.day}: {text}" for day in days for text in day.refused_files + day.changed_files]
    return {
        "dagster/row_count": dg.IntMetadataValue(sum(day.logged for day in days)),
        "read": dg.IntMetadataValue(sum(day.read for day in days)),
        "quarantined": dg.IntMetadataValue(sum(day.quarantined for day in days)),
        "days": dg.MarkdownMetadataValue(
            "| day | read | logged | quarantined | state | seal |\n|---|---|---|---|---|---|\n"
            + table
        ),
        "files_to_look_at": dg.MarkdownMetadataValue("\n".join(f"- {n}" for n in notes) or "none"),
    }
