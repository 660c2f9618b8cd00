"""Simulate catalogues to see whether promises hold; write docs/benchmarks/selective.json.

In each world of `WORLDS` many catalogues are drawn, a threshold is chosen on each (`selective.promise`), and
the true error above it is that of a large sample of the same world. With a confidence of 95 % it may be above
the target in 5 % of the catalogues. The oracle is the lowest threshold that keeps the target in that sample.

Three worlds have confidences alone: those of a model that is right in about 90, 96 and 99 % of the products,
and whose labels err here and there. In the world `cross_fitted` a classifier is fitted on each catalogue, its
threshold is chosen on predictions out of fold, and the error is that of the classifier fitted on all of the
catalogue: as in the pipeline, whose package is that one. It is surer of itself, for which the pipeline's rule
raises the threshold (`selective.matched`); the rule `unmatched` does not.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate
from tqdm import tqdm

from aisle.evaluation import calibration, selective
from aisle.pipeline import atomic, cli
from aisle.pipeline.cores import in_processes

RESULT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "selective.json"
SIZES, TARGETS, CONFIDENCE = (500, 1000, 4000), (0.01, 0.02, 0.05), 0.95
LARGE = 1_000_000
"""Products of the large sample of a world of confidences."""
FOLDS, INNER, CLASSES, DIMENSIONS, SPREAD, UNSEEN = 5, 4, 5, 8, 2.6, 50_000
"""The world `cross_fitted`: normal classes around centres so far apart, and unseen products."""


@dataclass(frozen=True)
class Judged:
    """Products of a catalogue: how sure the model is of each, and whether it is wrong."""

    confidence: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True)
class Catalogue:
    """What a threshold is chosen on, and a large sample of what it will meet.

    Attributes
    ----------
    calibration, future
        The one and the other.
    fewer, more
        See `selective.matched`.
    """

    calibration: Judged
    future: Judged
    fewer: np.ndarray
    more: np.ndarray

    @classmethod
    def held_out(cls, calibration: Judged, future: Judged) -> "Catalogue":
        """Return one whose threshold is chosen on predictions of the very model that will be used."""
        return cls(calibration, future, calibration.confidence, calibration.confidence)


def confidences(sure: float, unsure: float, noise: float) -> Callable[[np.random.Generator, int], Judged]:
    """Return a world whose confidences are of a beta distribution and true but for labels that err."""

    def draw(rng: np.random.Generator, n: int) -> Judged:
        confidence = rng.beta(sure, unsure, n)
        return Judged(confidence, (rng.random(n) > confidence) | (rng.random(n) < noise))

    return draw


CONFIDENCES = {
    "accuracy_90": confidences(4, 0.45, 0.002),
    "accuracy_96": confidences(12, 0.4, 0.004),
    "accuracy_99": confidences(40, 0.3, 0.002),
}
WORLDS = (*CONFIDENCES, "cross_fitted")


def normal_classes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, DIMENSIONS) around centres, the same in every catalogue, and their classes."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, DIMENSIONS))
    centres *= SPREAD / np.linalg.norm(centres, axis=1, keepdims=True)
    y = rng.integers(CLASSES, size=n)
    return centres[y] + rng.normal(size=(n, DIMENSIONS)), y


def cross_fitted(rng: np.random.Generator, n: int) -> Catalogue:
    """Return a catalogue predicted out of fold, and unseen products predicted by the model of all of it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    def judged(probability: np.ndarray, true: np.ndarray, temperature: float) -> Judged:
        scaled = calibration.scale(probability, temperature)
        return Judged(scaled.max(axis=1), scaled.argmax(axis=1) != true)

    X, y = normal_classes(rng, n)
    model = LogisticRegression(C=0.05)  # so strongly regularised that its temperature is far from 1
    out_of_fold, fewer, more = np.zeros((n, CLASSES)), [], []
    for learn, test in StratifiedKFold(FOLDS).split(X, y):
        inner = cross_val_predict(model, X[learn], y[learn], cv=INNER, method="predict_proba")
        temperature = calibration.fit_temperature(inner, y[learn])
        out_of_fold[test] = model.fit(X[learn], y[learn]).predict_proba(X[test])
        fewer.append(judged(inner, y[learn], temperature).confidence)
        more.append(judged(out_of_fold[test], y[test], temperature).confidence)
    temperature = calibration.fit_temperature(out_of_fold, y)
    unseen, truth = normal_classes(rng, UNSEEN)
    return Catalogue(
        judged(out_of_fold, y, temperature),
        judged(model.fit(X, y).predict_proba(unseen), truth, temperature),
        np.concatenate(fewer),
        np.concatenate(more),
    )


