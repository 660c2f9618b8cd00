"""First screen: feasible or not, with which model, how good, how sure."""

from typing import Any

import pandas as pd

from aisle.catalogue.labelled import NO_CATEGORY
from aisle.report.blocks import Block, Card, Cards, Level, Paragraph, Section, TableBlock, Verdict
from aisle.report.data.results import Results
from aisle.report.style import percent, percent_range, with_interval


def verdict(difference: dict[str, float], confidence: float, reference: str = "the baseline") -> str:
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


def obtained(scores: dict[str, Any]) -> str:
    """Return what is decided automatically out of fold, and how much of it is wrong."""
    if not scores["cv_coverage_at_target_error"]:
        return "none of the products is decided without a person"
    return (
        f"{three(scores, 'cv_coverage_at_target_error')} of the products are decided without a person, and "
        f"{three(scores, 'cv_error_at_coverage')} of these are wrong"
    )


def feasible(scores: dict[str, Any], largest: float) -> tuple[Level, str]:
    """Return the verdict's level and word; RULE says it in words.

    Parameters
    ----------
    scores
        Of the model to use.
    largest
        Share of the largest category: what always answering it would get right.
    """
    if scores["cv_accuracy_low"] <= largest:
        return "poor", "Not feasible"
    decides = scores["guaranteed_coverage"] > 0 and scores["cv_coverage_at_target_error_low"] > 0.5
    return ("good", "Feasible") if decides else ("fair", "Feasible with a person's help")


RULE = (
    "Rule of the verdict: feasible, if the error of the automatic decisions is bounded as asked and the "
    "interval of the share decided without a person is above one half; with a person's help, if that fails "
    "but the interval of the accuracy lies above the share of the largest category; else not."
)


def section(results: Results) -> Section:
    """Return the verdict with its key figures, then the evidence: the best against the baseline, all."""
    metrics, best, baseline = results.metrics["ingest"], results.best, results.baseline
    scores = results.compared
    gain = compared(scores[best], "cv_gain")
    if gain is None:
        against = "It is the baseline: no model is better"
    else:
        reached = f"the baseline, {results.title(baseline)}, reaches {three(scores[baseline], 'cv_accuracy')}"
        against = f"It is {verdict(gain, results.confidence)}; {reached}"
    answer = (
        f"The best model, {results.title(best)}, puts {three(scores[best], 'cv_accuracy')} of the "
        f"{metrics['products']:,} products into the right one of {metrics['categories']} categories. "
        f"{against}. With thresholds that bound the error at {results.target_error:.1%} with "
        f"{results.confidence:.0%} confidence, out of fold {obtained(scores[best])}."
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
    if "cv_adjudicated_accuracy" in scores[best]:
        how += (
            " On adjudicated labels those of data/adjudicated.csv count as right, where a person has read a "
            "contested product again; no model has learned from them and none was chosen by them."
        )
    blocks: list[Block] = [
        _verdict(results), _cards(results), Paragraph(RULE), Paragraph(answer),
        TableBlock("All models", table), Paragraph(how),
    ]  # fmt: skip
    return Section("answer", "The answer", blocks)


def _verdict(results: Results) -> Verdict:
    champion = results.champion
    scores = results.models[champion]
    largest = float(
        results.products.loc[results.products["category"].ne(NO_CATEGORY), "category"]
        .value_counts(normalize=True)
        .max()
    )
    level, word = feasible(scores, largest)
    told = {key: _percentages(scores, key) for key in ("cv_coverage_at_target_error", "cv_error_at_coverage")}
    title = results.title(champion)
    if level == "poor":
        text = (
            f"{title} puts {_percentages(scores, 'cv_accuracy')} of the products into the right category; "
            f"always answering the largest one would reach {largest:.1%}."
        )
    else:
        text = f"{title}. {results.promise}"
        if scores["cv_coverage_at_target_error"] > 0:
            text += (
                f" Out of fold it decides {told['cv_coverage_at_target_error']} of the products alone, "
                f"{told['cv_error_at_coverage']} of these wrongly."
            )
    return Verdict(word, text, level)


def _cards(results: Results) -> Cards:
    found = results.metrics["champion"]
    scores = results.models[found["champion"]]
    low, high = scores["cv_error_at_coverage_low"], scores["cv_error_at_coverage_high"]
    key = "cv_coverage_at_target_error"
    decides = scores[key] > 0
    bound = scores["guaranteed_bound"]
    promised = f"at most {bound:.2%}" if scores["guaranteed_coverage"] else "nothing, there is no threshold"
    tied = "No other is within noise of the best"
    if found["tied"] > 1:
        what = "smallest that may decide alone" if scores["guaranteed_coverage"] else "smallest"
        tied = f"The {what} of {found['tied']} within noise of the best"
    cards = [
        Card(
            "Right category",
            percent(scores["cv_accuracy"]),
            percent_range(scores["cv_accuracy_low"], scores["cv_accuracy_high"]),
            f"of {results.metrics['ingest']['products']:,} products, "
            f"{results.metrics['ingest']['categories']} categories",
        ),
        Card(
            "Decided without a person",
            percent(scores[key]),
            percent_range(scores[f"{key}_low"], scores[f"{key}_high"]),
            f"with at most {results.target_error:.1%} errors, {results.confidence:.0%} confidence",
        ),
        Card(
            "Errors among these",
            percent(scores["cv_error_at_coverage"]) if decides else "none decided",
            percent_range(low, high) if decides else "",
            f"promised of new products: {promised}",
        ),
        Card(
            "Model to use",
            results.title(found["champion"]),
            f"{found['champion_megabytes']:.1f} MB to ship",
            f"{tied}; {found['candidates']} compared",
        ),
    ]
    return Cards(f"The model to use, out of fold, with {results.confidence:.0%} intervals", cards)


def _percentages(scores: dict[str, float], key: str) -> str:
    """Return `96.2% [94.9%, 97.3%]`."""
    value, low, high = (percent(scores[f"{key}{suffix}"]) for suffix in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"


def _row(results: Results, name: str) -> dict[str, str]:
    row = {"model": results.title(name)}
    if name not in results.models:
        return row | {"against the baseline": "weights not available"}
    scores = results.models[name]
    row["hold-out accuracy"] = three(scores, "holdout_accuracy")
    if name not in results.compared:
        return row | {"against the baseline": "hold-out only"}
    gain = compared(scores, "cv_gain")
    return {
        "model": row["model"],
        "accuracy": three(scores, "cv_accuracy"),
        **(
            {"on adjudicated labels": three(scores, "cv_adjudicated_accuracy")}
            if "cv_adjudicated_accuracy" in scores
            else {}
        ),
        "sd over folds": f"{scores['cv_accuracy_sd']:.3f}",
        "macro F1": three(scores, "cv_macro_f1"),
        "hold-out accuracy": row["hold-out accuracy"],
        "products with input": f"{scores['cv_input_share']:.1%}",
        "decided automatically": three(scores, "cv_coverage_at_target_error"),
        "errors among these": three(scores, "cv_error_at_coverage"),
        "against the baseline": verdict(gain, results.confidence) if gain else "the baseline",
    }
