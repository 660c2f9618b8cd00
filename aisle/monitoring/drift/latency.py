"""Answers of the service that come more slowly than in the weeks before.

Days are what is exchanged: answers of one day wait for one another, and a week has all weekdays, as those
before have. The statistic is the mean over days of the logarithm of a day's 95th percentile, so that a day of
many requests counts as one of few. What fails has no answer and is not in the store: Prometheus counts it
(docker/monitoring/rules.yml).
"""

import numpy as np
import pandas as pd

from aisle.monitoring.drift.permutation import labellings, mean_differences, p_value

TAIL = 0.95
MIN_DAYS = 3
"""Days of a week with answers, below which nothing is said of it; and of those before."""


def by_week(
    answers: pd.DataFrame, weeks: list[str], n_permutations: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return the p value that a week's answers are no slower than those before it.

    Parameters
    ----------
    answers
        day (ISO), ms: how long a product waited and was predicted.
    weeks
        Mondays, in order.
    n_permutations, rng
        Of days, and who draws them.

    Returns
    -------
    dict of str to float
        Of the weeks that have days enough, and days enough before them.
    """
    slow = np.log(answers.groupby("day")["ms"].quantile(TAIL).clip(lower=1e-3))
    monday = (
        pd.to_datetime(slow.index.to_series()).dt.to_period("W-SUN").dt.start_time.dt.strftime("%Y-%m-%d")
    )
    week, found = monday.to_numpy(str), {}
    for each in weeks:
        known = week <= each
        new = week[known] == each
        if min(new.sum(), (~new).sum()) < MIN_DAYS:
            continue
        labels = labellings(np.arange(len(new)), new, n_permutations, rng)
        found[each] = p_value(mean_differences(slow.to_numpy()[known][:, None], labels)[0])
    return found
