"""Intervals: near-duplicate groups drawn with replacement, the same resamples for every score."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from aisle.evaluation.metrics import EvaluationParams

CELLS = 1 << 21
"""Resamples x groups that are in memory in double precision at a time."""


@lru_cache(maxsize=2)
def draws(n: int, n_bootstrap: int, seed: int) -> np.ndarray:
    """Return how often each of n groups is in each bootstrap resample, uint8 (n_bootstrap, n).

    A byte each, for there are 2,000 resamples of maybe a million groups; that a group is drawn 256 times has
    a probability below 1e-500.
    """
    drawn, chance = np.empty((n_bootstrap, n), np.uint8), np.full(n, 1 / n)
    rng = np.random.default_rng(seed)
    for part in _blocks(n, n_bootstrap):
        drawn[part] = rng.multinomial(n, chance, part.stop - part.start)
    return drawn


def _blocks(n: int, n_bootstrap: int) -> Iterator[slice]:
    rows = max(CELLS // n, 1)
    return (slice(start, min(start + rows, n_bootstrap)) for start in range(0, n_bootstrap, rows))


def _summed(values: Any, params: EvaluationParams) -> np.ndarray:
    """Return the sums over each resample of what each of n groups has, (n, s), sparse or not."""
    n = values.shape[0]
    drawn = draws(n, params.n_bootstrap, params.seed)
    return np.concatenate([drawn[part].astype(float) @ values for part in _blocks(n, len(drawn))])


def resampled(counts: csr_array, params: EvaluationParams) -> np.ndarray:
    """Return the counts of `metrics.counts_by_group` of bootstrap resamples, (n_bootstrap, 3, k).

    The draws are one multinomial and one matrix product, so that every score comes from the same resamples.
    """
    return _summed(counts, params).reshape(-1, 3, counts.shape[1] // 3)


def resampled_sums(values: Any, group: np.ndarray, params: EvaluationParams) -> np.ndarray:
    """Return the sums of columns (n, s) over bootstrap resamples of the rows' groups, (n_bootstrap, s).

    The columns are an array or a sparse one.

    The resamples are those of `resampled`, where the groups are the same.
    """
    numbers = np.unique(group, return_inverse=True)[1]
    by_group = csr_array((np.ones(len(group)), (numbers, np.arange(len(group))))) @ values
    return _summed(by_group, params)


def interval(values: np.ndarray, confidence: float) -> np.ndarray:
    """Return the low and high percentile of bootstrap values along the first axis, (2, ...)."""
    return np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)


def with_interval(name: str, value: float, drawn: np.ndarray, confidence: float) -> dict[str, float]:
    """Return a score under its name, and its interval from bootstrap values as `<name>_low` and `_high`."""
    low, high = interval(drawn, confidence)
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def scores_of_sums(
    columns: Mapping[str, Any],
    scores: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    group: np.ndarray,
    params: EvaluationParams,
) -> dict[str, float]:
    """Return scores that depend on sums over the rows, each with `_low` and `_high`.

    Parameters
    ----------
    columns
        Name to what is summed over the n rows: (n,), or (n, m) for m sums under one name; sparse where m is
        large and most of it is 0.
    scores
        From the sums, by the names of `columns`, shapes (...) or (..., m), to the scores, shape (...): it is
        called with the sums over all rows and with those of all resamples at once.
    group
        Near-duplicate group of each row, (n,).
    params
        Confidence and resamples.
    """
    dense = {name: values for name, values in columns.items() if not issparse(values)}
    widths = [np.atleast_2d(values.T).shape[0] for values in dense.values()]
    matrix = np.column_stack(list(dense.values())).astype(float)
    sparse = {name: values for name, values in columns.items() if issparse(values)}

    def named(sums: np.ndarray) -> dict[str, np.ndarray]:
        parts = np.split(sums, np.cumsum(widths)[:-1], axis=-1)
        return {
            name: part if dense[name].ndim > 1 else part[..., 0]
            for name, part in zip(dense, parts, strict=True)
        }

    drawn = named(resampled_sums(matrix, group, params))
    whole = named(matrix.sum(axis=0))
    for name, values in sparse.items():
        drawn[name] = resampled_sums(values, group, params)
        whole[name] = np.asarray(values.sum(axis=0)).ravel()
    of_drawn, result = scores(drawn), dict[str, float]()
    for name, value in scores(whole).items():
        result |= with_interval(name, float(value), of_drawn[name], params.confidence)
    return result


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient, 0 where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, 0.0)
