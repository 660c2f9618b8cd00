"""Evidence that may be looked at after every observation: mixture e-processes and confidence sequences.

An e-process starts at 1 and, while the hypothesis holds, is expected to stay there; by Ville's inequality it
ever reaches 1 / alpha with probability alpha at most. So who looks at every step and stops where it does is
wrong no more often than who looks once (Ramdas et al. 2023, Game-theoretic statistics and safe anytime-valid
inference).

The mixtures are closed forms. The confidence sequences are MAPIE's conjugate mixture empirical Bernstein
bounds (Howard et al. 2021, Time-uniform, nonparametric, nonasymptotic confidence sequences, theorem 4).
"""

from typing import Literal

import numpy as np
from scipy.special import gammaln

OPTIMAL_TIME = 10.0
"""Sum of squared deviations at which a confidence sequence is as narrow as it can be made: that of some 100
paired comparisons of which a tenth disagree. Elsewhere it is valid all the same, and a little wider."""


def log_mixture(counts: np.ndarray, shares: np.ndarray, concentration: float = 1.0) -> np.ndarray:
    """Return the logarithm of the Dirichlet-multinomial mixture e-process against given shares.

    With two equal shares it is the beta-binomial mixture of a sign test. Lindon and Malek 2022, Anytime-valid
    inference for multinomial count data, equation 6.

    Parameters
    ----------
    counts
        (..., k): how often each of k outcomes was seen up to each look.
    shares
        (k,): their probabilities under the hypothesis, which sum to 1.
    concentration
        Of the Dirichlet prior around the shares, as a multiple of k: 1 is flat where shares are equal. The
        larger it is, the more the mixture looks for small deviations.

    Returns
    -------
    numpy.ndarray
        (...): 0 before the first observation.
    """
    counts, shares = np.asarray(counts, float), np.asarray(shares, float)
    prior = concentration * len(shares) * shares
    mixture = gammaln(prior + counts).sum(-1) - gammaln((prior + counts).sum(-1))
    mixture += gammaln(prior.sum()) - gammaln(prior).sum()
    return np.asarray(mixture - counts @ np.log(shares))


def p_values(log_e: np.ndarray) -> np.ndarray:
    """Return the p value that holds at every look, 1 / the largest e-value so far, along the last axis."""
    return np.exp(-np.maximum(np.maximum.accumulate(log_e, axis=-1), 0.0))


def confidence_sequence(
    values: np.ndarray, low: float, high: float, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of the mean of bounded observations that hold at all looks at once.

    Parameters
    ----------
    values
        (n,): in the order of their arrival, each between `low` and `high`; their conditional mean is
        constant.
    low, high
        What they cannot be beyond.
    confidence
        That the mean is between the bounds at every look.

    Returns
    -------
    lower, upper : numpy.ndarray
        (n,): each narrows from look to look.
    """
    alpha = 1 - confidence
    return (
        one_sided_bound(values, low, high, alpha / 2, "lower"),
        one_sided_bound(values, low, high, alpha / 2, "upper"),
    )


def one_sided_bound(
    values: np.ndarray, low: float, high: float, alpha: float, side: Literal["lower", "upper"]
) -> np.ndarray:
    """Return a bound (n,) of the mean of bounded observations, ever wrong with probability `alpha`.

    See `confidence_sequence`.
    """
    from mapie.exchangeability_testing.bounds import conjugate_mixture_empirical_bernstein_bound

    if not len(values):
        return np.empty(0)
    width = high - low
    scaled = (np.asarray(values, float) - low) / width
    # MAPIE spends half of its alpha on each side whichever is asked for
    found = conjugate_mixture_empirical_bernstein_bound(
        scaled, v_opt=OPTIMAL_TIME / width**2, alpha=2 * alpha, bound_side=side
    )
    return np.asarray(low + width * found)
