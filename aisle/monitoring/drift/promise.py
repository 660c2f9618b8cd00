"""Is the promise of the automatic decisions kept? A bound of their error that holds at every look.

What people say of a random sample of the automatic decisions, in the order in which they say it, is held
against the error that was promised. MAPIE's RiskMonitoring: Podkopaev and Ramdas 2022, Tracking the risk of a
deployed model and detecting harmful distribution shifts. If the promise is kept, an alarm is ever raised with
probability alpha at most: an alarm is a proof at that level.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kept:
    """The error of reviewed automatic decisions, decision by decision.

    Attributes
    ----------
    error
        (n,): share that was wrong so far.
    low
        (n,): time-uniform lower bound.
    broken_at
        The first decision, from 0, after which the bound is above what was promised; None while it is not.
    """

    error: np.ndarray
    low: np.ndarray
    broken_at: int | None


def watch(wrong: np.ndarray, target_error: float, alpha: float) -> Kept:
    """Return whether a promise is broken.

    Parameters
    ----------
    wrong
        Boolean (n,), in the order of the reviews.
    target_error
        Share of the automatic decisions that may be wrong, as promised.
    alpha
        How often a kept promise may be called broken, over all time.
    """
    from mapie.exchangeability_testing import RiskMonitoring

    if not len(wrong):
        return Kept(np.empty(0), np.empty(0), None)
    # half of the level is the threshold's, which is given here, and half of the rest the other side's
    monitor = RiskMonitoring("accuracy", test_level=min(4 * alpha, 0.99), threshold=target_error, warn=False)
    monitor.update(np.ones(len(wrong), int), (~wrong).astype(int))
    low = monitor.online_risk_lower_bound_sequence_history
    beyond = np.flatnonzero(low > target_error)
    error = wrong.cumsum() / np.arange(1, len(wrong) + 1)
    return Kept(error, low, int(beyond[0]) if len(beyond) else None)
