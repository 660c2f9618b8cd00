"""Shares of the categories by period, and which categories are new, vanish, grow or shrink."""

import numpy as np
import pandas as pd
from scipy.stats import binom, fisher_exact

NEW, VANISHING, GROWS, SHRINKS, STEADY = "new", "vanishing", "grows", "shrinks", "steady"
BY_PERIOD = ["period", "category", "products", "share", "share_low", "share_high"]
CHANGES = ["category", "share_before", "share_last", "p", "p_holm", "change"]


def by_period(products: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the share of each category in each period, with Wilson's interval.

    Parameters
    ----------
    products
        period, category; one of each near-duplicate group.
    confidence
        Of the intervals, each by itself.
    """
    from statsmodels.stats.proportion import proportion_confint

    counts = pd.crosstab(products["period"], products["category"])
    table = counts.reset_index().melt("period", value_name="products")
    total = table["period"].map(counts.sum(axis=1)).to_numpy()
    low, high = proportion_confint(table["products"], total, 1 - confidence, "wilson")
    table = table.assign(share=table["products"] / total, share_low=low, share_high=high)
    return table[BY_PERIOD].sort_values(["period", "category"], ignore_index=True)


def changes(products: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return how each category's share in the last period differs from that before.

    Fisher's exact test, two-sided; of a category that is in one part alone the binomial probability of none
    there. Holm's correction over the categories.

    Parameters
    ----------
    products
        period, category; one of each near-duplicate group; two periods or more.
    alpha
        How often a change may be told where there is none, all categories together.
    """
    from statsmodels.stats.multitest import multipletests

    last = (products["period"] == products["period"].max()).to_numpy()
    rows = []
    for name in sorted(products["category"].unique()):
        own = (products["category"] == name).to_numpy()
        before, now = int(own[~last].sum()), int(own[last].sum())
        n_before, n_now = int((~last).sum()), int(last.sum())
        p = fisher_exact([[now, n_now - now], [before, n_before - before]]).pvalue
        if not now:
            p = min(1.0, 2 * binom.pmf(0, n_now, before / n_before))
        rows.append((name, before / n_before, now / n_now, float(p)))
    table = pd.DataFrame(rows, columns=CHANGES[:4])
    told, corrected = multipletests(table["p"], alpha, "holm")[:2]
    grows = table["share_last"] > table["share_before"]
    kind = np.where(grows, GROWS, SHRINKS)
    kind = np.where(table["share_before"] == 0, NEW, np.where(table["share_last"] == 0, VANISHING, kind))
    return table.assign(p_holm=corrected, change=np.where(told, kind, STEADY))[CHANGES]
