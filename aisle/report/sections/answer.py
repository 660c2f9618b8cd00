"""First screen: which model, how good, how sure."""

import pandas as pd

from aisle.report.blocks import Paragraph, Section, TableBlock
from aisle.report.results import Results
from aisle.report.style import with_interval


def verdict(difference: dict[str, float], confidence: float, reference: str = "the floor") -> str:
    """Return a sentence that says whether a difference is more than noise, all comparisons counted.

    Parameters
    ----------
    difference
        `""`, `_low`, `_high`, `_p_holm` to figures.
    confidence
        It is more than noise where Holm's p is below 1 - confidence.
    reference
        What the model is compared with.
    """
    value, p = difference[""], difference["_p_holm"]
    significance = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    figures = f"{value:+.3f} [{difference['_low']:+.3f}, {difference['_high']:+.3f}], {significance}"
    if p >= 1 - confidence:
        return f"not distinguishable from {reference} ({figures})"
    return f"{'better' if value > 0 else 'worse'} than {reference} ({figures})"


def compared(scores: dict[str, float], key: str) -> dict[str, float] | None:
    """Return the figures of a comparison, or None for the reference itself."""
    if key not in scores:
        return None
    return {suffix: scores[f"{key}{suffix}"] for suffix in ("", "_low", "_high", "_p_holm")}


def three(scores: dict[str, float], key: str) -> str:
    """Return a score with its interval."""
    return with_interval(*(scores[f"{key}{suffix}"] for suffix in ("", "_low", "_high")))


def section(results: Results) -> Section:
    """Return the answer: the best model's accuracy with its interval, against the floor, and all models."""
    metrics = results.metrics["ingest"]
    best, floor = results.best, results.floor
    scores = results.compared
    gain = compared(scores[best], "cv_gain")
    if gain is None:
        against = "It is the floor: no model is better"
    else:
        reached = f"the floor, {results.title(floor)}, reaches {three(scores[floor], 'cv_accuracy')}"
        against = f"It is {verdict(gain, results.confidence)}; {reached}"
    answer = (
        f"{results.title(best)} puts {three(scores[best], 'cv_accuracy')} of the {metrics['products']:,} "
        f"products into the right one of {metrics['categories']} categories. {against}. At most "
        f"{results.target_error:.1%} errors allowed, it decides "
        f"{three(scores[best], 'cv_coverage_at_target_error')} of the products alone, and "
        f"{three(scores[best], 'cv_error_at_coverage')} of these are wrong out of fold."
    )
    table = pd.DataFrame([_row(results, name) for name in results.titles]).fillna("")
    how = (
        "Accuracy and F1 are out of fold, repeated stratified group k-fold: near-duplicates are never "
        f"on both sides of a split. Brackets hold {results.confidence:.0%} intervals (bootstrap by group); "
        "differences are tested with the Nadeau-Bengio corrected t-test, p by Holm's correction for all "
        "models compared. Hold-out is one 60/20/20 split, comparable with published studies; models that "
        "are too slow to cross-validate have it alone. A model of several seeds is scored over all of them. "
        "Choosing the best of several models on the same folds flatters it."
    )
    return Section(
        "answer", "The answer", [Paragraph(answer), TableBlock("All models", table), Paragraph(how)]
    )


def _row(results: Results, name: str) -> dict[str, str]:
    row = {"model": results.title(name)}
    if name not in results.models:
        return row | {"against the floor": "weights not available"}
    scores = results.models[name]
    row["hold-out accuracy"] = three(scores, "holdout_accuracy")
    if name not in results.compared:
        return row | {"against the floor": "hold-out only"}
    gain = compared(scores, "cv_gain")
    return {
        "model": row["model"],
        "accuracy": three(scores, "cv_accuracy"),
        "sd over folds": f"{scores['cv_accuracy_sd']:.3f}",
        "macro F1": three(scores, "cv_macro_f1"),
        "hold-out accuracy": row["hold-out accuracy"],
        "products with input": f"{scores['cv_input_share']:.1%}",
        "decided automatically": three(scores, "cv_coverage_at_target_error"),
        "errors among these": three(scores, "cv_error_at_coverage"),
        "against the floor": verdict(gain, results.confidence) if gain else "the floor",
    }