def allowed(known: Judged, target: float, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the thresholds from high to low, and whether the binomial test allows each on its own."""
    order = np.argsort(-known.confidence)
    n = len(order)
    holds = np.cumsum(known.wrong[order]) <= selective.allowed_errors(n, target, confidence)
    return known.confidence[order], holds


def unmatched(known: Judged, target: float) -> float:
    """Return that of Learn-then-Test in a fixed sequence."""
    return selective.promise(known.confidence, known.wrong, target, CONFIDENCE).threshold


def bonferroni(known: Judged, target: float) -> float:
    """Return that of Learn-then-Test by Bonferroni's correction, over sets each 0.9 of the one before."""
    n = len(known.wrong)
    sizes = n * 0.9 ** np.arange(math.log(n) / -math.log(0.9))
    places = np.unique(sizes[sizes >= selective.needed(target, CONFIDENCE)].astype(int)) - 1
    if not len(places):
        return math.inf
    thresholds, holds = allowed(known, target, 1 - (1 - CONFIDENCE) / len(places))
    kept = places[holds[places]]
    return float(thresholds[kept[-1]]) if len(kept) else math.inf


def sgr(known: Judged, target: float) -> float:
    """Return that of selection with guaranteed risk: a binary search (Geifman and El-Yaniv 2017)."""
    low, high, found = 0, len(known.wrong) - 1, math.inf
    steps = math.ceil(math.log2(len(known.wrong)))
    thresholds, holds = allowed(known, target, 1 - (1 - CONFIDENCE) / steps)
    for _ in range(steps):
        middle = (low + high + 1) // 2
        if holds[middle]:
            low, found = middle, float(thresholds[middle])
        else:
            high = middle
    return found


def observed(known: Judged, target: float) -> float:
    """Return the lowest threshold whose observed error is within the target: a hope and no bound."""
    order = np.argsort(-known.confidence)
    errors = np.cumsum(known.wrong[order])
    kept = np.flatnonzero(errors <= target * np.arange(1, len(order) + 1))
    return float(known.confidence[order[kept[-1]]]) if len(kept) else math.inf


RULES = {rule.__name__: rule for rule in (unmatched, bonferroni, sgr, observed)}
OURS = "fixed_sequence"
"""Aisle's own: `unmatched`, and then matched."""


def oracle(future: Judged, target: float) -> float:
    """Return the largest share of products, the most certain first, whose error is at most the target."""
    errors = np.cumsum(future.wrong[np.argsort(-future.confidence)])
    kept = np.flatnonzero(errors <= target * np.arange(1, len(errors) + 1))
    return float((kept[-1] + 1) / len(errors)) if len(kept) else 0.0


def tried(catalogue: Catalogue, target: float) -> dict[str, tuple[bool, float]]:
    """Return for each rule whether the target is broken, and the share of products that it decides."""
    future, found = catalogue.future, {}
    thresholds = {name: rule(catalogue.calibration, target) for name, rule in RULES.items()}
    thresholds[OURS] = selective.matched(thresholds["unmatched"], catalogue.fewer, catalogue.more)
    for name, threshold in thresholds.items():
        accepted = future.confidence >= threshold
        broken = bool(accepted.any() and future.wrong[accepted].mean() > target)
        found[name] = broken, float(accepted.mean())
    return found


def simulate(world: str, n: int, catalogues: int) -> list[dict[str, Any]]:
    """Return a row for each target and rule: shares of broken promises and of products decided.

    Parameters
    ----------
    world
        Of `WORLDS`.
    n
        Products of each catalogue.
    catalogues
        How many are drawn.
    """
    draw = CONFIDENCES.get(world)
    large = draw(np.random.default_rng(1), LARGE) if draw else None
    best = {target: oracle(large, target) for target in TARGETS} if large else {}

    def one(number: int) -> list[dict[str, Any]]:
        rng = np.random.default_rng([2, number])
        drawn = Catalogue.held_out(draw(rng, n), large) if draw and large else cross_fitted(rng, n)
        limits = best or {target: oracle(drawn.future, target) for target in TARGETS}
        return [
            {"target": target, "rule": rule, "violations_share": broken, "coverage": coverage}
            | {"oracle_coverage": limits[target], "coverage_gap": limits[target] - coverage}
            for target in TARGETS
            for rule, (broken, coverage) in tried(drawn, target).items()
        ]

    bar = tqdm(total=catalogues, desc=f"{world}, {n} products", unit="catalogue", disable=None)
    rows = []
    with bar:
        for each in in_processes(one, range(catalogues)):
            rows += each
            bar.update()
    means = pd.DataFrame(rows).groupby(["target", "rule"], sort=False).mean().round(4).reset_index()
    return [
        {"world": world, "n": n} | {str(name): row[name] for name in row} for row in means.to_dict("records")
    ]


def main() -> None:
    """Simulate, write the JSON, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogues", type=int, default=400, help="of each world and size (%(default)s)")
    parser.add_argument("--json", type=Path, default=RESULT, help="result (%(default)s)")
    args = parser.parse_args()
    rows = [row for world in WORLDS for n in SIZES for row in simulate(world, n, args.catalogues)]
    ours = [row for row in rows if row["rule"] == OURS]
    result = {
        "catalogues": args.catalogues,
        "confidence": CONFIDENCE,
        "violations_share": max(row["violations_share"] for row in ours),
        "violations_share_unmatched": max(
            row["violations_share"] for row in rows if row["rule"] == unmatched.__name__
        ),
        "violations_share_held_out": max(
            row["violations_share"] for row in ours if row["world"] in CONFIDENCES
        ),
        "coverage_gap": max(row["coverage_gap"] for row in ours if row["n"] == max(SIZES)),
        "cells": rows,
    }
    atomic.write_text(args.json, json.dumps(result, indent=2) + "\n")
    print(tabulate(rows, "keys", "github"))


if __name__ == "__main__":
    cli.run(main)
