"""First screen: which model, how good, how sure."""

import pandas as pd

from aisle.report.blocks import Paragraph, Section, TableBlock
from aisle.report.results import Results
from aisle.report.style import with_interval


def verdict(gain: float, low: float, high: float, p: float) -> str:
    """Return a sentence that says whether a difference to the floor is more than noise."""
    significance = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    figures = f"{gain:+.3f} [{low:+.3f}, {high:+.3f}], {significance}"
    if low > 0:
        return f"better than the floor ({figures})"
    if high < 0:
        return f"worse than the floor ({figures})"
    return f"not distinguishable from the floor ({figures})"


def gain(scores: dict[str, float]) -> str:
    """Return the verdict on a model's scores; the floor itself has no gain."""
    if "cv_gain" not in scores:
        return "the floor"
    return verdict(*(scores[f"cv_gain{suffix}"] for suffix in ("", "_low", "_high", "_p")))


def section(results: Results) -> Section:
    """Return the answer: the best model's accuracy with its interval, against the floor, and all models."""
    metrics = results.metrics["ingest"]
    accuracy = {
        name: with_interval(*(scores[f"cv_accuracy{suffix}"] for suffix in ("", "_low", "_high")))
        for name, scores in results.models.items()
    }
    best, floor = results.best, results.floor
    if best == floor:
        against = "It is the floor: no model is better"
    else:
        reached = f"the floor, {results.title(floor)}, reaches {accuracy[floor]}"
        against = f"It is {gain(results.models[best])}; {reached}"
    answer = (
        f"{results.title(best)} puts {accuracy[best]} of the {metrics['products']:,} products into the "
        f"right one of {metrics['categories']} categories. {against}."
    )
    table = pd.DataFrame(
        [
            {
                "model": results.title(name),
                "accuracy": accuracy[name],
                "sd over folds": f"{scores['cv_accuracy_sd']:.3f}",
                "macro F1": with_interval(*(scores[f"cv_macro_f1{s}"] for s in ("", "_low", "_high"))),
                "hold-out accuracy": with_interval(
                    *(scores[f"holdout_accuracy{s}"] for s in ("", "_low", "_high"))
                ),
                "products with input": f"{scores['cv_coverage']:.1%}",
                "against the floor": gain(scores),
            }
            for name, scores in results.models.items()
        ]
        + [
            {"model": results.title(name), "against the floor": "weights not available"}
            for name in results.titles
            if name not in results.models
        ]
    ).fillna("")
    how = (
        "Accuracy and F1 are out of fold, repeated stratified group k-fold: near-duplicates are never "
        f"on both sides of a split. Brackets hold {results.confidence:.0%} intervals (bootstrap by group); "
        "differences are tested with the Nadeau-Bengio corrected t-test. Hold-out is one 60/20/20 split, "
        "comparable with published studies. Choosing the best of several models on the same folds "
        "flatters it."
    )
    return Section(
        "answer", "The answer", [Paragraph(answer), TableBlock("All models", table), Paragraph(how)]
    )
