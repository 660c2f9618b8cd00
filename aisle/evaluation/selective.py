"""What can be decided without a person: the products above a threshold whose error is bounded.

The bound is Learn-then-Test (Angelopoulos et al. 2021) with exact binomial tests in a fixed sequence, from
few accepted to many (docs/decisions/0024-bounds.md; tools/simulate_selective.py shows that it holds).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from aisle.evaluation.calibration import true_index
from aisle.evaluation.category_thresholds import category_thresholds
from aisle.models.predictions_table import TEST, probabilities

ERRORS = 5
"""Errors that the first set may hold, at most: with none allowed, one unlucky product ends the sequence."""
SHARE = 0.5
"""Of the products that the first set may be, at most, so that the sequence does not begin beyond its goal."""


def needed(target_error: float, confidence: float) -> int:
    """Return how many products must be accepted, none of them wrong, for a promise: 299 for 1 % at 95 %.

    Parameters
    ----------
    target_error
        Share of the accepted products that may be wrong.
    confidence
        Of the promise.
    """
    return math.ceil(math.log(1 - confidence) / math.log(1 - target_error))


@lru_cache(maxsize=64)
def allowed_errors(n: int, target_error: float, confidence: float) -> np.ndarray:
    """Return how many of 1 to n accepted products may be wrong, (n,); -1 where not even none would do.

    The exact binomial test: with one error more, so few are not unlikely enough under the target error.
    """
    from scipy import stats  # half a second: not for those that only read a promise

    accepted = np.arange(1, n + 1)
    quantile = stats.binom.ppf(1 - confidence, accepted, target_error)
    most = quantile - (stats.binom.cdf(quantile, accepted, target_error) > 1 - confidence)
    most.flags.writeable = False  # shared by the cache
    return most


@dataclass(frozen=True)
class Promise:
    """A threshold, and what is promised of the products at or above it.

    Attributes
    ----------
    threshold
        Products of at least this confidence are decided automatically; infinity if none may be.
    accepted, accepted_wrong
        Calibration products at or above it, and how many of them are wrong.
    bound
        Upper limit of the error among the products above it, at the promise's confidence; at most the target.
        Not a number without a threshold.
    calibrated_on
        Calibration products.
    needed
        Of `needed`.
    """

    threshold: float
    accepted: int
    accepted_wrong: int
    bound: float
    calibrated_on: int
    needed: int

    @classmethod
    def none(cls, calibrated_on: int, needed: int) -> "Promise":
        """Return the promise that promises nothing: every product goes to a person."""
        return cls(math.inf, 0, 0, math.nan, calibrated_on, needed)

    @property
    def coverage(self) -> float:
        """Share of the calibration products that are decided automatically."""
        return self.accepted / self.calibrated_on if self.calibrated_on else 0.0


def in_words(decision: Mapping[str, Any]) -> str:
    """Return what is promised of a model's automatic decisions, as a sentence.

    Parameters
    ----------
    decision
        Row of reports/evaluation/decisions.csv, or a package's `decision`.
    """
    target, confidence = f"{decision['target_error']:.1%}", f"{decision['confidence']:.0%}"
    enough, there = int(decision["needed"]), int(decision["calibrated_on"])
    own = category_thresholds(decision)
    scope = " of a category" if own else ""
    if not decision["accepted"]:
        why = f"it takes {enough:,} decided without an error, or more with some"
        if there < enough:
            why = f"too few: it takes at least {enough:,} decided without an error"
        return (
            f"No threshold: that at most {target} of the automatic decisions{scope} are wrong cannot be said "
            f"with {confidence} confidence from {there:,} products without near-duplicates ({why}). "
            "Every product goes to a person."
        )
    from_on = f"a probability of {decision['threshold']:.3f} or more"
    if own:
        decide = [each for each in own if each < math.inf]
        from_on = (
            f"a probability as each of {len(decide)} predicted categories asks, of {min(decide):.3f} to "
            f"{max(decide):.3f}; those of {len(own) - len(decide)} others go to a person"
        )
    return (
        f"With {confidence} confidence at most {decision['guaranteed_bound']:.2%} of the automatic decisions"
        f"{scope} are wrong ({target} are allowed): those of {from_on}. "
        f"Out of fold {decision['guaranteed_coverage']:.1%} of {there:,} products without near-duplicates "
        f"are above theirs, {decision['threshold_out_of_fold']:.3f}, of which "
        f"{int(decision['accepted_wrong']):,} were wrong."
    )


@dataclass(frozen=True)
class Sequence:
    """The sets of products that may be decided automatically, from few to many.

    Attributes
    ----------
    thresholds
        Each set is what lies at or above its threshold; descending.
    accepted, wrong
        Calibration products in each set, and how many of them are wrong.
    """

    thresholds: np.ndarray
    accepted: np.ndarray
    wrong: np.ndarray


def sequence(
    confidences: np.ndarray, wrong: np.ndarray, target_error: float, confidence: float, least: float = 0.0
) -> Sequence:
    """Return the sets whose error is at most the target, all of them together at this confidence.

    Sets are tested one after the other, each with one product more, until one fails. The first has the fewest
    products that may hold `ERRORS` errors, or fewer errors if that is more than `SHARE` of all: fixed without
    a look at what is wrong, so that no test pays for the others.

    Parameters
    ----------
    confidences
        Of n exchangeable products, (n,), such as the probability of the predicted category: one of each
        near-duplicate group, none of which the model has learned from.
    wrong
        Whether the prediction is wrong, boolean (n,).
    target_error, confidence
        The error among the accepted is at most the first with a probability of at least the second.
    least
        Products that are less certain are left out: the lowest threshold there may be.
    """
    confidences, wrong = confidences[confidences >= least], wrong[confidences >= least]
    n = len(confidences)
    order = np.argsort(-confidences, kind="stable")
    ordered, errors = confidences[order], np.cumsum(wrong[order])
    allowed = allowed_errors(n, target_error, confidence)
    firsts = np.searchsorted(allowed, np.arange(ERRORS + 1))  # `allowed` never falls
    start = max([firsts[0], *firsts[firsts < n * SHARE]])
    # A set is what lies strictly above the next product: given that one, it is a random sample of what lies
    # there. So equal confidences are accepted together, and the product that sets the limit is not counted.
    last = np.flatnonzero(np.r_[ordered[1:] < ordered[:-1], np.ones(min(n, 1), bool)])
    last = last[last >= start]
    last = last[np.logical_and.accumulate(errors[last] <= allowed[last])]
    limits = np.r_[np.nextafter(ordered[1:], np.inf), least][last]
    return Sequence(limits, last + 1, errors[last])


def promise(confidences: np.ndarray, wrong: np.ndarray, target_error: float, confidence: float) -> Promise:
    """Return the promise that decides most products; its threshold is infinity where none can be made.

    Parameters as those of `sequence`.
    """
    from scipy import stats

    found, n = sequence(confidences, wrong, target_error, confidence), len(confidences)
    enough = needed(target_error, confidence)
    if not len(found.thresholds):
        return Promise.none(n, enough)
    accepted, missed = int(found.accepted[-1]), int(found.wrong[-1])
    bound = float(stats.beta.ppf(confidence, missed + 1, accepted - missed))  # Clopper and Pearson 1934
    return Promise(float(found.thresholds[-1]), accepted, missed, bound, n, enough)


def promise_of_each(
    confidences: np.ndarray, wrong: np.ndarray, predicted: np.ndarray, n_categories: int, *goal: float
) -> list[Promise]:
    """Return the promise of each predicted category on its own (Mondrian: Vovk et al. 2005).

    Parameters
    ----------
    confidences, wrong
        As those of `sequence`, (n,).
    predicted
        Number of each product's most probable category, (n,).
    n_categories
        How many there are.
    *goal
        target_error and confidence, see `sequence`.
    """
    each = predicted == np.arange(n_categories)[:, None]
    return [promise(confidences[own], wrong[own], *goal) for own in each]


def together(promises: list[Promise]) -> Promise:
    """Return what is said of all categories that have promises of their own.

    The threshold is the lowest, the bound the largest: it holds of each category.
    """
    bounds = [each.bound for each in promises if each.accepted]
    return Promise(
        min(each.threshold for each in promises),
        sum(each.accepted for each in promises),
        sum(each.accepted_wrong for each in promises),
        max(bounds, default=math.nan),
        sum(each.calibrated_on for each in promises),
        promises[0].needed,
    )


def matched(threshold: float, fewer: np.ndarray, more: np.ndarray) -> float:
    """Return the threshold, raised until models that learned from more products accept no larger share.

    A promise is made out of fold, and kept by a model that learns from all products: it may be surer of
    itself, and would let more through at the same threshold. How much surer, is seen one step below: `fewer`
    and `more` are confidences of the models of the inner folds and of those of the folds.

    Parameters
    ----------
    threshold
        Of `promise`.
    fewer, more
        (m,) and (n,): of products of one kind, from models that learned from fewer and from more of them,
        calibrated by the same temperatures.

    Returns
    -------
    float
        At least `threshold`; infinity if none of `fewer` passes it.
    """
    kept = math.floor((fewer >= threshold).mean() * len(more))
    if kept == len(more):
        return threshold  # all may pass
    return max(threshold, float(np.sort(more)[-kept])) if kept else math.inf


def one_of_each(table: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Return the first product, by id, of each near-duplicate group: copies are no evidence of their own.

    Parameters
    ----------
    table
        A row per product, with product_id.
    group
        Near-duplicate group by product_id.
    """
    place, ids = pd.factorize(table["product_id"], sort=True)
    kept = np.zeros(len(ids), bool)
    kept[np.unique(group[ids].to_numpy(), return_index=True)[1]] = True  # the first of each group
    return table[kept[place]]


