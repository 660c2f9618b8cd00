"""Judge every model from its predictions alone: scores, calibration, decisions, paired tests."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from aisle import calibration, decisions, metrics, predictions, tables
from aisle.metrics import EvaluationParams
from aisle.predictions import probabilities

NO_SEED = -1
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
        The same rows after temperature scaling, with the columns of `decisions.decide`.
    """

    title: str
    modalities: frozenset[str]
    weights: str
    test: pd.DataFrame
    decided: pd.DataFrame

    def rows(self, protocol: str) -> pd.DataFrame:
        """Return the test rows of one protocol."""
        return self.test[self.test["protocol"] == protocol]

    @cached_property
    def fold_accuracy(self) -> pd.Series:
        """Cross-validated accuracy of each repeat and fold, mean over the seeds."""
        return metrics.fold_scores(self.rows("cv")).groupby(["repeat", "fold"])["accuracy"].mean()


def prepare(
    title: str,
    modalities: Iterable[str],
    weights: str,
    seeds: dict[int, pd.DataFrame],
    params: EvaluationParams,
) -> Model:
    """Return a model of the predictions of each of its seeds."""
    table = pd.concat([each.assign(seed=seed) for seed, each in sorted(seeds.items())], ignore_index=True)
    decided = decisions.decide(calibration.calibrated(table), params.target_error)
    return Model(title, frozenset(modalities), weights, predictions.test_rows(table), decided)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, 0.0)


