"""Has a batch drifted? Every detector's p value, corrected for their number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.monitoring.drift import accuracy, agreement, label_shift, missing, novelty, two_sample
from aisle.monitoring.drift.permutation import apart
from aisle.monitoring.observed import Observed
from aisle.pipeline.params import Section

MIN_GROUPS = 8
"""Groups of a batch with a modality, below which its test is not made: it could find nothing."""
PREDICTIONS, NEW_KIND, AGREEMENT, LATENCY = "predictions", "new_kind", "agreement", "latency"
WORDS = {
    "text": "Texts are told apart from the catalogue's",
    "image": "Pictures are told apart from the catalogue's",
    "quality": "Pictures differ in brightness, contrast, sharpness or background",
    PREDICTIONS: "Categories are predicted with other shares",
    AGREEMENT: "Pictures belong to their texts less often",
    LATENCY: "The service answers more slowly than in the weeks before",
    NEW_KIND: "Products are far from all of the catalogue",
    "missing_title": "Titles are missing more often",
    "missing_description": "Descriptions are missing more often",
    "missing_specifications": "Specifications are missing more often",
    "missing_image": "Pictures are missing more often",
}
"""Detector to what its alarm says."""


class DriftParams(Section):
    """Part of section `monitoring`: how a batch is judged.

    Parameters
    ----------
    alpha
        How often a batch without drift may raise an alarm, all detectors together (`corrected`).
    n_permutations
        Of near-duplicate groups; a p value is a multiple of 1 / (n_permutations + 1).
    n_components
        Principal components that the classifier two-sample test reads.
    n_neighbors
        Of the distance that tells a new kind of product.
    confidence, n_bootstrap
        Of the interval of the expected accuracy.
    seed
        Of all that is drawn.
    """

    alpha: float = Field(0.05, gt=0, lt=0.5)
    n_permutations: int = Field(999, ge=99)
    n_components: int = Field(32, ge=1)
    n_neighbors: int = Field(5, ge=1)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    n_bootstrap: int = Field(200, ge=20)
    seed: int = 0


@dataclass(frozen=True)
class Judgement:
    """What is said of a batch.

    Attributes
    ----------
    detectors
        A row for each detector that was run: detector, p, p_holm, alarm.
    novelty
        How foreign the products are.
    shares
        A row for each category: share in the reference, share of the batch's predictions, share_em and
        share_bbse.
    """

    detectors: pd.DataFrame
    novelty: novelty.Novelty
    shares: pd.DataFrame

    def alarm(self, detector: str) -> bool:
        """Return whether a detector raised an alarm."""
        rows = self.detectors["detector"] == detector
        return bool(self.detectors.loc[rows, "alarm"].any())


def p_values(
    reference: Observed, batch: Observed, params: DriftParams, rng: np.random.Generator
) -> tuple[dict[str, float], novelty.Novelty]:
    """Return the p value of each detector, and how foreign the batch is.

    Parameters
    ----------
    reference, batch
        No product of the batch is of a group of the reference.
    params
        How to judge.
    rng
        Draws the permutations.
    """
    found: dict[str, float] = {}
    everything = batch  # one of each group is tested: a large group would be most of the chance
    reference, batch = (each.take(missing.one_of_each(each.group)) for each in (reference, batch))
    for name in reference.vectors:
        sides = [each.vectors[name].astype(float) for each in (reference, batch)]
        if (p := _two_sample(sides, (reference, batch), params, rng)) is not None:
            found[name] = p
    if (
        p := _two_sample([reference.quality, batch.quality], (reference, batch), params, rng, True)
    ) is not None:
        found["quality"] = p
    both = (reference.predicted, batch.predicted), (reference.group, batch.group)
    found[PREDICTIONS] = label_shift.test(*both, len(reference.categories), params.n_permutations, rng)
    foreign = novelty.test(reference, everything, params.n_neighbors, params.n_permutations, rng)
    found[NEW_KIND] = foreign.p
    if (p := agreement.test(reference, batch, params.n_neighbors, params.n_permutations, rng)) is not None:
        found[AGREEMENT] = p
    for name in reference.present:
        there = reference.present[name], batch.present[name]
        found[f"missing_{name}"], _ = missing.test(there, (reference.group, batch.group))
    return found, foreign


def _two_sample(
    sides: list[np.ndarray],
    products: tuple[Observed, Observed],
    params: DriftParams,
    rng: np.random.Generator,
    figures: bool = False,
) -> float | None:
    """Return the p value of the two-sample test of what both sides have; None where one has too little."""
    there = [~np.isnan(each[:, 0]) for each in sides]
    groups = [each.group[known] for each, known in zip(products, there, strict=True)]
    if min(len(np.unique(each)) for each in groups) < MIN_GROUPS:
        return None
    prepare: Callable[[np.ndarray], np.ndarray] = (
        two_sample.standardised if figures else two_sample.unit_length
    )
    n = int(there[0].sum())
    X = prepare(np.concatenate([each[known] for each, known in zip(sides, there, strict=True)]))
    both = groups[0], groups[1]
    return two_sample.test(X[:n], X[n:], both, params.n_components, params.n_permutations, rng)


def judge(
    reference: Observed,
    batch: Observed,
    params: DriftParams,
    seed: int,
    others: Mapping[str, float] | None = None,
) -> Judgement:
    """Judge a batch.

    Parameters
    ----------
    reference, batch
        See `aisle.monitoring.observed`. Products of the batch that are near-duplicates of the reference's are
        not tested.
    params
        How to judge.
    seed
        Added to that of the params, so that batches draw apart.
    others
        Detector to p value, of those that do not look at products.
    """
    rng = np.random.default_rng([params.seed, seed])
    tested = batch.take(apart(reference.group, batch.group))
    found: dict[str, float] = {}
    foreign = novelty.Novelty(1.0, np.full(len(batch), np.nan))
    if len(np.unique(tested.group)) >= MIN_GROUPS:
        found, foreign = p_values(reference, tested, params, rng)
    least = {
        f"missing_{name}": missing.least((there, tested.present[name]), (reference.group, tested.group))
        for name, there in reference.present.items()
    }
    rows = corrected({**found, **(others or {})}, least, params.alpha)
    return Judgement(rows, foreign, shares(reference, batch))


def corrected(found: dict[str, float], least: dict[str, float], alpha: float) -> pd.DataFrame:
    """Return the detectors' p values corrected for those of them that could alarm at all.

    Holm's correction, after Tarone's (1990, A modified Bonferroni method for discrete data): a field that
    neither side lacks has no small p value whatever the week is, and is not counted.

    Parameters
    ----------
    found
        p value of each detector.
    least
        The least p value that a detector can have, given what both sides together have; 0 of the others.
    alpha
        Of all detectors together.
    """
    from statsmodels.stats.multitest import multipletests

    rows = pd.DataFrame({"detector": list(found), "p": list(found.values())}, columns=["detector", "p"])
    reach = np.array([least.get(name, 0.0) for name in found])
    number = next((n for n in range(1, len(found)) if (reach <= alpha / n).sum() <= n), len(found))
    able = reach <= alpha / max(number, 1)
    rows = rows.assign(p_holm=1.0, alarm=False)
    if able.any():
        alarm, p_holm = multipletests(rows.loc[able, "p"], alpha, "holm")[:2]
        rows.loc[able, "p_holm"], rows.loc[able, "alarm"] = p_holm, alarm
    return rows.astype({"p_holm": float, "alarm": bool})


def shares(reference: Observed, batch: Observed) -> pd.DataFrame:
    """Return the shares of the categories in the reference and the batch; see `Judgement`."""
    names, k = list(reference.categories), len(reference.categories)
    own = np.array([names.index(each) for each in reference.label])
    before = np.bincount(own, minlength=k) / len(own)
    predicted = np.bincount(batch.predicted, minlength=k) / len(batch)
    confusion = label_shift.confusion_of(own, reference.predicted, k)
    floored = np.maximum(before, 1 / (2 * len(own)))
    return pd.DataFrame(
        {
            "category": names,
            "share": before,
            "share_predicted": predicted,
            "share_em": label_shift.em(batch.probabilities, floored / floored.sum()),
            "share_bbse": label_shift.bbse(confusion, predicted),
        }
    )


def figures(judgement: Judgement, expected: accuracy.Estimate, batch: Observed) -> dict[str, Any]:
    """Return a batch's metrics, flat: each with its interval, its p value, or counted."""
    rows = judgement.detectors
    found: dict[str, Any] = {"products": len(batch), "alarms": int(rows["alarm"].sum())}
    found |= {f"{name}_p": float(p) for name, p in zip(rows["detector"], rows["p_holm"], strict=True)}
    found |= {
        "expected_accuracy": expected.value,
        "expected_accuracy_low": expected.low,
        "expected_accuracy_high": expected.high,
        "reviewed": int(np.isfinite(batch.right).sum()),
    }
    if found["reviewed"]:
        from statsmodels.stats.proportion import proportion_confint

        right = int(np.nansum(batch.right))
        low, high = proportion_confint(right, found["reviewed"], 0.05, "wilson")
        found |= {"reviewed_accuracy": right / found["reviewed"]}
        found |= {"reviewed_accuracy_low": float(low), "reviewed_accuracy_high": float(high)}
    return found
