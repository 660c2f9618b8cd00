"""How many labels a review needs with each strategy of its queue, against random order; write review.json.

  python tools/simulate_review.py --workspace .studies/my-shop

takes what the pipeline made of a catalogue: data/text.parquet, data/folds.parquet and the out-of-fold
predictions of the baseline. Without a workspace it is the repository's own, the built-in catalogue. Two
questions are asked, with the queue's own strategies (aisle/service/queue/) and 10 seeds each:

- `learning`: products are without labels but for a few; 20 at a time are asked about, the baseline learns
  from all that were labelled so far. How many labels until it has 90, 95 and 98 % of the accuracy that it has
  with all labels, on products that it never sees? Near-duplicates are on one side of the split.
- `correcting`: every product has the model's category; people correct them in the queue's order. How many
  until 95, 98 and 99 % of the catalogue are right? Each seed is a bootstrap sample of near-duplicate groups.

A label is one that a person gives: near-duplicates that the page decides together count one each. The
intervals are Student's t over the seeds; `ratio_to_random` is of the same seed, below 1 where it needs fewer.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import GroupShuffleSplit
from tabulate import tabulate
from threadpoolctl import threadpool_limits

from aisle.catalogue import text_selection
from aisle.models.classifiers.text_linear import Classifier
from aisle.models.predictions_table import categories, mean_over_repeats, probabilities
from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.errors import AisleError
from aisle.service.queue import registry
from aisle.service.queue.registry import Candidates

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "benchmarks" / "review.json"
STRATEGIES = ("random_share", "uncertain", "diverse")
RANDOM = STRATEGIES[0]
SEEDS, BATCH, FIRST, TEST = 10, 20, 2, 0.3
"""Seeds; labels between two fits; labels of each category to begin with; share that is never asked about."""
SHARES = (0.9, 0.95, 0.98)
"""Of the accuracy with all labels, in `learning`."""
RIGHT = (0.95, 0.98, 0.99)
"""Of the catalogue, in `correcting`."""


def learning(
    texts: np.ndarray, y: np.ndarray, groups: np.ndarray, strategy: str, seed: int
) -> dict[float, float]:
    """Return the labels that are needed for each of `SHARES`; NaN where all of them are not enough.

    Parameters
    ----------
    texts, y, groups
        n texts, categories and groups of near-duplicates.
    strategy
        What is asked first.
    seed
        Of the split, the first labels and the strategy.
    """
    rng = np.random.default_rng(seed)
    pool, test = next(GroupShuffleSplit(1, test_size=TEST, random_state=seed).split(texts, y, groups))
    baseline = Classifier(fields=["title", "description"], form="clean", min_df=1, C=10.0)
    fit, encoder = baseline.classifier(), baseline.terms().fit(texts[pool])
    X, unseen = encoder.transform(texts[pool]), encoder.transform(texts[test])
    vectors = registry.vectors(list(texts[pool]))
    choose = registry.create(strategy).choose

    def score(chosen: np.ndarray) -> float:
        fit.fit(X[chosen], y[pool][chosen])
        return float((fit.predict(unseen) == y[test]).mean())

    whole = score(np.arange(len(pool)))
    labelled = np.zeros(len(pool), bool)
    for category in np.unique(y[pool]):
        own = np.flatnonzero(y[pool] == category)
        labelled[rng.choice(own, min(FIRST, len(own)), replace=False)] = True
    needed = dict.fromkeys(SHARES, np.nan)
    while True:
        reached = score(np.flatnonzero(labelled))
        for share in SHARES:
            if np.isnan(needed[share]) and reached >= share * whole:
                needed[share] = float(labelled.sum())
        left = np.flatnonzero(~labelled)
        if not len(left) or not np.isnan(list(needed.values())).any():
            return needed
        values = -np.sort(-fit.predict_proba(X[left]), axis=1)
        found = choose(Candidates(values, vectors[left]), BATCH, rng)
        labelled[left[found.places]] = True


def correcting(
    values: np.ndarray, right: np.ndarray, vectors: Any, groups: np.ndarray, strategy: str, seed: int
) -> dict[float, float]:
    """Return the labels that are needed until each of `RIGHT` of a sample of the catalogue is right.

    Parameters
    ----------
    values, right, vectors, groups
        Probabilities (n, k), whether the most probable category is the true one, texts, near-duplicates.
    strategy, seed
        As of `learning`.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.choice(np.unique(groups), len(np.unique(groups)))
    rows = np.concatenate([np.flatnonzero(groups == group) for group in drawn])
    ordered = -np.sort(-values[rows], axis=1)
    order: list[int] = []
    left = np.arange(len(rows))
    choose = registry.create(strategy).choose
    while len(left):
        found = choose(Candidates(ordered[left], vectors[rows][left]), BATCH, rng)
        order += left[found.places].tolist()
        left = np.delete(left, found.places)
    wrong = ~right[rows][order]
    share = 1 - (wrong.sum() - np.concatenate([[0], np.cumsum(wrong)])) / len(rows)
    return {goal: float(np.argmax(share >= goal)) for goal in RIGHT}


