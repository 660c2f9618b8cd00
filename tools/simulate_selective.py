"""Simulate catalogues to see whether promises hold; write docs/benchmarks/selective.json.

In each world of `WORLDS` many catalogues are drawn, a threshold is chosen on each (`selective.promise`), and
the true error above it is that of a large sample of the same world. With a confidence of 95 % it may be above
the target in 5 % of the catalogues. The oracle is the lowest threshold that keeps the target in that sample.

Three worlds have confidences alone: those of a model that is right in about 90, 96 and 99 % of the products,
and whose labels err here and there. In the world `cross_fitted` a classifier is fitted on each catalogue, its
threshold is chosen on predictions out of fold, and the error is that of the classifier fitted on all of the
catalogue: as in the pipeline, whose package is that one.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from aisle.evaluation import calibration, selective
from aisle.pipeline import atomic, cli
from aisle.pipeline.cores import in_processes

RESULT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "selective.json"
SIZES, TARGETS, CONFIDENCE = (500, 1000, 4000), (0.01, 0.02, 0.05), 0.95
LARGE = 1_000_000
"""Products of the large sample of a world of confidences."""
FOLDS, CLASSES, DIMENSIONS, SPREAD, UNSEEN = 5, 5, 8, 2.6, 50_000
"""The world `cross_fitted`: normal classes around centres so far apart, and unseen products."""


@dataclass(frozen=True)
class Judged:
    """Products of a catalogue: how sure the model is of each, and whether it is wrong."""

    confidence: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True)
class Catalogue:
    """What a threshold is chosen on, and a large sample of what it will meet."""

    calibration: Judged
    future: Judged


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
    from sklearn.model_selection import cross_val_predict

    X, y = normal_classes(rng, n)
    model = LogisticRegression(C=0.05)  # so strongly regularised that its temperature is far from 1
    out_of_fold = cross_val_predict(model, X, y, cv=FOLDS, method="predict_proba")
    temperature = calibration.fit_temperature(out_of_fold, y)
    unseen, truth = normal_classes(rng, UNSEEN)

    def judged(probability: np.ndarray, true: np.ndarray) -> Judged:
        scaled = calibration.scale(probability, temperature)
        return Judged(scaled.max(axis=1), scaled.argmax(axis=1) != true)

    return Catalogue(judged(out_of_fold, y), judged(model.fit(X, y).predict_proba(unseen), truth))


def allowed(known: Judged, target: float, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the thresholds from high to low, and whether the binomial test allows each on its own."""
    order = np.argsort(-known.confidence)
    n = len(order)
    holds = np.cumsum(known.wrong[order]) <= selective.allowed_errors(n, target, confidence)
    return known.confidence[order], holds


def fixed_sequence(known: Judged, target: float) -> float:
    """Return Aisle's own: Learn-then-Test in a fixed sequence."""
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


RULES = {rule.__name__: rule for rule in (fixed_sequence, bonferroni, sgr, observed)}


def oracle(future: Judged, target: float) -> float:
    """Return the largest share of products, the most certain first, whose error is at most the target."""
    errors = np.cumsum(future.wrong[np.argsort(-future.confidence)])
    kept = np.flatnonzero(errors <= target * np.arange(1, len(errors) + 1))
    return float((kept[-1] + 1) / len(errors)) if len(kept) else 0.0


def tried(known: Judged, future: Judged) -> np.ndarray:
    """Return, by target and rule, whether the target is broken, and the coverage: (targets, rules, 2)."""
    result = np.zeros((len(TARGETS), len(RULES), 2))
    for i, target in enumerate(TARGETS):
        for j, rule in enumerate(RULES.values()):
            accepted = future.confidence >= rule(known, target)
            result[i, j] = accepted.any() and future.wrong[accepted].mean() > target, accepted.mean()
    return result


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
    best = np.array([oracle(large, target) for target in TARGETS]) if large else None

    def one(number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([2, number])
        if draw and large and best is not None:
            return tried(draw(rng, n), large), best
        catalogue = cross_fitted(rng, n)
        limits = np.array([oracle(catalogue.future, target) for target in TARGETS])
        return tried(catalogue.calibration, catalogue.future), limits

    bar = tqdm(total=catalogues, desc=f"{world}, {n} products", unit="catalogue", disable=None)
    found, limits = [], []
    with bar:
        for each, limit in in_processes(one, range(catalogues)):
            found.append(each)
            limits.append(limit)
            bar.update()
    shares, largest_shares = np.mean(found, axis=0), np.mean(limits, axis=0)
    rows = []
    for i, target in enumerate(TARGETS):
        for j, rule in enumerate(RULES):
            (broken, coverage), largest = shares[i, j], largest_shares[i]
            figures = {
                "violations_share": broken,
                "coverage": coverage,
                "oracle_coverage": largest,
                "coverage_gap": largest - coverage,
            }
            facts = {"world": world, "n": n, "target": target, "rule": rule}
            rows.append(facts | {name: round(float(value), 4) for name, value in figures.items()})
    return rows


def main() -> None:
    """Simulate, write the JSON, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogues", type=int, default=400, help="of each world and size (%(default)s)")
    parser.add_argument("--json", type=Path, default=RESULT, help="result (%(default)s)")
    args = parser.parse_args()
    rows = [row for world in WORLDS for n in SIZES for row in simulate(world, n, args.catalogues)]
    ours = [row for row in rows if row["rule"] == fixed_sequence.__name__]
    result = {
        "catalogues": args.catalogues,
        "confidence": CONFIDENCE,
        "violations_share": max(row["violations_share"] for row in ours),
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