def decide(
    table: pd.DataFrame,
    group: pd.Series,
    target_error: float,
    confidence: float,
    threshold_by_category: bool = False,
) -> pd.DataFrame:
    """Return the test rows of calibrated predictions with `predicted`, `confidence`, `wrong`, `automatic`.

    Each test fold's threshold, a promise made on its inner rows, stands in the column `threshold`.

    Parameters
    ----------
    table
        Calibrated predictions, inner rows too.
    group
        Near-duplicate group by product_id.
    target_error, confidence
        See `sequence`.
    threshold_by_category
        Whether each predicted category has a threshold of its own.
    """
    values, table = probabilities(table), table.copy(deep=False)  # columns are added, no values changed
    n_categories = values.shape[1]
    table["confidence"], table["predicted"] = values.max(axis=1), values.argmax(axis=1)
    del values
    table["wrong"] = table["predicted"] != true_index(table)
    inner = table["inner_fold"].to_numpy() != TEST
    chosen = np.empty(len(table))
    facts = table[["product_id", "confidence", "wrong", "predicted"]]
    for where in table.groupby(["seed", "protocol", "repeat", "fold"]).indices.values():
        learn = one_of_each(facts.iloc[where[inner[where]]], group)
        sure, missed = learn["confidence"].to_numpy(), learn["wrong"].to_numpy()
        if threshold_by_category:
            own = promise_of_each(
                sure, missed, learn["predicted"].to_numpy(), n_categories, target_error, confidence
            )
            limits = np.array([each.threshold for each in own])
            chosen[where] = limits[facts["predicted"].to_numpy()[where]]
        else:
            chosen[where] = promise(sure, missed, target_error, confidence).threshold
    table["threshold"] = chosen
    table = table[~inner]  # of a large catalogue the inner rows are most of the memory
    return table.assign(automatic=table["confidence"] >= table["threshold"])


