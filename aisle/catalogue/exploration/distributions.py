"""Distributions as a few figures each, so that a page of 100,000 products is as small as one of 1,000."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

QUANTILES = {"low": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.95}
"""Names of the quantiles of a box and its whiskers."""


def summary(
    measures: pd.DataFrame, categories: pd.Series, shown: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the distribution of each measure over all products and in each category.

    Parameters
    ----------
    measures
        One column per measure, NaN where a product lacks it.
    categories
        The products' categories, in the same order.
    shown
        Names of the categories that have rows of their own; all of them if left out.

    Returns
    -------
    pandas.DataFrame
        measure, category ("" for all), n (products that have it), minimum, low, q1, median, q3, high
        (QUANTILES), maximum, mean. No row where no product has the measure.
    """
    rows = []
    for measure in measures:
        values = measures[measure].reset_index(drop=True).astype(float)
        named = categories.reset_index(drop=True)
        for category in ["", *(sorted(set(named)) if shown is None else shown)]:
            chosen = values[named.eq(category) if category else slice(None)].dropna().to_numpy()
            if chosen.size:
                quantiles = np.quantile(chosen, list(QUANTILES.values()))
                rows.append(
                    {
                        "measure": measure,
                        "category": category,
                        "n": chosen.size,
                        "minimum": chosen.min(),
                        **dict(zip(QUANTILES, quantiles, strict=True)),
                        "maximum": chosen.max(),
                        "mean": chosen.mean(),
                    }
                )
    columns = ["measure", "category", "n", "minimum", *QUANTILES, "maximum", "mean"]
    return pd.DataFrame(rows, columns=columns)


def histograms(measures: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Return the histograms of measures in one unit, with the same bins of whole numbers.

    Parameters
    ----------
    measures
        One column per measure: counts, 0 or more.
    bins
        At most so many.

    Returns
    -------
    pandas.DataFrame
        measure, left, right (the bin holds left to right - 1), count.
    """
    width = int(measures.max().max()) // bins + 1 if len(measures) else 1
    edges = np.arange(0, (int(measures.max().max()) if len(measures) else 0) + width + 1, width)
    found = [
        pd.DataFrame(
            {
                "measure": measure,
                "left": edges[:-1],
                "right": edges[1:],
                "count": np.histogram(measures[measure], edges)[0],
            }
        )
        for measure in measures
    ]
    return pd.concat(found, ignore_index=True)


def picture_sizes(pictures: pd.DataFrame, step: int) -> pd.DataFrame:
    """Return how many pictures have a size.

    Parameters
    ----------
    pictures
        Columns width and height in pixels, NaN where there is no picture.
    step
        Sizes are rounded to multiples of it, in pixels.

    Returns
    -------
    pandas.DataFrame
        width, height, count.
    """
    sizes = pictures[["width", "height"]].dropna()
    rounded = ((sizes / step).round().clip(lower=1) * step).astype(int)
    return rounded.groupby(["width", "height"]).size().reset_index(name="count")
