"""Split traffic: who gets which arm, whether the split is what was declared, and whether the arms differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd

from aisle.monitoring.experiments import e_process

RESOLUTION = 2**64
PRIOR = 30.0
"""Units that what is expected of both arms counts as in what is expected of each; chosen by simulation."""


def assign(unit: str, experiment: str, arms: Mapping[str, float]) -> str:
    """Return the arm of a unit: the same whenever and wherever it is asked.

    Parameters
    ----------
    unit
        Near-duplicate group or seller: what must not see both arms.
    experiment
        Its name; it salts the hash, so that experiments do not share their splits.
    arms
        Each arm's share; they sum to 1.
    """
    digest = sha256(f"{experiment}\0{unit}".encode()).digest()
    place, reached = int.from_bytes(digest[:8], "big") / RESOLUTION, 0.0
    for arm, share in arms.items():
        reached += share
        if place < reached:
            return arm
    return [*arms][-1]  # the sum of the shares may lack the last bit


@dataclass(frozen=True)
class Traffic:
    """What is known after each of n units of two arms.

    Attributes
    ----------
    mismatch_log_e, mismatch_p
        (n,): evidence that arms do not have their declared shares, and its p value at every look.
    log_e, p
        (n,): evidence that the arms differ, and its p value at every look.
    effect
        (n,): share of successes of the second arm minus that of the first, so far.
    low, high
        (n,): confidence sequence of the effect.
    """

    mismatch_log_e: np.ndarray
    mismatch_p: np.ndarray
    log_e: np.ndarray
    p: np.ndarray
    effect: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mismatch(second: np.ndarray, share: float) -> np.ndarray:
    """Return the log e-process of a sample ratio mismatch, along the last axis.

    Parameters
    ----------
    second
        Boolean (..., n): whether each unit is in the second arm.
    share
        Declared for the second arm.
    """
    ones = second.cumsum(-1)
    counts = np.stack([np.arange(1, second.shape[-1] + 1) - ones, ones], -1)
    return e_process.log_mixture(counts, np.array([1 - share, share]), concentration=10.0)


def log_evidence(second: np.ndarray, success: np.ndarray, share: float) -> np.ndarray:
    """Return the logarithm of the e-process against "both arms succeed equally often", along the last axis.

    Each unit's outcome is bet on at what is expected of its arm against what is expected of a unit whose arm
    is not known, both from the units before. Where arms do not matter and are drawn with the declared shares,
    no bet gains on average, whatever the share of successes. Turner, Ly and Grünwald 2024, Generic
    E-variables for exact sequential k-sample tests that allow for optional stopping, for arms that are drawn.

    Parameters
    ----------
    second, success
        Boolean (..., n), in the order of arrival.
    share
        Of the second arm.
    """
    looks, hits = np.arange(second.shape[-1]), success.cumsum(-1) - success
    pooled = (hits + 0.5) / (looks + 1)
    expected = []
    for arm in (second, ~second):
        seen, own = arm.cumsum(-1) - arm, (arm & success).cumsum(-1) - (arm & success)
        expected.append((own + PRIOR * pooled) / (seen + PRIOR))
    of_arm = np.where(second, *expected)
    of_any = share * expected[0] + (1 - share) * expected[1]
    gain = np.where(success, np.log(of_arm / of_any), np.log((1 - of_arm) / (1 - of_any)))
    return np.asarray(gain.cumsum(-1))


def effects(second: np.ndarray, success: np.ndarray, share: float) -> np.ndarray:
    """Return n unbiased estimates of the arms' difference, one of each unit, by inverse probability.

    What is expected of a success, from the units before, is taken off first: it leaves the mean as it is,
    since a unit's arm is drawn whatever came before, and the variance becomes that of a comparison of two
    shares.

    Parameters
    ----------
    second, success
        Boolean (n,), in the order of arrival.
    share
        Of the second arm.

    Returns
    -------
    numpy.ndarray
        (n,): between -1 and 1 times 1 / min(share, 1 - share).
    """
    before = np.concatenate([[0.0], success.cumsum()[:-1]])
    expected = (before + 0.5) / (np.arange(len(success)) + 1)
    return np.asarray((success - expected) * np.where(second, 1 / share, -1 / (1 - share)))


def compare(second: np.ndarray, success: np.ndarray, share: float, confidence: float) -> Traffic:
    """Return what n units say, look by look.

    Parameters
    ----------
    second, success, share
        See `effects`.
    confidence
        Of the confidence sequence.
    """
    evidence, differ = mismatch(second, share), log_evidence(second, success, share)
    limit = 1 / min(share, 1 - share)
    low, high = e_process.confidence_sequence(effects(second, success, share), -limit, limit, confidence)
    looks = np.arange(1, len(second) + 1)
    n = second.cumsum(), looks - second.cumsum()
    hits = (success & second).cumsum(), (success & ~second).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):  # until both arms have a unit there is no difference
        effect = hits[0] / n[0] - hits[1] / n[1]
    return Traffic(
        evidence, e_process.p_values(evidence), differ, e_process.p_values(differ), effect, low, high
    )


def first_of_each(events: pd.DataFrame) -> pd.DataFrame:
    """Return the first event of each unit, by time and unit: units are independent, events of one are not.

    Parameters
    ----------
    events
        at, unit, arm, success.
    """
    return events.sort_values(["at", "unit"]).drop_duplicates("unit", ignore_index=True)


def units_needed(rate: float, effect: float, share: float, alpha: float, power: float) -> float:
    """Return how many units, in both arms, a test looked at once needs: the least that any test can do with.

    Parameters
    ----------
    rate
        Share of successes in the first arm.
    effect
        Difference to be found.
    share
        Of the second arm.
    alpha, power
        Of the test, two-sided.
    """
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    upper = rate + effect if rate + effect < 1 else rate - effect
    size = abs(proportion_effectsize(upper, rate))
    ratio = share / (1 - share)
    first = NormalIndPower().solve_power(size, alpha=alpha, power=power, ratio=ratio)
    return float(first * (1 + ratio))


def power_of(n: int, rate: float, effect: float, share: float, alpha: float) -> float:
    """Return the power of a test looked at once after n units; see `units_needed`."""
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    upper = rate + effect if rate + effect < 1 else rate - effect
    size = abs(proportion_effectsize(upper, rate))
    return float(NormalIndPower().power(size, n * (1 - share), alpha, ratio=share / (1 - share)))
