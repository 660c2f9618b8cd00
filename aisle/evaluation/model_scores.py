"""Scores of one model from its predictions alone: labels, probabilities, decisions, paths, seeds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from aisle.evaluation import bootstrap, calibration, metrics, selective, tree_scores, tree_ways
from aisle.evaluation.metrics import EvaluationParams
from aisle.evaluation.path_scores import PathLevels, path_scores
from aisle.models import predictions_table
from aisle.models.predictions_table import MIN_PROBABILITY, probabilities

NO_SEED = predictions_table.NO_SEED
"""`seed` of a model that has none."""


@dataclass(frozen=True)
class Model:
    """One model's predictions.

    Attributes
    ----------
    title
        For people.
    modalities
        `text`, `image`, or both: what it reads of a product.
    weights
        none, pretrained, untrained.
    test
        Test rows as they were predicted, with a column `seed`.
    decided
        The same rows after temperature scaling, with the columns of `selective.decide` and, where categories
        are nodes of a tree, of `tree_scores.decide`.
    inner_confidence
        Of the rows of the inner folds that stand beside `selective.evidence`, after temperature scaling.
    inner_nodes
        Of the same m rows, the probability of the most probable node of each depth, (m, height); (m, 0) where
        categories are no tree.
    inner_predicted
        Of the same m rows, the number of the most probable category, (m,).
    """

    title: str
    modalities: frozenset[str]
    weights: str
    test: pd.DataFrame
    decided: pd.DataFrame
    inner_confidence: np.ndarray
    inner_nodes: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    inner_predicted: np.ndarray = field(default_factory=lambda: np.empty(0, int))

    @property
    def protocol(self) -> str:
        """What the model is judged by: cv, or holdout where it has no other."""
        return main_protocol(self.test)

    def rows(self, protocol: str) -> pd.DataFrame:
        """Return the test rows of one protocol."""
        return self.test[self.test["protocol"] == protocol]

    @cached_property
    def fold_accuracy(self) -> pd.Series:
        """Cross-validated accuracy of each repeat and fold, mean over the seeds."""
        return metrics.fold_scores(self.rows("cv")).groupby(["repeat", "fold"])["accuracy"].mean()


def main_protocol(table: pd.DataFrame) -> str:
    """Return cv, or holdout for predictions that have no other."""
    return "cv" if (table["protocol"] == "cv").any() else "holdout"


def prepare(
    title: str,
    modalities: Iterable[str],
    weights: str,
    seeds: dict[int, pd.DataFrame],
    group: pd.Series,
    params: EvaluationParams,
) -> Model:
    """Return a model of the predictions of each of its seeds; `group`: of near-duplicates, by product_id."""
    table = _with_seeds(seeds)
    del seeds  # what is not needed any more is most of the memory
    test, tree = predictions_table.test_rows(table), tree_scores.tree_of(table)
    scaled = calibration.calibrated(table)
    del table
    decided = selective.decide(
        scaled, group, params.target_error, params.confidence, params.threshold_by_category
    )
    if tree.height > 1:
        decided = decided.join(tree_scores.decide(scaled, tree, group, params))
    keys = scaled[["product_id", "protocol", "seed", "repeat", "inner_fold"]]  # without the probabilities
    inner = predictions_table.inner_rows(keys[keys["protocol"] == main_protocol(keys)])
    values = probabilities(scaled.take(selective.evidence(inner, group).index.to_numpy()))
    nodes = tree_ways.ways(values, tree).probability if tree.height > 1 else np.empty((len(values), 0))
    sure, best = values.max(axis=1), values.argmax(axis=1)
    return Model(title, frozenset(modalities), weights, test, decided, sure, nodes, best)


def _with_seeds(seeds: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """Return the predictions of all seeds, with a column `seed`; of one seed its probabilities, no copy."""
    parts = []
    for seed, table in sorted(seeds.items()):
        part = table.copy(deep=False)
        part["seed"] = seed
        parts.append(part)
    if len(parts) == 1:
        return predictions_table.renumbered(parts[0])
    return pd.concat(parts, ignore_index=True)


def aligned(table: pd.DataFrame, baseline: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a model's predictions, its test rows in the baseline's order: both have the same products."""
    reference = predictions_table.test_rows(baseline)
    reference = reference[reference["protocol"].isin(table["protocol"].unique())]
    is_test = table["inner_fold"].to_numpy() == predictions_table.TEST
    test = predictions_table.places(table[is_test], reference, f"predictions of {name}", "the baseline's")
    keys = table[predictions_table.KEYS].reset_index(drop=True)[~is_test]
    inner = keys.sort_values(predictions_table.KEYS).index  # sums over them: the same whatever the order
    return predictions_table.renumbered(table.take(np.concatenate([np.flatnonzero(is_test)[test], inner])))


