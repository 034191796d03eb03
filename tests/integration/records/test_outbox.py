"""The outbox: each firing told once, taken back once, and of whom nothing is told.

What a kill at any step leaves is tried in `test_publications`, with the other records.
"""

from pathlib import Path

import pytest

from dagster_project.ingest import durable
from dagster_project.records.audit import record_problems
from dagster_project.records.entries import load_entries
from dagster_project.records.rewriting import rewrite_without
from dagster_project.state import StatePaths
from tests.integration.records.published_state import (
    build,
    firing,
    outbox,
    publish,
    seal_day,
    state,
)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """The first three days of November are closed."""
    made = state(tmp_path / "state")
    for number in (1, 2, 3):
        seal_day(made, f"2026-11-0{number}")
    return made


def told(paths: StatePaths) -> list[tuple[str, str]]:
    return [(line["firing_id"], line["state"]) for line in outbox(paths)]


def test_what_fired_in_the_last_48_hours_is_sent_and_what_is_older_is_expired(paths):
    build(paths, [], firings=[
        firing("older", "01 23:59:59.999999"), firing("edge", "02 00:00"),
        firing("last", "03 23:59"),
    ])  # fmt: skip
    publish(paths)
    assert told(paths) == [("older", "expired"), ("edge", "sent"), ("last", "sent")]


def test_what_fires_after_the_last_closed_day_waits_until_that_day_is_closed(paths):
    firings = [firing("tomorrow", "04 00:00")]
    build(paths, [], firings=firings)
    publish(paths)
    assert told(paths) == []
    seal_day(paths, "2026-11-04")
    build(paths, [], firings=firings)
    publish(paths)
    assert told(paths) == [("tomorrow", "sent")]


def test_before_the_first_closed_day_nothing_is_told(tmp_path):
    made = state(tmp_path / "state")
    seal_day(made, "2026-11-01", closes=False)
    build(made, [], firings=[firing("one", "01 10:00")])
    publish(made)
    assert told(made) == []


def test_a_firing_is_told_once_however_often_it_is_published_and_built(paths):
    for _ in range(3):
        build(paths, [], firings=[firing("one", "03 10:00"), firing("old", "01 10:00")])
        publish(paths)
    # Days later what was sent is not expired as well.
    seal_day(paths, "2026-11-09")
    build(paths, [], firings=[firing("one", "03 10:00"), firing("old", "01 10:00")])
    publish(paths)
    assert told(paths) == [("old", "expired"), ("one", "sent")]


def test_what_is_none_any_more_is_taken_back_once_and_what_expired_is_not(paths):
    sent = [firing("one", "03 10:00"), firing("old", "01 10:00")]
    build(paths, [], firings=sent)
    publish(paths)
    for _ in range(2):
        build(paths, [])
        publish(paths)
    assert told(paths) == [("old", "expired"), ("one", "sent"), ("one", "retracted")]
    # It comes back: nothing is sent a second time.
    build(paths, [], firings=sent)
    publish(paths)
    assert len(told(paths)) == 3


def test_who_is_held_out_has_no_line(paths):
    build(paths, [], firings=[firing("one", "03 10:00", is_holdout=True)])
    publish(paths)
    assert told(paths) == []


def test_a_line_says_what_to_send_to_whom_and_why(paths):
    build(paths, [], firings=[firing("one", "03 10:00")])
    publish(paths)
    assert outbox(paths) == [
        {
            "publication": 1, "built_from_seal": 3, "published_after": "2026-11-03",
            "published_at": "2026-11-30T12:00:00.000000Z", "firing_id": "one", "state": "sent",
            "rule": "shoes_disliked", "person_id": "anna", "visitor_id": "v-anna",
            "fired_at": "2026-11-03T10:00:00.000000Z", "response": "discount",
            "discount_min_pct": 10.0, "discount_max_pct": 15.0,
            "suggested_product_ids": ["p1", "p2"], "evidence_event_keys": ["e-one"],
        }
    ]  # fmt: skip


def test_a_retraction_names_the_firing_and_nothing_to_send(paths):
    build(paths, [], firings=[firing("one", "03 10:00")])
    publish(paths)
    build(paths, [])
    publish(paths)
    line = outbox(paths)[-1]
    assert (line["rule"], line["person_id"], line["response"]) == (
        "shoes_disliked", "anna", "discount",
    )  # fmt: skip
    assert line["suggested_product_ids"] is None
    assert line["evidence_event_keys"] is None


def test_an_erasure_takes_the_person_out_and_nothing_is_sent_of_them_again(paths):
    firings = [firing("hers", "03 10:00"), firing("his", "03 11:00", person="ben")]
    build(paths, [], firings=firings)
    publish(paths)
    before = load_entries(paths)[-1].parts[-1].sha256
    (rewritten,) = rewrite_without(paths, ["anna", "v-anna"], 7)
    assert (rewritten.rows_gone, rewritten.before) == (1, before)
    assert rewritten.after == durable.sha256_of(paths.home / rewritten.path)
    assert told(paths) == [("his", "sent")]
    assert record_problems(paths, {7}) == []
    # The firing is a fact still, under a name that leads nowhere.
    build(paths, [], firings=firings, erased=("anna",))
    publish(paths)
    build(paths, [], firings=firings[1:], erased=("anna",))
    publish(paths)
    assert told(paths) == [("his", "sent")]


def test_a_line_that_was_changed_added_or_removed_is_found(paths):
    build(paths, [], firings=[firing("one", "03 10:00"), firing("two", "03 11:00")])
    publish(paths)
    file = paths.records / "outbox" / "00000001.jsonl"
    content = file.read_bytes()
    first, second = content.splitlines(keepends=True)
    for other in (first, second + first, content.replace(b"15.0", b"95.0"), content + first):
        file.write_bytes(other)
        assert record_problems(paths, ()) == [
            "records/outbox/00000001.jsonl: differs from what entry 1 holds"
        ]
    file.write_bytes(content)
    assert record_problems(paths, ()) == []
