"""`footfall plan-experiment`: how many persons and days it takes to find an effect."""

import argparse
import math
from pathlib import Path
from typing import Any, Final

from dagster_project.cli.query import open_published
from dagster_project.cli.tables import render_table
from dagster_project.experiment_baseline import declared_metrics, measurable, measure
from dagster_project.ingest.errors import UsageError
from dagster_project.state import StatePaths
from ml.experiment_power import Baseline, plan_sample

# Around the effect asked for: what a smaller or larger one would take.
_BESIDE: Final = (0.5, 1.0, 2.0)
_LEAST_LIFT: Final = 1e-6


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "plan-experiment",
        help="say how many persons and days an experiment needs",
        description="Work out the sample that finds an effect. What the metric was without an "
        "experiment comes from the published tables, unless --mean is given.",
        epilog="Example: footfall plan-experiment --metric aov --lift 0.05",
    )
    parser.add_argument("--metric", default="unit_conversion_rate", help="default: %(default)s")
    parser.add_argument(
        "--lift", type=float, required=True, help="smallest relative change to find; 0.05 is 5 %%"
    )
    parser.add_argument("--power", type=float, default=0.8, help="default: %(default)s")
    parser.add_argument("--alpha", type=float, default=0.05, help="default: %(default)s")
    parser.add_argument(
        "--variants", type=int, default=2, help="with the control, default: %(default)s"
    )
    parser.add_argument("--mean", type=float, help="the metric without an experiment")
    parser.add_argument(
        "--sd", type=float, help="its standard deviation a person; of a rate it follows"
    )
    parser.add_argument(
        "--persons-per-day", type=float, help="who would meet the experiment; else who visits"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of those, who takes part, default: %(default)s"
    )
    parser.add_argument(
        "--baseline-days", type=int, default=28, help="days that are measured, default: %(default)s"
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Print the plan."""
    baseline, per_day, origin = _baseline(args, home)
    if not 0 < args.share <= 1:
        raise UsageError(f"--share {args.share}: must be above 0 and at most 1")
    per_day = None if per_day is None else per_day * args.share
    if not (math.isfinite(args.lift) and abs(args.lift) >= _LEAST_LIFT):
        raise UsageError(f"--lift {args.lift}: must be a share such as 0.05, which is 5 %")
    most = 1.0 if args.metric.endswith("_rate") else math.inf
    if baseline.mean * (1 + args.lift) > most:
        raise UsageError(
            f"--lift {args.lift}: takes {args.metric} from {baseline.mean:.4g} above 1; 0.05 is 5 %"
        )
    rows = []
    try:
        for factor in _BESIDE:
            lift = args.lift * factor
            if baseline.mean * (1 + lift) > most:
                continue
            plan = plan_sample(
                baseline, lift, power=args.power, alpha=args.alpha, variants=args.variants,
                units_per_day=per_day,
            )  # fmt: skip
            change = f"{baseline.mean:.4g} → {baseline.mean * (1 + lift):.4g}"
            rows.append([f"{lift:+.2%}", change, plan.units_per_variant, plan.units, plan.days])
    except ValueError as error:
        raise UsageError(f"plan-experiment: {error}") from error
    print(
        f"{args.metric}: {origin}; mean {baseline.mean:.4g}, standard deviation "
        f"{baseline.standard_deviation:.4g} a person, CUPED saves {baseline.correlation**2:.0%}"
    )
    print(
        f"power {args.power:.0%}, alpha {args.alpha:g} over {args.variants} variants "
        f"({plan.alpha_per_comparison:.3g} a comparison), two-sided, equal shares"
    )
    if per_day is not None:
        print(f"{per_day:,.1f} persons a day take part")
    heads = ["lift", "change", "persons a variant", "persons in all", "days"]
    print(render_table(heads, rows))
    return 0


def _baseline(args: argparse.Namespace, home: Path) -> tuple[Baseline, float | None, str]:
    """What the metric was, who comes a day, and where both are from."""
    if args.mean is not None:
        spread = args.sd if args.sd is not None else _spread_of_rate(args.metric, args.mean)
        return Baseline(args.mean, spread), args.persons_per_day, "as given"
    known = sorted(name for name in declared_metrics() if measurable(name))
    if args.metric not in known:
        raise UsageError(
            f"--metric {args.metric}: the tables tell of {', '.join(known)}; for any other give "
            "--mean and --sd"
        )
    if not 1 <= args.baseline_days <= 366:
        raise UsageError(f"--baseline-days {args.baseline_days}: must be from 1 to 366")
    with open_published(StatePaths(home)) as con:
        measured = measure(con, args.metric, args.baseline_days)
    per_day = args.persons_per_day or measured.persons_per_day
    origin = f"{measured.persons:,} persons of the last {args.baseline_days} days"
    return measured.baseline, per_day, origin


def _spread_of_rate(metric: str, mean: float) -> float:
    """The standard deviation of a yes or no a person; other metrics have none that follows."""
    if not metric.endswith("_rate") or not 0 < mean < 1:
        raise UsageError("--sd: is needed with --mean, unless the metric is a rate between 0 and 1")
    return math.sqrt(mean * (1 - mean))
