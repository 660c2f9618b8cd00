"""Differences between models, with paired tests; which model is the best."""

from collections.abc import Iterable
from typing import Any

from aisle.evaluation import metrics, significance
from aisle.evaluation.champion import SCORE, candidates
from aisle.evaluation.model_scores import Model


def fold_gain(model: Model, reference: Model, confidence: float) -> dict[str, float]:
    """Return the Nadeau-Bengio corrected test of two models' cross-validated accuracies."""
    mine, theirs = model.fold_accuracy, reference.fold_accuracy
    n_splits = mine.index.get_level_values("fold").nunique()
    return significance.corrected_t_test((mine - theirs).to_numpy(), 1 / (n_splits - 1), confidence)


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
        corrected = multipletests([test[f"cv_{prefix}_p"] for test in result.values()], method="holm")[1]
        for test, p in zip(result.values(), corrected, strict=True):
            test[f"cv_{prefix}_p_holm"] = float(p)
    return result


def holdout_mcnemar(model: Model, reference: Model) -> float:
    """Return McNemar's p value of the first seeds on the hold-out's test part."""
    right = []
    for compared in (model, reference):
        rows = compared.rows("holdout")
        rows = rows[rows["seed"] == rows["seed"].min()].sort_values("product_id")
        right.append(metrics.right(rows))
    return significance.mcnemar_p(*right)


def best(scores: dict[str, dict[str, Any]], among: Iterable[str] | None = None) -> str | None:
    """Return the trained model with the highest cross-validated accuracy; None where there is none.

    Parameters
    ----------
    scores
        Model to its metrics.
    among
        The models to choose from; all of `scores` where it is left out.
    """
    names = set(scores if among is None else among)
    trained = [name for name in candidates(scores) if name in names]
    return max(trained, key=lambda name: scores[name][SCORE], default=None)


def single_modality(models: dict[str, Model]) -> list[str]:
    """Return the models that read one modality."""
    return [name for name, model in models.items() if len(model.modalities) == 1]
