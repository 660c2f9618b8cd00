"""Thresholds that predicted categories have of their own, as a decision keeps them: read by a package too."""

import math
from collections.abc import Mapping
from typing import Any

OF_CATEGORY = "threshold_category_"
"""Before the number, from 1 on, of a predicted category that has a threshold of its own."""


def category_thresholds(decision: Mapping[str, Any]) -> list[float]:
    """Return each predicted category's own threshold, in the probabilities' order; [] where one is for all.

    Parameters
    ----------
    decision
        Row of reports/evaluation/decisions.csv, or a package's `decision`.
    """
    found: list[float] = []
    while (key := f"{OF_CATEGORY}{len(found) + 1}") in decision:
        found.append(math.inf if decision[key] is None else float(decision[key]))
    return found