def probability_scores(
    test: pd.DataFrame, decided: pd.DataFrame, group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return what depends on probabilities, each with `_low` and `_high` (bootstrap by group).

    Parameters
    ----------
    test, decided
        The same rows of one protocol, before and after calibration.
    group
        Near-duplicate group of each row.
    params
        Confidence, resamples, target error, bins.

    Returns
    -------
    dict
        top3: share of products whose category is among the three most probable; nll and ece (expected
        calibration error), and both `_calibrated`; coverage_at_target_error: share of products decided
        automatically; error_at_coverage: share of these that is wrong.
    """
    y, n, k = calibration.true_index(test), len(test), len(predictions.categories(test))
    rows, raw, scaled = np.arange(n), probabilities(test), probabilities(decided)
    automatic, wrong = decided["automatic"].to_numpy(bool), decided["wrong"].to_numpy(bool)
    rank = (raw > raw[rows, y][:, None]).sum(axis=1)
    columns = [np.ones(n), rank < min(3, k), automatic, automatic & wrong]
    for values in (raw, scaled):
        columns.append(-np.log(np.clip(values[rows, y], calibration.LEAST, None)))
    for values in (raw, scaled):
        confidence = values.max(axis=1)
        excess = confidence - (values.argmax(axis=1) == y)
        place = np.zeros((n, params.n_bins))
        place[rows, calibration.bins(confidence, params.n_bins)] = excess
        columns.extend(place.T)
    matrix = np.stack(columns, axis=1).astype(float)

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        count, top3, decided_alone, mistaken, nll, nll_scaled = (sums[..., i] for i in range(6))
        raw_bins, scaled_bins = np.split(np.abs(sums[..., 6:]), 2, axis=-1)
        return {
            "top3": top3 / count,
            "nll": nll / count,
            "nll_calibrated": nll_scaled / count,
            "ece": raw_bins.sum(axis=-1) / count,
            "ece_calibrated": scaled_bins.sum(axis=-1) / count,
            "coverage_at_target_error": decided_alone / count,
            "error_at_coverage": _ratio(mistaken, decided_alone),
        }

    drawn = figures(metrics.resampled_sums(matrix, group, params))
    result: dict[str, float] = {}
    for name, value in figures(matrix.sum(axis=0)).items():
        low, high = metrics.interval(drawn[name], params.confidence)
        result |= {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


@dataclass(frozen=True)
class PathLevels:
    """The levels of a catalogue's category paths, the same for every model.

    Attributes
    ----------
    first, second
        First segment, and the first two, of the path of each product, indexed by product_id.
    above
        The first segment that most products of a category have, by category.
    """

    first: pd.Series
    second: pd.Series
    above: pd.Series


def path_levels(paths: pd.Series, category: pd.Series) -> PathLevels:
    """Return the levels of category paths.

    Parameters
    ----------
    paths
        Category path of each product, segments joined by " >> ", indexed by product_id.
    category
        Category of each product, of those that are not scored too: theirs can still be predicted.
    """
    segments = paths.str.split(" >> ")
    first = segments.str[0]
    above = first[category.index].groupby(category).agg(lambda each: each.mode().iloc[0])
    return PathLevels(first, segments.str[:2].str.join(" >> "), above)


def path_scores(
    test: pd.DataFrame, levels: PathLevels, group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return the hierarchical scores on the category path, with intervals.

    Parameters
    ----------
    test
        Rows of one protocol.
    levels
        See `path_levels`.
    group, params
        As in `probability_scores`.

    Returns
    -------
    dict
        accuracy_level_1: share of products put below the right first segment; recall_level_2: mean over the
        first two segments of paths of the share of their products that is put into the right category, so
        that a rare kind of product counts as much as a frequent one.
    """
    ids, said = test["product_id"], metrics.predicted(test)
    right_above = levels.above[said].to_numpy() == levels.first[ids].to_numpy()
    right = said == test["category"].to_numpy(str)
    nodes, node = np.unique(levels.second[ids].to_numpy(str), return_inverse=True)
    place = np.zeros((len(test), len(nodes)))
    place[np.arange(len(test)), node] = 1
    matrix = np.hstack([np.ones((len(test), 1)), right_above[:, None], place, place * right[:, None]])

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        count, hits = np.split(sums[..., 2:], 2, axis=-1)
        recall = _ratio(hits, count).sum(axis=-1) / (count > 0).sum(axis=-1)
        return {"accuracy_level_1": sums[..., 1] / sums[..., 0], "recall_level_2": recall}

    drawn = figures(metrics.resampled_sums(matrix, group, params))
    result: dict[str, float] = {}
    for name, value in figures(matrix.sum(axis=0)).items():
        low, high = metrics.interval(drawn[name], params.confidence)
        result |= {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
    return result


def score(model: Model, folds: pd.DataFrame, levels: PathLevels, params: EvaluationParams) -> dict[str, Any]:
    """Return the flat dict of one model, without comparisons; a protocol that it has not run is left out."""
    result: dict[str, Any] = {"weights": model.weights}
    products = folds.set_index("product_id")
    for protocol in ("cv", "holdout"):
        rows = model.rows(protocol)
        if rows.empty:
            continue
        decided = model.decided[model.decided["protocol"] == protocol]
        groups = products.loc[rows["product_id"], "group"].to_numpy()
        found = metrics.summarise(rows, groups, params)
        found |= probability_scores(rows, decided, groups, params)
        found |= path_scores(rows, levels, groups, params)
        found["temperature"] = float(decided["temperature"].mean())
        for name in (each for each in rows.columns if each.startswith(predictions.WEIGHT)):
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
                right = metrics.predicted(rows) == rows["category"].to_numpy(str)
                result[name] |= {
                    f"cv_accuracy_without_{word}": float(right.mean()),
                    f"products_without_{word}": rows["product_id"].nunique(),
                }
    return result


def fold_gain(model: Model, reference: Model, confidence: float) -> dict[str, float]:
    """Return the Nadeau-Bengio corrected test of two models' cross-validated accuracies."""
    mine, theirs = model.fold_accuracy, reference.fold_accuracy
    n_splits = mine.index.get_level_values("fold").nunique()
    return metrics.corrected_t_test((mine - theirs).to_numpy(), 1 / (n_splits - 1), confidence)


def compare(
    models: dict[str, Model], reference: str, prefix: str, confidence: float
) -> dict[str, dict[str, float]]:
    """Return each model's difference to a reference: `cv_<prefix>` with `_low`, `_high`, `_p`, `_p_holm`.

    Holm's correction counts every model that is compared (Holm 1979). The reference itself has no entry.
    """
    from statsmodels.stats.multitest import multipletests

    result: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        if name != reference and not model.rows("cv").empty:
            gain = fold_gain(model, models[reference], confidence)
            result[name] = {f"cv_{key.replace('gain', prefix, 1)}": value for key, value in gain.items()}
    if result:
        corrected = multipletests([each[f"cv_{prefix}_p"] for each in result.values()], method="holm")[1]
        for each, p in zip(result.values(), corrected, strict=True):
            each[f"cv_{prefix}_p_holm"] = float(p)
    return result


def holdout_mcnemar(model: Model, floor: Model) -> float:
    """Return McNemar's p value of the first seeds on the hold-out's test part."""
    right = []
    for each in (model, floor):
        rows = each.rows("holdout")
        rows = rows[rows["seed"] == rows["seed"].min()].sort_values("product_id")
        right.append(metrics.predicted(rows) == rows["category"].to_numpy(str))
    return metrics.mcnemar_p(*right)


def best_single(models: dict[str, Model], scores: dict[str, dict[str, Any]]) -> str | None:
    """Return the model of one modality with the highest cross-validated accuracy, untrained ones aside."""
    single = [
        name
        for name, model in models.items()
        if len(model.modalities) == 1 and model.weights != "untrained" and "cv_accuracy" in scores[name]
    ]
    return max(single, key=lambda name: scores[name]["cv_accuracy"], default=None)


def deployment(name: str, model: Model, params: EvaluationParams) -> dict[str, Any]:
    """Return the temperature and threshold to use on new products, fitted on all out-of-fold predictions.

    `coverage` and `error` are those obtained where both were fitted without the test part.
    """
    protocol = "cv" if not model.rows("cv").empty else "holdout"
    rows, decided = model.rows(protocol), model.decided[model.decided["protocol"] == protocol]
    y, values = calibration.true_index(rows), probabilities(rows)
    temperature = calibration.fit_temperature(values, y)
    scaled = calibration.scale(values, temperature)
    automatic = decided["automatic"].to_numpy(bool)
    return {
        "model": name,
        "protocol": protocol,
        "temperature": temperature,
        "threshold": decisions.threshold(scaled.max(axis=1), scaled.argmax(axis=1) != y, params.target_error),
        "target_error": params.target_error,
        "coverage": automatic.mean(),
        "error": decided.loc[automatic, "wrong"].mean() if automatic.any() else 0.0,
    }


def _confusion(rows: pd.DataFrame) -> np.ndarray:
    return metrics.total(metrics.confusion_by_group(rows, np.zeros(len(rows), int)))


def seed_scores(model: Model, confidence: float) -> dict[str, float]:
    """Return accuracy and macro F1 of each seed; their mean, sd and interval (Student's t) over the seeds."""
    from scipy import stats

    result: dict[str, float] = {}
    for protocol in ("cv", "holdout"):
        rows = model.rows(protocol)
        for name in ("accuracy", "macro_f1") if len(rows) else ():
            each = {
                seed: float(metrics.scores(_confusion(rows[rows["seed"] == seed]))[name])
                for seed in sorted(rows["seed"].unique())
            }
            values = np.array(list(each.values()))
            key = f"{protocol}_{name}"
            result |= {f"{key}_seed_{seed}": value for seed, value in each.items()}
            result[key] = float(values.mean())
            if len(values) > 1:
                sd = float(values.std(ddof=1))
                half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * sd / len(values) ** 0.5
                result |= {
                    f"{key}_sd": sd,
                    f"{key}_low": result[key] - half,
                    f"{key}_high": result[key] + half,
                }
    return result


def aligned(table: pd.DataFrame, floor: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a model's predictions, its test rows in the floor's order; both must have the same products."""
    reference = predictions.test_rows(floor)
    reference = reference[reference["protocol"].isin(table["protocol"].unique())]
    test = predictions.align(predictions.test_rows(table), reference, f"predictions of {name}", "the floor's")
    inner = predictions.inner_rows(table).sort_values(predictions.KEYS)  # sums in an order of their own
    return pd.concat([test, inner], ignore_index=True)


def review(name: str, model: Model, titles: pd.Series) -> pd.DataFrame:
    """Return the products that the model would send to a person, the least certain first."""
    names = predictions.categories(model.test)
    table = decisions.review(model.decided[model.decided["protocol"] == "cv"], names)
    table.insert(1, "title", titles[table[tables.KEY]].to_numpy())
    return table.assign(model=name)


def best(scores: dict[str, dict[str, Any]]) -> str:
    """Return the model with the highest cross-validated accuracy, untrained ones aside."""
    trained = [
        name for name, each in scores.items() if each["weights"] != "untrained" and "cv_accuracy" in each
    ]
    return max(trained, key=lambda name: scores[name]["cv_accuracy"])
