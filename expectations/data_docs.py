"""Reports as static pages: what was checked, what failed, for the last days.

Here: plain HTML from reports. Not here: values of rows; a report has none.

Great Expectations renders Data Docs too, but its pages load styles and scripts from five hosts on
the internet and hold samples of values; these open offline and need no script.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from expectations.validate import Report

KEEP_DAYS = 30
_RUN_NAME = re.compile(r"\d{8}T\d{6}\d{6}Z")
_RUN_FORMAT = "%Y%m%dT%H%M%S%fZ"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color: #1c2024; background: #fff; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d9dde1;
         vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.pass { color: #1a7f37; } .fail { color: #b42318; font-weight: 600; }
code { font-size: .92em; }
"""


def write_data_docs(
    reports: Sequence[Report], folder: Path, *, now: datetime, keep_days: int = KEEP_DAYS
) -> Path:
    """Add a run's reports to the pages in `folder`, and drop the runs that are too old.

    Args:
        reports: of one run, at least one.
        folder: made where it is missing; `index.html` and `runs/` in it are ours.
        now: the time of the run, with its zone.
        keep_days: runs older than this before `now` are removed.

    Returns:
        The index page.

    Raises:
        ValueError: no reports, or `now` has no time zone.
    """
    if not reports:
        raise ValueError("no reports to write: validate something first")
    if now.utcoffset() is None:
        raise ValueError("now: needs a time zone")
    now = now.astimezone(UTC)
    runs = folder / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    run = now.strftime(_RUN_FORMAT)
    content = [asdict(report) for report in reports]
    _write(runs / f"{run}.html", _run_page(now, content))
    _write(runs / f"{run}.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
    kept = []
    for path in sorted(runs.glob("*.json"), reverse=True):
        if not _RUN_NAME.fullmatch(path.stem):
            continue
        made_at = datetime.strptime(path.stem, _RUN_FORMAT).replace(tzinfo=UTC)
        if made_at < now - timedelta(days=keep_days):
            path.unlink()
            path.with_suffix(".html").unlink(missing_ok=True)
        else:
            kept.append((made_at, json.loads(path.read_text(encoding="utf-8"))))
    index = folder / "index.html"
    _write(index, _index_page(kept, keep_days))
    return index


def _index_page(runs: list[tuple[datetime, list[Mapping[str, Any]]]], keep_days: int) -> str:
    rows = []
    for made_at, reports in runs:
        link = f"runs/{made_at.strftime(_RUN_FORMAT)}.html"
        for report in reports:
            failed = sum(not result["success"] for result in report["results"])
            rows.append(
                f'<tr><td><a href="{link}">{made_at:%Y-%m-%d %H:%M:%S} UTC</a></td>'
                f"<td>{escape(report['name'])}</td><td>{escape(report['suite'])}</td>"
                f'<td class="number">{report["rows"]:,}</td>'
                f'<td class="number">{len(report["results"])}</td>'
                f'<td class="number">{failed}</td><td>{_verdict(report["success"])}</td></tr>'
            )
    return _page(
        "Validation of the event log",
        f"<p>Runs of the last {keep_days} days, the latest first.</p>"
        "<table><tr><th>Run</th><th>Data</th><th>Suite</th><th>Rows</th><th>Checks</th>"
        f"<th>Failed</th><th>Result</th></tr>{''.join(rows)}</table>",
    )


def _run_page(made_at: datetime, reports: list[dict[str, Any]]) -> str:
    parts = ['<p><a href="../index.html">All runs</a></p>']
    for report in reports:
        parts.append(
            f"<h2>{escape(report['name'])}: {escape(report['suite'])}, "
            f"{_verdict(report['success'])}</h2><p>{report['rows']:,} rows.</p>"
            "<table><tr><th>Check</th><th>Column</th><th>Why</th><th>Unexpected rows</th>"
            "<th>Result</th></tr>"
        )
        for result in report["results"]:
            count = result["unexpected_count"]
            verdict = _verdict(result["success"])
            if result["exception"] is not None:
                verdict += f", could not be checked: {escape(result['exception'])}"
            parts.append(
                f"<tr><td><code>{escape(result['expectation'])}</code></td>"
                f"<td><code>{escape(result['column'])}</code></td>"
                f"<td>{escape(result['why'])}</td>"
                f'<td class="number">{"" if count is None else f"{count:,}"}</td>'
                f"<td>{verdict}</td></tr>"
            )
        parts.append("</table>")
    return _page(f"Validation run of {made_at:%Y-%m-%d %H:%M:%S} UTC", "".join(parts))


def _verdict(success: bool) -> str:
    return '<span class="pass">passed</span>' if success else '<span class="fail">failed</span>'


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