def summarise(table: pd.DataFrame, group: np.ndarray, params: EvaluationParams) -> dict[str, Any]:
    """Return the scores of one model under one protocol.

    Parameters
    ----------
    table
        Predictions of one protocol.
    group
        Near-duplicate group of each row.
    params
        Confidence and resamples.

    Returns
    -------
    dict
        For accuracy, macro_f1, micro_f1, weighted_f1: the score over all rows (a repeat counts each product
        once), `_low` and `_high` (bootstrap by group), and `_sd` over the folds where there are several.
        `input_share`: share of products that the model had input for; `accuracy_with_input`: on those.
    """
    counts = metrics.counts_by_group(table, group)
    drawn = metrics.scores(bootstrap.resampled(counts, params))
    folds = metrics.fold_scores(table)
    result: dict[str, Any] = {}
    for name, value in metrics.scores(metrics.total(counts)).items():
        result |= bootstrap.with_interval(name, float(value), drawn[name], params.confidence)
        if len(folds) > 1:
            result[f"{name}_sd"] = folds[name].std()
    right = metrics.right(table)
    available = table["available"].to_numpy(bool)
    result["input_share"] = available.mean()
    result["accuracy_with_input"] = right[available].mean() if available.any() else float("nan")
    return result


def probability_scores(
    test: pd.DataFrame, decided: pd.DataFrame, group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return what depends on probabilities, each with `_low` and `_high` (bootstrap by group).

    Parameters
    ----------
    test, decided
        The same n rows of one protocol, before and after calibration.
    group
        Near-duplicate group of each row, (n,).
    params
        Confidence, resamples, bins.

    Returns
    -------
    dict
        top3: share of products whose category is among the three most probable; nll and ece (expected
        calibration error), and both `_calibrated`; coverage_at_target_error: share of products decided
        automatically; error_at_coverage: share of these that is wrong.
    """
    columns = _probability_columns(test, decided, params.n_bins)

    def scores(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = sums["rows"]
        return {
            "top3": sums["top3"] / rows,
            "nll": sums["nll"] / rows,
            "nll_calibrated": sums["nll_calibrated"] / rows,
            "ece": np.abs(sums["excess"]).sum(axis=-1) / rows,
            "ece_calibrated": np.abs(sums["excess_calibrated"]).sum(axis=-1) / rows,
            "coverage_at_target_error": sums["automatic"] / rows,
            "error_at_coverage": bootstrap.ratio(sums["automatic_wrong"], sums["automatic"]),
        }

    return bootstrap.scores_of_sums(columns, scores, group, params)


def _probability_columns(test: pd.DataFrame, decided: pd.DataFrame, n_bins: int) -> dict[str, np.ndarray]:
    """Return what is summed over the n rows: (n,) each; excess of confidence over accuracy (n, n_bins)."""
    true, rows = calibration.true_index(test), np.arange(len(test))
    raw, calibrated = probabilities(test), probabilities(decided)
    automatic, wrong = decided["automatic"].to_numpy(bool), decided["wrong"].to_numpy(bool)
    above = (raw > raw[rows, true][:, None]).sum(axis=1)

    def loss(values: np.ndarray) -> np.ndarray:
        return -np.log(np.clip(values[rows, true], MIN_PROBABILITY, None))

    def excess(values: np.ndarray) -> np.ndarray:
        confidence = values.max(axis=1)
        result = np.zeros((len(test), n_bins))
        result[rows, calibration.bins(confidence, n_bins)] = confidence - (values.argmax(axis=1) == true)
        return result

    return {
        "rows": np.ones(len(test)),
        "top3": above < min(3, raw.shape[1]),
        "automatic": automatic,
        "automatic_wrong": automatic & wrong,
        "nll": loss(raw),
        "nll_calibrated": loss(calibrated),
        "excess": excess(raw),
        "excess_calibrated": excess(calibrated),
    }


def score(model: Model, folds: pd.DataFrame, levels: PathLevels, params: EvaluationParams) -> dict[str, Any]:
    """Return the flat dict of one model, without comparisons; a protocol that it has not run is left out."""
    result: dict[str, Any] = {"weights": model.weights}
    if (tree := tree_scores.tree_of(model.test)).height > 1:
        result["tree_nodes"] = len(tree.nodes)
    products = folds.set_index("product_id")
    for protocol in ("cv", "holdout"):
        rows = model.rows(protocol)
        if rows.empty:
            continue
        decided = model.decided[model.decided["protocol"] == protocol]
        groups = products.loc[rows["product_id"], "group"].to_numpy()
        found = summarise(rows, groups, params)
        found |= probability_scores(rows, decided, groups, params)
        found |= path_scores(rows, levels, groups, params)
        if tree.height > 1:
            found |= tree_scores.tree_scores(rows, decided, tree, groups, params)
        found["temperature"] = float(decided["temperature"].mean())
        for name in (each for each in rows.columns if each.startswith(predictions_table.WEIGHT)):
            found[f"mean_{name}"] = float(rows[name].mean())
        result |= {f"{protocol}_{name}": value for name, value in found.items()}
    return result


def without(models: dict[str, Model], modality: str) -> set[str]:
    """Return the products that no cross-validated model of this one modality had input for."""
    tables_ = [model.rows("cv") for model in models.values() if model.modalities == {modality}]
    lacking = [set(rows.loc[~rows["available"], "product_id"]) for rows in tables_ if len(rows)]
    return set.intersection(*lacking) if lacking else set()


def missing_scores(models: dict[str, Model]) -> dict[str, dict[str, float]]:
    """Return each model's cross-validated accuracy on products without a picture and without text."""
    result: dict[str, dict[str, float]] = {name: {} for name in models}
    for modality, word in (("image", "picture"), ("text", "text")):
        ids = without(models, modality)
        for name, model in models.items():
            rows = model.rows("cv")
            rows = rows[rows["product_id"].isin(ids)]
            if len(rows):
                result[name] |= {
                    f"cv_accuracy_without_{word}": float(metrics.right(rows).mean()),
                    f"products_without_{word}": rows["product_id"].nunique(),
                }
    return result


def seed_scores(model: Model, confidence: float) -> dict[str, float]:
    """Return accuracy and macro F1 of each seed; their mean, sd and interval (Student's t) over the seeds."""
    result: dict[str, float] = {}
    for protocol in ("cv", "holdout"):
        rows = model.rows(protocol)
        if rows.empty:
            continue
        by_seed = {
            seed: metrics.scores(metrics.total(metrics.counts_by_group(part, np.zeros(len(part), int))))
            for seed, part in rows.groupby("seed")
        }
        for name in ("accuracy", "macro_f1"):
            values = {seed: float(scores[name]) for seed, scores in by_seed.items()}
            result |= _over_seeds(f"{protocol}_{name}", values, confidence)
    return result


def _over_seeds(key: str, values: dict[Any, float], confidence: float) -> dict[str, float]:
    from scipy import stats

    result = {f"{key}_seed_{seed}": value for seed, value in values.items()}
    scores = np.array(list(values.values()))
    mean = result[key] = float(scores.mean())
    if len(scores) > 1:
        sd = float(scores.std(ddof=1))
        half = float(stats.t.ppf((1 + confidence) / 2, len(scores) - 1)) * sd / len(scores) ** 0.5
        result |= {f"{key}_sd": sd, f"{key}_low": mean - half, f"{key}_high": mean + half}
    return result
