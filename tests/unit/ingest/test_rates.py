"""The file of currency rates: what it gives, and what is refused with its line."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dagster_project.ingest.errors import ConfigError
from dagster_project.ingest.rates import read_rates


def rates(folder: Path, *lines: str) -> list[tuple[object, ...]]:
    (folder / "rates.csv").write_text("\n".join(["date,currency,rate", *lines]) + "\n")
    return [tuple(row.values()) for row in read_rates(folder, "rates.csv")]


def test_no_file_is_no_rates(tmp_path):
    assert read_rates(tmp_path, None) == []


def test_a_rate_holds_until_the_next_one_but_no_longer_than_seven_days_after_its_own(tmp_path):
    found = rates(
        tmp_path, "2026-05-04,USD,0.9", "2026-05-20,USD,0.8", "2026-05-22, usd ,0.7",
        "2026-05-04,GBP,1.2", "",
    )  # fmt: skip
    assert found == [
        ("GBP", date(2026, 5, 4), date(2026, 5, 12), Decimal("1.2")),
        ("USD", date(2026, 5, 4), date(2026, 5, 12), Decimal("0.9")),
        ("USD", date(2026, 5, 20), date(2026, 5, 22), Decimal("0.8")),
        ("USD", date(2026, 5, 22), date(2026, 5, 30), Decimal("0.7")),
    ]


def test_lines_come_in_any_order_and_may_repeat(tmp_path):
    lines = ["2026-05-06,USD,0.8", "2026-05-04,USD,0.9", "2026-05-06,USD,0.80"]
    assert [row[1].day for row in rates(tmp_path, *lines)] == [4, 6]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2026-05-32,USD,1", "'2026-05-32' is no date such as 2026-01-31"),
        ("2026-05-04,DOLLAR,1", "'DOLLAR' is no currency such as USD"),
        ("2026-05-04,USD,one", "'one' is no number"),
        ("2026-05-04,USD,0", "a rate of 0 does not lie between"),
        ("2026-05-04,USD,-1", "a rate of -1 does not lie between"),
        ("2026-05-04,USD,NaN", "a rate of NaN does not lie between"),
        ("2026-05-04,USD,1e400", "a rate of 1e400 does not lie between"),
        ("2026-05-04,USD,0.12345678901", "0.12345678901 has more than 10 decimals"),
        ("2026-05-04,USD", "has 2 fields, not 3"),
        ("2026-05-01,USD,2", "USD has another rate on 2026-05-01 already"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, says):
    with pytest.raises(ConfigError) as caught:
        rates(tmp_path, "2026-05-01,USD,1", line)
    assert str(caught.value).startswith(f"{tmp_path / 'rates.csv'}:3: {says}")


def test_a_file_of_another_form_is_refused(tmp_path):
    file = tmp_path / "rates.csv"
    with pytest.raises(ConfigError, match=r"rates.csv: is missing; settings.rates names it"):
        read_rates(tmp_path, "rates.csv")
    file.write_text("currency,date,rate\n")
    with pytest.raises(ConfigError, match=r"rates.csv:1: the first line must be date,currency"):
        read_rates(tmp_path, "rates.csv")
    file.write_bytes(b"date,currency,rate\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"rates.csv: cannot be read as UTF-8 text"):
        read_rates(tmp_path, "rates.csv")
