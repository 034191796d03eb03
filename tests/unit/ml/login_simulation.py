"""Simulated logins with known anomalies, for tests of the scores.

Each person has usual hours, one or two countries, one to three devices and networks; a fifth of the
persons are new in the second half. Hotels, new telephones, journeys, late evenings and mistyped
passwords happen to everybody. One login in a hundred is replaced by an intruder's.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from ml.anomaly_logins import LOGINS_SCHEMA

KINDS = ("stolen_password", "guessed_password", "odd_hour_new_device", "same_country_new_device")
START = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
COUNTRIES = np.array(["DE", "FR", "US", "GB", "NL", "BR", "IN", "NG", "VN", "RU"])
COUNTRY_SHARE = np.array([0.5, 0.15, 0.1, 0.1, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02])


def simulate(  # noqa: C901 (one story, told in order)
    persons: int = 200, days: int = 60, seed: int = 0, anomaly_share: float = 0.01
) -> tuple[pa.Table, dict[str, str]]:
    """Return logins (LOGINS_SCHEMA; the last 20 days are scored) and event_key -> planted kind."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, int, bool, str, str, str]] = []
    planted: dict[str, str] = {}
    for p in range(persons):
        hour = rng.normal(10, 2)
        weekend = rng.random() < 0.3
        home = str(rng.choice(COUNTRIES, p=COUNTRY_SHARE))
        away = str(rng.choice(COUNTRIES, p=COUNTRY_SHARE)) if rng.random() < 0.15 else home
        devices = [f"d{p}-{i}" for i in range(rng.integers(1, 4))]
        networks = [f"10.{p}.{i}.0" for i in range(rng.integers(1, 4))]
        first_day = days // 2 if rng.random() < 0.2 else 0
        for day in range(first_day, days):
            if (day % 7 >= 5 and not weekend) or rng.random() < 0.15:
                continue
            for _ in range(1 + (rng.random() < 0.3)):
                at = START + day * 86400 + int((hour + rng.normal(0, 1.5)) % 24 * 3600)
                country = away if rng.random() < 0.1 else home
                device = devices[min(int(rng.exponential(0.6)), len(devices) - 1)]
                network = networks[min(int(rng.exponential(0.6)), len(networks) - 1)]
                chance = rng.random()
                if chance < 0.03:  # a hotel, a café, a mobile network
                    network = f"172.16.{rng.integers(250)}.0"
                elif chance < 0.035:  # a new telephone
                    devices.append(f"d{p}-{len(devices)}-{day}")
                    device = devices[-1]
                elif chance < 0.04:  # a journey
                    country = str(rng.choice(COUNTRIES, p=COUNTRY_SHARE))
                    network = f"172.16.{rng.integers(250)}.0"
                elif chance < 0.05:  # a late evening
                    at += int(rng.integers(5, 10)) * 3600
                key = f"k{len(rows):06d}"
                if rng.random() < anomaly_share and day >= first_day + 7:
                    planted[key] = kind = str(rng.choice(KINDS))
                    device, network = f"x{len(rows)}", f"203.0.{rng.integers(250)}.0"
                    if kind != "same_country_new_device":
                        country = str(rng.choice(COUNTRIES[home != COUNTRIES]))
                    if kind == "odd_hour_new_device":
                        country, at = home, at + 12 * 3600
                    if kind == "guessed_password":
                        country = home
                        for i in range(rng.integers(4, 10)):
                            failed = f"k{len(rows):06d}"
                            rows.append(
                                (
                                    failed,
                                    f"p{p}",
                                    at - 60 * (i + 1),
                                    False,
                                    country,
                                    device,
                                    network,
                                )
                            )
                            planted[failed] = "failure_before"
                        planted.pop(key)
                        key = f"k{len(rows):06d}"
                        planted[key] = kind
                elif rng.random() < 0.04:
                    rows.append(
                        (f"k{len(rows):06d}", f"p{p}", at - 20, False, country, device, network)
                    )
                    key = f"k{len(rows):06d}"
                rows.append((key, f"p{p}", at, True, country, device, network))
    columns = list(zip(*rows, strict=True))
    scored = [at >= START + (days - 20) * 86400 for at in columns[2]]
    arrays = [
        pa.array(columns[0]),
        pa.array(columns[1]),
        pa.array(np.array(columns[2]) * 1_000_000, pa.timestamp("us")),
        *(pa.array(c) for c in columns[3:]),
        pa.array(np.ones(len(rows), dtype=np.int64)),
        pa.array(scored),
    ]
    return pa.Table.from_arrays(arrays, schema=LOGINS_SCHEMA), planted
