"""Law 2 against a person with write access: a head kept elsewhere shows what hashes cannot.

Each attack changes the log and then makes every number, hash and HEAD anew, as far as a script can,
so that the folder agrees with itself: the control is that `verify` finds nothing. With the head
that was printed before, it fails and names the place. Not here: changes that the hashes inside the
folder show by themselves (`tests/integration/ingest/test_corruption.py`).
"""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dagster_project.cli import main
from dagster_project.ingest import anchor, seals, verify
from dagster_project.ingest.durable import sha256_of
from dagster_project.state import StatePaths
from tests.landed_days import bytes_below, land_day, load
from tests.sealed_log import (
    LAST,
    MIDDLE,
    NOW,
    contents,
    copy_of,
    forge_chain,
    manifest_file,
    overwrite,
    part_file,
    sealed_log,
    set_head,
)

Manifest = dict[str, Any]
ELSEWHERE = "2026-11-05"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    return sealed_log(tmp_path_factory.mktemp("sealed") / "state")


@pytest.fixture
def paths(sealed: StatePaths, tmp_path: Path) -> StatePaths:
    return copy_of(sealed, tmp_path / "state")


def printed_head(paths: StatePaths, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--home", str(paths.home), "verify", "--print-head"]) == 0
    return capsys.readouterr().out


def head_up_to(paths: StatePaths, sequence: int) -> str:
    """What was printed when the log ended at a seal."""
    return str(anchor.head_of(seals.load_chain(paths)[:sequence]))


def rewrite_part(paths: StatePaths, manifest: Manifest, rows: pa.Table) -> None:
    """Other rows in a seal's part, with everything that the manifest says of it."""
    (part,) = manifest["parts"]
    file = paths.home / part["path"]
    file.parent.mkdir(exist_ok=True)
    if file.exists():
        file.chmod(0o644)
    pq.write_table(rows, file)
    part |= {"rows": rows.num_rows, "bytes": file.stat().st_size, "sha256": sha256_of(file)}


def rows_of(paths: StatePaths, manifest: Manifest) -> pa.Table:
    return pq.ParquetFile(paths.home / manifest["parts"][0]["path"]).read()


def renumber(paths: StatePaths, manifests: list[Manifest]) -> None:
    """Let every part and quarantine file bear the number that its seal is going to have."""
    moves = []
    for sequence, manifest in enumerate(manifests, start=1):
        for one in (*manifest["parts"], *manifest["quarantine"]):
            before = paths.home / one["path"]
            after = before.parent / f"{sequence:08d}{before.name[8:]}"
            moves.append((before.rename(before.with_name(f"moving-{sequence}")), after))
            one["path"] = str(after.relative_to(paths.home))
    for before, after in moves:
        before.rename(after)


def edit(paths: StatePaths) -> None:
    manifests = contents(paths)
    rows = rows_of(paths, manifests[1])
    brands = pa.array(["forged"] * rows.num_rows, pa.string())
    column = rows.column_names.index("brand")
    rewrite_part(paths, manifests[1], rows.set_column(column, "brand", brands))
    forge_chain(paths, manifests)


def delete(paths: StatePaths) -> None:
    manifests = contents(paths)
    part_file(paths, 2).unlink()
    del manifests[1]
    renumber(paths, manifests)
    forge_chain(paths, manifests)


def delete_a_row(paths: StatePaths) -> None:
    manifests = contents(paths)
    rewrite_part(paths, manifests[3], rows_of(paths, manifests[3]).slice(1))
    manifests[3]["files"][0] |= {"read": 4, "logged": 4}
    forge_chain(paths, manifests)


def swap(paths: StatePaths) -> None:
    manifests = contents(paths)
    first, second = rows_of(paths, manifests[1]), rows_of(paths, manifests[2])
    rewrite_part(paths, manifests[1], second)
    rewrite_part(paths, manifests[2], first)
    forge_chain(paths, manifests)


def reorder(paths: StatePaths) -> None:
    first, second, third, fourth = contents(paths)
    manifests = [first, third, second, fourth]
    renumber(paths, manifests)
    forge_chain(paths, manifests)


def redate(paths: StatePaths) -> None:
    manifests = contents(paths)
    last = manifests[3]
    rows = rows_of(paths, last)
    column = rows.column_names.index("arrival_date")
    days = pa.array([date.fromisoformat(ELSEWHERE)] * rows.num_rows, pa.date32())
    part_file(paths, 4).unlink()
    last["arrival_date"] = ELSEWHERE
    last["parts"][0]["path"] = f"log/events/arrival_date={ELSEWHERE}/00000004-000.parquet"
    rewrite_part(paths, last, rows.set_column(column, "arrival_date", days))
    forge_chain(paths, manifests)


def truncate(paths: StatePaths) -> None:
    part_file(paths, 4).unlink()
    forge_chain(paths, contents(paths)[:3])


def append_a_row(paths: StatePaths) -> None:
    manifests = contents(paths)
    rows = rows_of(paths, manifests[0])
    rewrite_part(paths, manifests[0], pa.concat_tables([rows, rows.slice(0, 1)]))
    manifests[0]["files"][0] |= {"read": 4, "logged": 4}
    forge_chain(paths, manifests)


def insert_a_seal(paths: StatePaths) -> None:
    first, *rest = contents(paths)
    forged = {**first, "files": [{**first["files"][0], "path": "shop/2026-11-01/b.jsonl"}]}
    copied = paths.home / first["parts"][0]["path"]
    forged["parts"] = [
        {**first["parts"][0], "path": f"{first['parts'][0]['path'][:-8]}009.parquet"}
    ]
    shutil.copy(copied, paths.home / forged["parts"][0]["path"])
    manifests = [first, forged, *rest]
    renumber(paths, manifests)
    forge_chain(paths, manifests)


def rewrite_a_reason(paths: StatePaths) -> None:
    manifests = contents(paths)
    manifests[2]["accepted_reason"] = "approved by the auditor"
    forge_chain(paths, manifests)


@dataclass(frozen=True)
class Attack:
    """A change with all hashes made anew; with the head of seal 4, `place` and `words` are told."""

    change: Callable[[StatePaths], None]
    place: str = f"log/manifests/00000004-{LAST}.json"
    words: str = "a seal from 1 on was written anew after that"


ATTACKS = [
    Attack(edit),
    Attack(delete, "log/manifests", "seal 4 is gone, the seals end at 3"),
    Attack(delete_a_row),
    Attack(swap),
    Attack(reorder),
    Attack(redate, f"log/manifests/00000004-{ELSEWHERE}.json"),
    Attack(truncate, "log/manifests", "seal 4 is gone, the seals end at 3"),
    Attack(append_a_row),
    Attack(insert_a_seal, f"log/manifests/00000004-{MIDDLE}.json"),
    Attack(rewrite_a_reason),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.change.__name__)
def test_a_head_that_was_kept_shows_what_all_hashes_made_anew_hide(paths, attack, capsys):
    kept = printed_head(paths, capsys)
    attack.change(paths)
    # The control: the folder agrees with itself, and says so.
    assert verify.audit(paths).problems == ()
    assert main(["--home", str(paths.home), "verify"]) == 0
    capsys.readouterr()

    assert main(["--home", str(paths.home), "verify", "--expect-head", kept]) == 1

    said = capsys.readouterr().err
    assert said.splitlines()[0].startswith(f"{attack.place}: ")
    assert attack.words in said
    assert said.splitlines()[-1] == "1 places differ from what was sealed"


def test_two_heads_name_the_place_more_closely(paths):
    heads = [anchor.read_line(head_up_to(paths, sequence)) for sequence in (1, 4)]
    rewrite_a_reason(paths)
    (problem,) = anchor.differences(paths, heads)
    assert "a seal from 2 on was written anew after that" in problem


def test_a_head_of_every_seal_names_the_very_one(paths):
    heads = [anchor.read_line(head_up_to(paths, sequence)) for sequence in (1, 2, 3)]
    rewrite_a_reason(paths)
    (problem,) = anchor.differences(paths, heads)
    assert problem.startswith(f"log/manifests/00000003-{MIDDLE}.json: has the hash")
    assert "seal 3 was written anew after that" in problem


def test_a_log_that_only_grew_is_as_it_was(paths, capsys):
    kept = printed_head(paths, capsys)
    land_day(paths, "2026-11-04")
    load(paths, "2026-11-04", now="2026-11-05T03:00:00")

    assert main(["--home", str(paths.home), "verify", "--expect-head", kept]) == 0

    said = capsys.readouterr().out
    assert "ok: 5 seals" in said
    assert "every seal up to 4 is that of a head kept" in said
    assert printed_head(paths, capsys) != kept


def test_the_head_is_one_line_with_what_the_log_holds(paths, capsys):
    line = printed_head(paths, capsys)
    # By hand: 3 + 3 + 3 + 5 rows in a part a seal.
    size = sum(file.stat().st_size for file in paths.log_events.rglob("*.parquet"))
    newest = seals.load_chain(paths)[-1].hash
    assert line == f"footfall log head: seal 4 {newest}, 4 parts, 14 rows, {size} bytes\n"


def test_the_head_of_a_log_that_is_not_whole_is_not_printed(paths, capsys):
    part_file(paths, 2).unlink()
    assert main(["--home", str(paths.home), "verify", "--print-head"]) == 1
    assert capsys.readouterr().out == ""


def test_a_line_whose_totals_were_changed_is_not_believed(paths, capsys):
    kept = printed_head(paths, capsys).replace("14 rows", "15 rows")
    assert main(["--home", str(paths.home), "verify", "--expect-head", kept]) == 1
    assert "holds 14 rows in 4 parts, and a head that was kept says 15 in 4" in (
        capsys.readouterr().err
    )


def test_a_head_whose_seal_cannot_be_read_any_more_is_told(paths):
    head = anchor.read_line(head_up_to(paths, 2))
    overwrite(manifest_file(paths, 2), b"{")
    (problem,) = anchor.differences(paths, [head])
    assert problem.startswith(f"log/manifests/00000002-{MIDDLE}.json: is no manifest")
    assert problem.endswith("(a head that was kept names it)")


def test_a_seal_that_is_gone_before_the_one_that_a_head_names_is_told(paths):
    head = anchor.read_line(head_up_to(paths, 4))
    manifest_file(paths, 2).unlink()
    (problem,) = anchor.differences(paths, [head])
    # By hand: 14 rows less the 3 of the second seal.
    assert "holds 11 rows in 3 parts, and a head that was kept says 14 in 4" in problem


def test_what_is_no_head_is_wrong_use_and_not_a_passing_check(paths, capsys):
    assert main(["--home", str(paths.home), "verify", "--expect-head", "seal 4"]) == 2
    said = capsys.readouterr().err
    assert "is no head of a log; give the whole line that" in said
    assert "Traceback" not in said


def test_the_head_of_an_empty_log_holds_for_every_log_after_it(paths):
    assert anchor.differences(paths, [anchor.read_line(str(anchor.head_of([])))]) == []


def take_last_seal_away(paths: StatePaths) -> None:
    """The last manifest goes and HEAD is set back, as a crash before the seal would leave them."""
    manifest_file(paths, 4).unlink()
    set_head(paths, 3, seals.load_manifests(paths)[-1].hash)


def test_a_part_of_a_seal_that_was_taken_away_is_never_tidied_up(paths, capsys):
    kept = printed_head(paths, capsys)
    take_last_seal_away(paths)
    before = bytes_below(paths.log)

    report = load(paths, LAST, now=NOW)

    place = f"log/events/arrival_date={LAST}/00000004-000.parquet: no seal names it"
    assert report.is_chain_broken
    assert report.integrity[0].startswith(place)
    assert "a seal after 3 was taken away" in report.integrity[0]
    assert bytes_below(paths.log) == before
    assert main(["--home", str(paths.home), "verify", "--expect-head", kept]) == 1
    said = capsys.readouterr().err
    assert place in said
    assert "seal 4 is gone" in said


def test_a_quarantine_file_of_a_seal_that_was_taken_away_is_kept_too(paths):
    for sequence in (4, 3):
        part_file(paths, sequence).unlink()
        manifest_file(paths, sequence).unlink()
    set_head(paths, 2, seals.load_manifests(paths)[-1].hash)
    (kept,) = paths.quarantine.rglob("*.parquet")

    report = load(paths, MIDDLE, now=NOW)

    assert report.is_chain_broken
    assert report.integrity[0].startswith(
        f"quarantine/arrival_date={MIDDLE}/00000003.parquet: no seal names it, and no batch in "
        "staging holds the same"
    )
    assert kept.is_file()


def test_a_seal_put_onto_the_end_with_rows_that_are_not_there_is_found(paths):
    """Whoever appends cannot be told from a run; what the seal names must be there all the same."""
    manifests = contents(paths)
    forged = {**manifests[3], "arrival_date": ELSEWHERE, "files": [], "parts": []}
    forge_chain(paths, [*manifests, {**forged, "parts": manifests[3]["parts"]}])
    problems = verify.audit(paths).problems
    assert any(f"00000005-{ELSEWHERE}.json: names log/events" in one for one in problems)
    assert any(f"00000005-{ELSEWHERE}.json: parts hold 5 rows of 0" in one for one in problems)


def test_a_seal_that_is_dated_anew_with_its_part_is_told_from_the_rows(paths):
    """Where the rows themselves were left alone, no head is needed."""
    manifests = contents(paths)
    place = f"log/events/arrival_date={ELSEWHERE}/00000004-000.parquet"
    (paths.home / place).parent.mkdir()
    part_file(paths, 4).rename(paths.home / place)
    manifests[3]["arrival_date"] = ELSEWHERE
    manifests[3]["parts"][0]["path"] = place
    forge_chain(paths, manifests)
    assert verify.audit(paths).problems == (
        f"{place}: holds rows of {LAST}; seal 4 says that all came on {ELSEWHERE}",
    )


def test_a_part_outside_the_log_is_not_taken_for_one(paths):
    manifests = contents(paths)
    outside = paths.home / "elsewhere.parquet"
    overwrite(outside, part_file(paths, 4).read_bytes())
    part_file(paths, 4).unlink()
    manifests[3]["parts"][0]["path"] = "log/events/../../elsewhere.parquet"
    forge_chain(paths, manifests)
    (problem,) = verify.audit(paths).problems
    assert "is no place for a part of seal" in problem


def test_parts_are_hashed_side_by_side(paths, monkeypatch):
    """Two readers wait for each other: one by one, neither would go on."""
    both = threading.Barrier(2, timeout=20)

    def hash_of_two(file: Path) -> str:
        both.wait()
        return sha256_of(file)

    monkeypatch.setattr(verify, "sha256_of", hash_of_two)
    # Four parts; the one quarantine file has nobody to wait for.
    shutil.rmtree(paths.quarantine)
    assert verify.audit(paths).problems == ()


def test_attacks_here_change_the_rows_that_people_would_read(paths):
    """A control of `edit`: the forged value is in the log."""
    edit(paths)
    assert pc.all(pc.equal(rows_of(paths, contents(paths)[1])["brand"], "forged")).as_py()