def evidence(rows: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Return what a promise is made on: the first repeat and seed, one product of each group."""
    first = rows[(rows["repeat"] == 0) & (rows["seed"] == rows["seed"].min())]
    return one_of_each(first, group)


def by_category(decided: pd.DataFrame, group: pd.Series, names: list[str], confidence: float) -> pd.DataFrame:
    """Return how much of each predicted category is decided automatically, and how much of that is wrong.

    Parameters
    ----------
    decided
        Of `decide`, cross-validated rows of one model, of which those of `evidence` count.
    group
        Near-duplicate group by product_id.
    names
        Categories, in the order of the probabilities.
    confidence
        Of the intervals, each exact (Clopper and Pearson 1934).

    Returns
    -------
    pandas.DataFrame
        category (predicted), products, coverage and error, each with `_low` and `_high`; the error and its
        interval are missing where nothing is decided.
    """
    from statsmodels.stats.proportion import proportion_confint

    first = evidence(decided, group)
    counted = (
        first.assign(missed=first["wrong"] & first["automatic"])
        .groupby("predicted")[["automatic", "missed"]]
        .agg(products=("automatic", "size"), decided=("automatic", "sum"), missed=("missed", "sum"))
    )
    table = pd.DataFrame({"category": np.array(names)[counted.index], "products": counted["products"]})
    for name, part, whole in (("coverage", "decided", "products"), ("error", "missed", "decided")):
        share, of = counted[part].to_numpy(), counted[whole].to_numpy()
        low, high = proportion_confint(share, np.maximum(of, 1), 1 - confidence, "beta")
        columns = {name: share / np.maximum(of, 1), f"{name}_low": low, f"{name}_high": high}
        table = table.assign(**{key: np.where(of > 0, value, np.nan) for key, value in columns.items()})
    return table.reset_index(drop=True)


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray, points: int = 100) -> pd.DataFrame:
    """Return the risk-coverage curve: coverage, and the error among the most confident that make it up.

    El-Yaniv and Wiener 2010, On the foundations of noise-free selective classification. Of equal confidences
    the wrong ones come first, so that the curve does not depend on the order of the rows.
    """
    order = np.lexsort((~wrong, -confidence))
    errors = np.cumsum(wrong[order])
    kept = np.unique(np.linspace(1, len(order), min(points, len(order))).round().astype(int))
    return pd.DataFrame({"coverage": kept / len(order), "error": errors[kept - 1] / kept})


def review(decided: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the products to send to a person, the least certain first.

    Parameters
    ----------
    decided
        Of `decide`, cross-validated rows of one model.
    names
        Categories, in the order of the probabilities.

    Returns
    -------
    pandas.DataFrame
        product_id, predicted (most often, over repeats and seeds), confidence (mean), automatic_share (of the
        repeats in which the product would be decided automatically): those where it is below one half.
    """
    by_product = decided.groupby("product_id")
    table = pd.DataFrame(
        {
            "predicted": by_product["predicted"].agg(lambda each: names[int(each.mode().iloc[0])]),
            "confidence": by_product["confidence"].mean(),
            "automatic_share": by_product["automatic"].mean(),
        }
    ).reset_index()
    waiting = table[table["automatic_share"] < 0.5]
    return waiting.sort_values(["confidence", "product_id"], ignore_index=True)
