"""Judge every model from its predictions alone: metrics of each, and the tables of reports/evaluation/."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisle.catalogue.labelled import labelled
from aisle.evaluation import (
    adjudication,
    bootstrap,
    calibration,
    comparison,
    metrics,
    model_scores,
    per_product,
    selective,
    tree_scores,
    tree_ways,
)
from aisle.evaluation.category_thresholds import OF_CATEGORY
from aisle.evaluation.metrics import EvaluationParams
from aisle.evaluation.model_scores import NO_SEED, Model
from aisle.evaluation.path_scores import PathLevels, path_levels
from aisle.models import predictions_table
from aisle.models.predictions_table import probabilities
from aisle.pipeline import tables
from aisle.pipeline.cores import in_processes
from aisle.pipeline.errors import AisleError, some
from aisle.pretrained.status import ABSENT, kind

Predictions = Mapping[str, dict[int, pd.DataFrame]]
"""Model to its predictions by seed (`NO_SEED` alone where it has none)."""


@dataclass(frozen=True)
class Evaluation:
    """What is known of every model.

    Attributes
    ----------
    scores
        Of metrics/models.json: model to a flat dict.
    seed_scores
        Of metrics/seeds.json: model of several seeds to a flat dict.
    tables
        Of reports/evaluation/, by name.
    """

    scores: dict[str, Any]
    seed_scores: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def write_tables(found: dict[str, pd.DataFrame], folder: Path, catalogue: str) -> None:
    """Write the tables of `Evaluation` into a folder: `products` as Parquet, the others as CSV."""
    for name, table in found.items():
        if name == "products":
            tables.write(table, folder / f"{name}.parquet", catalogue)
        else:
            tables.write_csv(table, folder / f"{name}.csv", catalogue)


def evaluate(
    predictions: Predictions,
    folds: pd.DataFrame,
    products: pd.DataFrame,
    adjudicated: Mapping[str, frozenset[str]],
    params: EvaluationParams,
) -> Evaluation:
    """Judge every model.

    Parameters
    ----------
    predictions
        Of every model; one whose weights are not available is listed and has no scores.
    folds, products
        The tables of data/folds.parquet and data/products.parquet (product_id, title, category_path).
    adjudicated
        See `adjudication.read`.
    params
        Section `evaluation`.

    Raises
    ------
    AisleError
        If the model that the others are tested against is none of them, or the products of two tables differ.
    """
    baseline = _baseline(predictions, params.baseline)
    ids = baseline.loc[(baseline["protocol"] == "cv") & (baseline["repeat"] == 0), "product_id"].unique()
    folds = tables.align(labelled(folds), ids, "data/folds.parquet", "the baseline's predictions")
    products = tables.align(
        products[products["product_id"].isin(ids)], ids, "data/products.parquet", "the baseline's predictions"
    )
    levels = path_levels(
        products.set_index("product_id")["category_path"], folds.set_index("product_id")["category"]
    )
    group = folds.set_index("product_id")["group"]
    listed, models = _prepared(predictions, baseline, group, params)
    seeds = listed.set_index("model")["seeds"]
    scores = score_models(models, folds, levels, params)
    for name, model in models.items():
        if len(rows := model.rows("cv")):
            found = adjudication.scores(rows, adjudicated, group[rows["product_id"]].to_numpy(), params)
            scores[name] |= {f"cv_{key}": value for key, value in found.items()}
    decisions = [deployment(name, model, group, params) for name, model in models.items()]
    for row in decisions:
        scores[row["model"]] |= {name: row[name] for name in ("guaranteed_coverage", "guaranteed_bound")}
    seed_scores = {
        name: model_scores.seed_scores(model, params.confidence)
        for name, model in models.items()
        if seeds[name] > 1
    }
    every = {name: scores.get(name, {"weights": ABSENT}) for name in predictions}
    made = score_tables(models, scores, folds, products, params)
    return Evaluation(every, seed_scores, {"models": listed, "decisions": pd.DataFrame(decisions), **made})


def _baseline(predictions: Predictions, name: str) -> pd.DataFrame:
    if name not in predictions:
        raise AisleError(f"evaluation.baseline must be one of {some(predictions, 99)}, not {name!r}")
    table = predictions[name].get(NO_SEED)
    if table is None or kind(table.attrs["weights"]) == ABSENT:
        raise AisleError(
            f"evaluation.baseline must be a model without seeds whose weights are available; {name!r} is not"
        )
    return predictions_table.test_rows(table)


def _prepared(
    predictions: Predictions, baseline: pd.DataFrame, group: pd.Series, params: EvaluationParams
) -> tuple[pd.DataFrame, dict[str, Model]]:
    """Return a row per model (model, seeds: how many, title, modalities, weights), and those with weights.

    One after another, since of each but a fifth is inner rows that nobody asks for afterwards.
    """
    rows, models = [], dict[str, Model]()
    for name in predictions:
        by_seed = dict(predictions[name])
        attrs = next(iter(by_seed.values())).attrs
        title, modalities, weights = attrs["title"], attrs["modalities"], kind(attrs["weights"])
        about = {"title": title, "modalities": modalities, "weights": weights}
        rows.append({"model": name, "seeds": len(by_seed), **about})
        if weights == ABSENT:
            continue
        models[name] = model_scores.prepare(
            title,
            modalities.split("+"),
            weights,
            {seed: model_scores.aligned(by_seed.pop(seed), baseline, name) for seed in [*by_seed]},
            group,
            params,
        )
    return pd.DataFrame(rows), models


def score_models(
    models: dict[str, Model], folds: pd.DataFrame, levels: PathLevels, params: EvaluationParams
) -> dict[str, dict[str, Any]]:
    """Return the flat dict of every model's metrics, with paired tests against baseline and best single.

    Parameters
    ----------
    models
        The baseline among them.
    folds
        Their products' near-duplicate groups.
    levels
        Of the category paths.
    params
        Section `evaluation`.
    """
    each = in_processes(lambda name: model_scores.score(models[name], folds, levels, params), models)
    scores = dict(zip(models, each, strict=True))
    for name, extra in model_scores.missing_scores(models).items():
        scores[name] |= extra
    single = comparison.best(scores, comparison.single_modality(models))
    for prefix, reference in (("gain", params.baseline), ("over_single", single)):
        if reference:
            for name, extra in comparison.compare(models, reference, prefix, params.confidence).items():
                scores[name] |= extra
    for name, model in models.items():
        if name != params.baseline:
            scores[name]["holdout_mcnemar_p"] = comparison.holdout_mcnemar(model, models[params.baseline])
    return scores


def score_tables(
    models: dict[str, Model],
    scores: dict[str, dict[str, Any]],
    folds: pd.DataFrame,
    products: pd.DataFrame,
    params: EvaluationParams,
) -> dict[str, pd.DataFrame]:
    """Return the tables of reports/evaluation/ that have rows of each model.

    Parameters
    ----------
    models, scores
        Every model, and its metrics.
    folds, products
        Of the same products.
    params
        Section `evaluation`.
    """
    group = folds.set_index("product_id")["group"]
    parts: dict[str, list[pd.DataFrame]] = {}

    def of_model(name: str) -> dict[str, pd.DataFrame]:
        model = models[name]
        return {
            "per_class": class_table(name, model, group, params),
            **cv_tables(name, model, group, params),
        }

    for found in in_processes(of_model, models):
        for table, rows in found.items():
            parts.setdefault(table, []).append(rows)
    best = comparison.best(scores) or params.baseline
    summaries = {
        name: per_product.summary(model.decided[model.decided["protocol"] == "cv"])
        for name, model in models.items()
        if len(model.rows("cv"))
    }
    return {table: pd.concat(rows) for table, rows in parts.items()} | {
        "review": review(best, models[best], products.set_index("product_id")["title"]),
        "products": per_product.all_models(summaries),
    }


def class_table(name: str, model: Model, group: pd.Series, params: EvaluationParams) -> pd.DataFrame:
    """Return precision, recall, F1 (with its interval) and support of each protocol and category.

    Parameters
    ----------
    name, model
        The model.
    group
        Near-duplicate group by product_id.
    params
        Confidence and resamples.
    """
    parts = []
    for protocol, rows in model.test.groupby("protocol"):
        counts = metrics.counts_by_group(rows, group[rows["product_id"]].to_numpy())
        drawn = metrics.per_class(bootstrap.resampled(counts, params))["f1"]
        low, high = bootstrap.interval(drawn, params.confidence)
        columns = metrics.per_class(metrics.total(counts))
        columns["support"] = columns["support"] / len(rows[["seed", "repeat"]].drop_duplicates())
        names = {"model": name, "protocol": protocol, "category": predictions_table.categories(rows)}
        parts.append(pd.DataFrame({**names, **columns, "f1_low": low, "f1_high": high}))
    return pd.concat(parts)


def cv_tables(name: str, model: Model, group: pd.Series, params: EvaluationParams) -> dict[str, pd.DataFrame]:
    """Return the tables that only a cross-validated model has: folds, confusion, reliability and so on.

    Parameters
    ----------
    name, model
        The model.
    group
        Near-duplicate group by product_id.
    params
        Bins of the reliability, confidence of the intervals.
    """
    rows, decided = model.rows("cv"), model.decided[model.decided["protocol"] == "cv"]
    if rows.empty:
        return {}
    pairs = pd.DataFrame({"actual": rows["category"], "predicted": metrics.predicted(rows)})
    runs = len(rows[["seed", "repeat"]].drop_duplicates())
    reliability = [
        calibration.reliability(table, params.n_bins).assign(probabilities=state)
        for state, table in (("raw", rows), ("calibrated", decided))
    ]
    wrong = decided["wrong"].to_numpy(bool)
    found = {
        "folds": metrics.fold_scores(rows),
        "confusion": pairs.value_counts(sort=False).rename("products").div(runs).reset_index(),
        "reliability": pd.concat(reliability),
        "risk_coverage": selective.risk_coverage(decided["confidence"].to_numpy(), wrong),
        "by_category": selective.by_category(
            decided, group, predictions_table.categories(rows), params.confidence
        ),
        **tree_scores.tables(rows, decided, tree_scores.tree_of(rows)),
    }
    return {table: rows.assign(model=name) for table, rows in found.items()}


def deployment(name: str, model: Model, group: pd.Series, params: EvaluationParams) -> dict[str, Any]:
    """Return the temperature and threshold to use on new products, and what is promised of them.

    The temperature is of all out-of-fold predictions. The promise is made on those of `selective.evidence`,
    whose seed is packaged, from `threshold_out_of_fold` on; what is packaged learns from more, so that its
    `threshold` is that of `selective.matched`. `coverage` and `error` are those obtained where both were
    fitted without the test part; for the promise see `selective.Promise`.

    Parameters
    ----------
    name, model
        The model.
    group
        Near-duplicate group by product_id.
    params
        The target error and the confidence of the promise.
    """
    rows, decided = model.rows(model.protocol), model.decided[model.decided["protocol"] == model.protocol]
    temperature = calibration.fit_temperature(probabilities(rows), calibration.true_index(rows))
    first = selective.evidence(rows, group)
    scaled = calibration.scale(probabilities(first), temperature)
    wrong = scaled.argmax(axis=1) != calibration.true_index(first)
    of_folds, sure = selective.evidence(decided, group), scaled.max(axis=1)
    goal, own = (params.target_error, params.confidence), dict[str, float]()
    if params.threshold_by_category:
        each = selective.promise_of_each(sure, wrong, scaled.argmax(axis=1), scaled.shape[1], *goal)
        kept = [_matched(one, model, of_folds, category) for category, one in enumerate(each)]
        promise, threshold = selective.together([one for one, _ in kept]), min(limit for _, limit in kept)
        own = {f"{OF_CATEGORY}{i}": limit for i, (_, limit) in enumerate(kept, 1)}
    else:
        promise, threshold = _matched(selective.promise(sure, wrong, *goal), model, of_folds)
    automatic = decided["automatic"].to_numpy(bool)
    return {
        "model": name,
        "protocol": model.protocol,
        "temperature": temperature,
        "threshold": threshold,
        "threshold_out_of_fold": promise.threshold,
        "target_error": params.target_error,
        "confidence": params.confidence,
        "guaranteed_coverage": promise.coverage,
        "guaranteed_bound": promise.bound,
        "accepted": promise.accepted,
        "accepted_wrong": promise.accepted_wrong,
        "calibrated_on": promise.calibrated_on,
        "needed": promise.needed,
        "coverage": automatic.mean(),
        "error": decided.loc[automatic, "wrong"].mean() if automatic.any() else 0.0,
        **own,
        **_by_depth(model, first, scaled, of_folds, params),
    }


def _matched(
    promise: selective.Promise, model: Model, of_folds: pd.DataFrame, category: int | None = None
) -> tuple[selective.Promise, float]:
    """Return a promise, of one predicted category or of all, with its matched threshold; or that of none."""
    fewer, more = model.inner_confidence, of_folds["confidence"].to_numpy()
    if category is not None:
        fewer, more = fewer[model.inner_predicted == category], more[of_folds["predicted"] == category]
    threshold = selective.matched(promise.threshold, fewer, more) if promise.accepted else np.inf
    if np.isinf(threshold):
        promise = selective.Promise.none(promise.calibrated_on, promise.needed)
    return promise, threshold


def _by_depth(
    model: Model, first: pd.DataFrame, scaled: np.ndarray, of_folds: pd.DataFrame, params: EvaluationParams
) -> dict[str, float]:
    """Return the thresholds of the depths where categories are nodes of a tree."""
    tree = tree_scores.tree_of(first)
    if tree.height < 2:
        return {}
    more = tree_ways.ways(probabilities(of_folds), tree).probability
    true = tree.above[calibration.true_index(first)]
    return tree_scores.packaged_thresholds(
        tree_ways.ways(scaled, tree), true, model.inner_nodes, more, params
    )


def review(name: str, model: Model, titles: pd.Series) -> pd.DataFrame:
    """Return the products that the model would send to a person, the least certain first.

    Parameters
    ----------
    name, model
        A cross-validated model.
    titles
        By product_id.
    """
    names = predictions_table.categories(model.test)
    table = selective.review(model.decided[model.decided["protocol"] == "cv"], names)
    table.insert(1, "title", titles[table[tables.KEY]].to_numpy())
    return table.assign(model=name)