def summary(found: dict[str, list[dict[float, float]]]) -> list[dict[str, Any]]:
    """Return a row for each strategy and goal: mean labels, interval, ratio to random order with its own."""
    rows = []
    for strategy, seeds in found.items():
        for goal in seeds[0]:
            labels = np.array([each[goal] for each in seeds])
            random = np.array([each[goal] for each in found[RANDOM]])
            ratio = labels / np.where(random > 0, random, np.nan)
            row: dict[str, Any] = {
                "strategy": strategy,
                "goal": goal,
                "reached": int((~np.isnan(labels)).sum()),
            }
            for name, values in (("labels", labels), ("ratio_to_random", ratio)):
                known = values[~np.isnan(values)]
                if strategy == RANDOM and name == "ratio_to_random":
                    continue
                row[name] = round(float(known.mean()), 3) if len(known) else None
                if len(known) > 1:
                    half = stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))
                    row |= {
                        f"{name}_low": round(known.mean() - half, 3),
                        f"{name}_high": round(known.mean() + half, 3),
                    }
            rows.append(row)
    return rows


def read(workspace: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return products that have a category, with text and group, and the baseline's predictions of them.

    Raises
    ------
    AisleError
        If the pipeline has not made what is read.
    """
    text = tables.read(workspace / "data/text.parquet")
    folds = tables.read(workspace / "data/folds.parquet", ["product_id", "category", "group"])
    predictions = mean_over_repeats(tables.read(workspace / "predictions/classifiers/text_baseline.parquet"))
    text["text"] = text_selection.compose(text, ["title", "description"], "clean")
    known = predictions.merge(text[["product_id", "text"]], on="product_id", validate="one_to_one")
    known = known.merge(folds[["product_id", "group"]], on="product_id", validate="one_to_one")
    if len(known) != len(predictions):
        raise AisleError(f"{workspace} must have text and folds of all that was predicted; run `dvc repro`")
    known.attrs = text.attrs
    return known, predictions


def simulate(workspace: Path, seeds: int) -> dict[str, Any]:
    """Return the result, as it is written."""
    known, predictions = read(workspace)
    texts, groups = known["text"].to_numpy(object), known["group"].to_numpy()
    y, values = known["category"].to_numpy(str), probabilities(predictions)
    right = np.array(categories(predictions))[values.argmax(axis=1)] == y
    vectors = registry.vectors(list(texts))

    def every(one: Callable[[str, int], dict[float, float]]) -> list[dict[str, Any]]:
        return summary({name: [one(name, seed) for seed in range(seeds)] for name in STRATEGIES})

    return {
        "catalogue": known.attrs["catalogue"],
        "products": len(known),
        "categories": len(np.unique(y)),
        "seeds": seeds,
        "accuracy_before_correcting": round(float(right.mean()), 4),
        "learning": every(lambda name, seed: learning(texts, y, groups, name, seed)),
        "correcting": every(lambda name, seed: correcting(values, right, vectors, groups, name, seed)),
    }


def main() -> None:
    """Read the command line, simulate, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, default=ROOT, help="of a study; default: this repository")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULT, help="(%(default)s)")
    args = parser.parse_args()
    with threadpool_limits(1):
        found = simulate(args.workspace, args.seeds)
    atomic.write_text(args.output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    for name in ("learning", "correcting"):
        print(name, tabulate(found[name], headers="keys"), sep="\n")


if __name__ == "__main__":
    cli.run(main)
