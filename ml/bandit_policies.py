"""What other policies would have brought in the recommendation slots, from the log of one policy.

Here: the value of every policy in every slot and in all together, the change of the average order
value, the card. Not here: what was shown and what came of it
(`dbt/models/ml_inputs/ml_impressions.sql`), the policies (`slot_policies`), on which impressions
they are valued (`slot_values`), and the estimators (`off_policy`).

Policies learn from earlier days and are valued, as they stood then, on the last days whose rewards
are over: no value is fitted on its own rewards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

from ml.cards import canonical_json, fingerprint, make_card, metric_rows, model_version
from ml.slot_impressions import LeftOut, date_of, slots_of, sorted_impressions
from ml.slot_policies import POLICIES
from ml.slot_values import (
    ALL_SLOTS,
    REWARDS,
    BanditParams,
    Period,
    ValuedSlot,
    all_of,
    implausible,
    period_of,
    value_slot,
)

CODE_VERSION = "1"
DAILY_ORDERS_SCHEMA = pa.schema(
    [("event_date", pa.date32()), ("orders", pa.int64()), ("gross_revenue", pa.float64())]
)
_NUMBERS = (
    "value", "ci_low", "ci_high", "standard_error", "logged_value", "difference", "difference_low",
    "difference_high", "lift", "aov_change", "aov_change_low", "aov_change_high",
)  # fmt: skip
BANDIT_POLICIES_SCHEMA = pa.schema(
    [("list_id", pa.string()), ("position", pa.int32())]
    + [(name, pa.string()) for name in ("policy", "reward", "method")]
    + [("is_better", pa.bool_())]
    + [(name, pa.float64()) for name in _NUMBERS]
    + [("impressions", pa.int64())]
    + [(n, pa.float64()) for n in ("effective_impressions", "effective_rewards", "mean_weight")]
    + [("model_version", pa.string())]
)
Row = dict[str, Any]


@dataclass(frozen=True)
class BanditRun:
    """Everything that a partition's run yields.

    Attributes:
        policies: BANDIT_POLICIES_SCHEMA, by list, position, policy, reward and method.
        metrics: rows of MODEL_METRICS_SCHEMA; none where no slot can be valued.
        card: the card, plain JSON.
        reason: in a sentence, what came of it, or why nothing did.
        warning: why the logged probabilities cannot be true; empty if they can.
    """

    policies: pa.Table
    metrics: list[Row]
    card: dict[str, Any]
    reason: str
    warning: str

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


def value_policies(
    impressions: pa.Table, orders: pa.Table, as_of: date, params: BanditParams | None = None
) -> BanditRun:
    """Value every policy in every slot that was shown often enough.

    Args:
        impressions: `slot_impressions.IMPRESSIONS_SCHEMA`, in any order.
        orders: DAILY_ORDERS_SCHEMA, a row a date.
        as_of: partition date.
        params: settings; None for the defaults.

    Returns:
        The run; the table is empty where no slot can be valued, and the reason says why.

    Raises:
        ValueError: a column is missing, or a value cannot be (see `sorted_impressions`).
    """
    params = params or BanditParams()
    known = sorted_impressions(impressions)
    daily = orders.select(DAILY_ORDERS_SCHEMA.names).cast(DAILY_ORDERS_SCHEMA)
    daily = daily.sort_by("event_date")
    slots, left_out = slots_of(known, params.deepest)
    reward_days = pc.max(known["reward_days"]).as_py() or 0
    period = period_of(slots, as_of, reward_days, params)
    valued = [one for slot in slots if (one := value_slot(slot, period, params)) is not None]
    data = fingerprint(known) + fingerprint(daily)
    version = model_version("bandits", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)
    count, revenue = _orders_of(daily, period)
    everything = [*valued, all_of(valued)] if valued else []
    rows = [
        {**row, "model_version": version} for one in everything for row in _rows(one, count, params)
    ]
    first, last = pc.min(known["event_date"]).as_py(), pc.max(known["event_date"]).as_py()
    measures = _measures(rows, everything, left_out, count, revenue)
    metrics = metric_rows(measures, version, first, last)
    usable = sum(one.days.size for one in slots)
    reason = _reason(rows, period) if valued else _nothing(usable, left_out, params)
    warning = implausible(everything, params)
    card = make_card(
        name="bandits",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=first,
        data_to=last,
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline="what the logged policy brought on the same impressions",
        served="statistics",
        gate_reason=warning or reason,
        counts={"impressions": usable, **asdict(left_out), "slots": len(valued)},
    )
    card["logged_by"] = sorted(set(known["logged_by"].drop_null().to_pylist()))
    card["valued"] = (
        {"from": str(date_of(period.valued_from)), "to": str(date_of(period.valued_to)),
         "learned_to": str(date_of(period.learned_to))}
        if valued else {}
    )  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=BANDIT_POLICIES_SCHEMA)
    return BanditRun(table, metrics, card, reason, warning)


def _rows(slot: ValuedSlot, orders: int, params: BanditParams) -> Iterator[Row]:
    reach = float(-special.ndtri((1 - params.level) / 2))
    # The best of several policies looks better than it is (Bonferroni).
    reach_of_all = float(-special.ndtri((1 - params.level) / (2 * len(POLICIES))))
    for policy in POLICIES:
        for reward in REWARDS:
            one = slot.valued[policy, reward]
            logged = float(one.rewards.mean())
            for found in one.estimates(params.level):
                is_known = found.effective_rewards >= params.min_rewards
                gain, error = found.gain, found.gain_error if is_known else np.nan
                low, high = gain - reach * error, gain + reach * error
                bounds = (found.low, found.high) if is_known else (np.nan, np.nan)
                # An order in so many impressions: a gain of each is that many gains of an order.
                per_order = slot.shown / orders if reward == "revenue" and orders else np.nan
                numbers = (
                    found.value, *bounds, found.standard_error, logged, gain, low, high,
                    gain / logged if logged > 0 else np.nan, gain * per_order, low * per_order,
                    high * per_order,
                )  # fmt: skip
                yield {
                    "list_id": slot.list_id,
                    "position": slot.position,
                    "policy": policy,
                    "reward": reward,
                    "method": found.method,
                    "is_better": bool(gain > reach_of_all * error),
                    **{name: _number(x) for name, x in zip(_NUMBERS, numbers, strict=True)},
                    "impressions": one.rewards.size,
                    "effective_impressions": found.effective_impressions,
                    "effective_rewards": found.effective_rewards,
                    "mean_weight": float(one.weights.mean()),
                }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _orders_of(daily: pa.Table, period: Period) -> tuple[int, float]:
    """Orders with a value on the valued days, and their gross revenue."""
    days = np.asarray(daily["event_date"].cast(pa.int32()).to_numpy(), np.int64)
    inside = (days >= period.valued_from) & (days <= period.valued_to)
    counts, revenue = (np.asarray(daily[name].to_numpy()) for name in ("orders", "gross_revenue"))
    return int(counts[inside].sum()), float(revenue[inside].sum())


def _measures(
    rows: Sequence[Row], slots: Sequence[ValuedSlot], left_out: LeftOut, orders: int, revenue: float
) -> dict[tuple[str, str], tuple[float, float | None]]:
    """What is known of the policies over all slots, and of the log, by model and metric."""
    if not slots:
        return {}
    of_policies = {
        (f"bandit_{row['policy']}", f"{row['reward']}_per_impression"): (
            row["value"],
            row["logged_value"],
        )
        for row in rows
        if row["list_id"] == ALL_SLOTS and row["position"] is None and row["method"] == "DR"
    }
    of_log: dict[str, tuple[float | None, float | None]] = {
        f"mean_weight_{name}": (float(one.weights.mean()), 1.0)
        for name, one in slots[-1].checks.items()
    }
    of_log["aov"] = (_number(revenue / orders) if orders else None, None)
    of_log["impressions_per_order"] = (slots[-1].shown / orders if orders else None, None)
    of_log["impressions_valued"] = (float(slots[-1].shown), None)
    of_log["impressions_without_propensity"] = (float(left_out.without_propensity), None)
    found = of_policies | {("bandits", metric): pair for metric, pair in of_log.items()}
    return {
        name: (value, baseline) for name, (value, baseline) in found.items() if value is not None
    }


def _reason(rows: Sequence[Row], period: Period) -> str:
    """The best policy by revenue, over all slots."""
    of_all = [
        row
        for row in rows
        if row["list_id"] == ALL_SLOTS
        and row["position"] is None
        and (row["reward"], row["method"]) == ("revenue", "DR")
    ]
    count = of_all[0]["impressions"]
    span = f"{count} impressions from {date_of(period.valued_from)} to {date_of(period.valued_to)}"
    better = [row for row in of_all if row["is_better"]]
    if not better:
        return f"no policy is better by revenue than what was shown, over {span}"
    best = max(better, key=lambda row: row["difference_low"])
    text = (
        f"{best['policy']} is better by revenue than what was shown, over {span}: "
        f"{best['difference']:+.4f} an impression "
        f"({best['difference_low']:+.4f} to {best['difference_high']:+.4f})"
    )
    if best["aov_change"] is None:
        return text
    return (
        f"{text}, an average order {best['aov_change']:+.2f} "
        f"({best['aov_change_low']:+.2f} to {best['aov_change_high']:+.2f})"
    )


def _nothing(usable: int, left_out: LeftOut, params: BanditParams) -> str:
    return (
        f"no slot was shown often enough: {params.min_impressions} impressions to learn from and "
        f"{params.min_impressions} to value, to {params.min_visitors} visitors, are needed; "
        f"{usable} in all can be used, {left_out.without_propensity} have no propensity, "
        f"{left_out.without_slate} stand below something unknown"
    )
