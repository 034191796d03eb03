"""The recipes of docs/formats.md, as they stand there.

Here: that the page's settings are read, and what becomes of rows made by hand. Not here: rows of
real machines, which are in tests/e2e/test_security_logs.py.
"""

import json

import pytest

from tests.candidate_rows import candidate_rows, given
from tests.recipes import recipes

CUSTOMERS = b"""customer_id,email,name,segment,country,changed_at
c1,ann@example.org,Ann Example,gold,DE,2026-11-02T10:00:00Z
"""
ORDERS = b"""order_no,customer_id,status,ordered_at,changed_at,total,currency
17,c1,new,2026-11-02T10:00:00Z,2026-11-02T10:00:00Z,30.50,EUR
17,c1,returned,2026-11-02T10:00:00Z,2026-11-05T08:00:00Z,30.50,EUR
"""
FILES = b"""id,date,user,pc,filename,activity,to_removable_media,from_removable_media,content
{A},01/05/2010 15:02:48,ABC1,PC-1,C:\\ABC1\\a.doc,File Copy,True,False,"secret, all of it"
{B},07/05/2010 15:02:48,ABC1,PC-1,R:\\x\\a.doc,File Delete,False,False,
"""


@pytest.mark.parametrize("name", ["servers", "files", "logons", "customers", "orders"])
def test_the_settings_of_each_recipe_are_read(name):
    assert name in recipes()


def test_file_accesses_say_what_was_done_to_which_file_and_not_by_whom(tmp_path):
    copied, deleted = candidate_rows(tmp_path, FILES, recipes()["files"], ".csv")
    assert given(copied) == {
        "event_id": "{A}", "event_name": "file_downloaded", "user_id": "ABC1", "device_id": "PC-1",
    }  # fmt: skip
    assert copied["properties"] == {
        "to_removable_media": "True", "action": "File Copy", "file_path": r"C:\~\a.doc",
    }  # fmt: skip
    assert deleted["event_name"] == "file_accessed"
    # New York: five hours behind in winter, four in summer.
    assert [str(row["event_ts_parsed"]) for row in (copied, deleted)] == [
        "2010-01-05 20:02:48", "2010-07-05 19:02:48",
    ]  # fmt: skip


def test_customers_are_profiles_without_their_names(tmp_path):
    (row,) = candidate_rows(tmp_path, CUSTOMERS, recipes()["customers"], ".csv")
    assert given(row) == {"event_name": "profile_updated", "user_id": "c1", "country": "DE"}
    assert row["properties"] == {"email": "ann@example.org", "crm_segment": "gold"}
    assert "Ann Example" not in json.dumps({**row, "raw": ""}, default=str)


def test_orders_are_events_at_the_time_of_what_happened_to_them(tmp_path):
    rows = candidate_rows(tmp_path, ORDERS, recipes()["orders"], ".csv")
    assert [(row["event_name"], str(row["event_ts_parsed"])) for row in rows] == [
        ("order_completed", "2026-11-02 10:00:00"), ("order_refunded", "2026-11-05 08:00:00"),
    ]  # fmt: skip
    assert {(row["order_id"], row["revenue"], row["currency"]) for row in rows} == {
        ("17", "30.50", "EUR")
    }
    assert rows[0]["properties"] == {}
