"""The value of a policy on a published log of two policies in the same week.

Ten thousand impressions each on a fashion shop's front page (Open Bandit Dataset, campaign men).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ml.off_policy import policy_value


def test_the_uniform_policy_on_the_open_bandit_log(shared_data: Path):
    folder = shared_data / "bandit_obd_men"
    by_sampling, at_random = (
        pd.read_csv(folder / name / "men.csv.gz") for name in ("bts", "random")
    )
    uniform = np.full(10_000, 1 / 34)
    ips, snips = policy_value(by_sampling["click"], by_sampling["propensity_score"], uniform)
    # The publisher's figures for these rows.
    assert (round(ips.value, 6), round(snips.value, 6)) == (0.003009, 0.003189)
    # What showing at random brought indeed, within what 46 clicks can tell.
    brought = at_random["click"].mean()
    assert brought == 0.0046
    assert snips.low - 0.0014 < brought < snips.high + 0.0014
    assert snips.effective_impressions < 1_000
