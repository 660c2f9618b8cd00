"""The report's first screen: which model, how sure, and what is said of models without all scores."""

import pandas as pd
import pytest

from aisle.report.blocks import Cards, Paragraph, TableBlock, Verdict
from aisle.report.data.results import Results
from aisle.report.sections import answer


def figures(value, p):
    return {"": value, "_low": value - 0.02, "_high": value + 0.02, "_p_holm": p}


@pytest.mark.parametrize(
    ("value", "p", "told"),
    [
        (0.05, 0.01, "better than the baseline (+0.050 [+0.030, +0.070], p = 0.010)"),
        (-0.05, 0.01, "worse than the baseline (-0.050 [-0.070, -0.030], p = 0.010)"),
        (0.05, 0.0004, "better than the baseline (+0.050 [+0.030, +0.070], p < 0.001)"),
        (0.05, 0.06, "not distinguishable from the baseline (+0.050 [+0.030, +0.070], p = 0.060)"),
        (0.0, 1.0, "not distinguishable from the baseline (+0.000 [-0.020, +0.020], p = 1.000)"),
    ],
)
def test_better_is_said_only_where_the_corrected_p_allows_it(value, p, told):
    """An interval without 0 is not enough: it does not count the comparisons."""
    assert answer.verdict(figures(value, p), 0.95) == told


def scored(accuracy, gain=None, protocols=("cv", "holdout"), **facts):
    names = ("accuracy", "macro_f1", "coverage_at_target_error", "error_at_coverage")
    found = {"weights": "none", "cv_accuracy_sd": 0.01, "cv_input_share": 0.9} if "cv" in protocols else {}
    for protocol in protocols:
        for name in names:
            for suffix in ("", "_low", "_high"):
                found[f"{protocol}_{name}{suffix}"] = accuracy
    found |= {"guaranteed_coverage": 0.7, "guaranteed_bound": 0.009}
    if gain is not None:
        found |= {f"cv_gain{suffix}": each for suffix, each in figures(gain, 0.01).items()}
    return found | facts


MODELS = {
    "baseline": ("Baseline", scored(0.8)),
    "good": ("Good", scored(0.9, 0.1)),
    "drawn": ("Drawn", scored(0.95, 0.15, weights="untrained")),
    "lost": ("Lost", {"weights": "not available"}),
    "slow": ("Slow", scored(0.97, protocols=["holdout"], weights="pretrained")),
}


def results(*names, champion="baseline", megabytes=1.5, tied=1, promise=True, **scores):
    if not promise:
        scores |= {"guaranteed_coverage": 0.0, "guaranteed_bound": None}
    listed = pd.DataFrame({"model": names, "title": [MODELS[name][0] for name in names]})
    metrics = {
        "ingest": {"products": 1050, "categories": 7},
        "models": {name: MODELS[name][1] | (scores if name == champion else {}) for name in names},
        "champion": {
            "champion": champion, "champion_megabytes": megabytes, "tied": tied, "candidates": len(names)
        },
    }  # fmt: skip
    products = pd.DataFrame({"category": ["A", "A", "B", "C", "D"]})
    unused = dict.fromkeys(Results.__dataclass_fields__)
    row = {"threshold": 0.9, "target_error": 0.01, "confidence": 0.95, "accepted": 700, "accepted_wrong": 2}
    row |= {"threshold_out_of_fold": 0.89}
    row |= {"calibrated_on": 1000, "needed": 299, "guaranteed_bound": 0.009, "guaranteed_coverage": 0.7}
    promised = row | {"accepted": 0, "threshold": float("inf")} if not promise else row
    decisions = pd.DataFrame([{"model": champion, "protocol": "cv"} | promised])
    shown = {"models": listed, "decisions": decisions}
    known = {"metrics": metrics, "tables": shown, "baseline": "baseline", "products": products}
    return Results(**unused | known | {"confidence": 0.95, "target_error": 0.01})


def told(results):
    """Return the paragraph on the best model."""
    paragraphs = [block for block in answer.section(results).blocks if isinstance(block, Paragraph)]
    return next(block for block in paragraphs if block.text.startswith("The best model"))


def scores(**values):
    """Return scores with intervals: name=(value, low, high)."""
    names = {
        "accuracy": "cv_accuracy", "decided": "cv_coverage_at_target_error", "wrong": "cv_error_at_coverage",
    }  # fmt: skip
    return {
        f"{names[name]}{suffix}": each
        for name, three in values.items()
        for suffix, each in zip(("", "_low", "_high"), three, strict=True)
    }


@pytest.mark.parametrize(
    ("accuracy", "decided", "promise", "level"),
    [
        ((0.9, 0.88, 0.92), (0.8, 0.75, 0.85), True, "good"),
        ((0.9, 0.88, 0.92), (0.52, 0.49, 0.55), True, "fair"),  # half or fewer, perhaps
        ((0.9, 0.88, 0.92), (0.8, 0.75, 0.85), False, "fair"),  # no bound for the package
        ((0.9, 0.88, 0.92), (0.0, 0.0, 0.0), False, "fair"),
        ((0.42, 0.4, 0.44), (0.8, 0.75, 0.85), True, "poor"),  # 2 of 5 products are of A
    ],
)
def test_the_verdict_follows_its_rule(accuracy, decided, promise, level):
    found = scores(accuracy=accuracy, decided=decided, wrong=(0.012, 0.004, 0.02))
    first, *_ = answer.section(results("baseline", promise=promise, **found)).blocks
    assert isinstance(first, Verdict) and first.level == level
    assert (
        first.word
        == {"good": "Feasible", "fair": "Feasible with a person's help", "poor": "Not feasible"}[level]
    )
    if level == "good":
        assert "With 95% confidence at most 0.90% of the automatic decisions are wrong" in first.text
        assert "decides 80.0% [75.0%, 85.0%] of the products alone" in first.text
        assert "1.2% [0.4%, 2.0%] of these wrongly" in first.text
    if level == "poor":
        assert "42.0% [40.0%, 44.0%]" in first.text and "largest one would reach 40.0%" in first.text
    if level == "fair" and not promise:
        assert "No threshold" in first.text and ("wrongly" in first.text) == (decided[0] > 0)


@pytest.mark.parametrize(
    ("promise", "note", "smallest"),
    [
        (True, "at most 0.90%", "smallest that may decide alone"),
        (False, "nothing, there is no threshold", "smallest"),
    ],
)
def test_the_cards_are_those_of_the_model_to_use(promise, note, smallest):
    found = scores(accuracy=(0.962, 0.949, 0.973), decided=(0.8, 0.75, 0.85), wrong=(0.005, 0.002, 0.009))
    shown = results("baseline", "good", tied=2, promise=promise, **found)
    _, cards, *_ = answer.section(shown).blocks
    assert isinstance(cards, Cards) and "95% intervals" in cards.caption
    right, decided, errors, model = cards.cards
    assert (right.value, right.interval) == ("96.2%", "94.9% to 97.3%")
    assert (decided.value, decided.interval) == ("80.0%", "75.0% to 85.0%")
    assert errors.note == f"promised of new products: {note}"
    assert (model.value, model.interval) == ("Baseline", "1.5 MB to ship")
    assert model.note == f"The {smallest} of 2 within noise of the best; 2 compared"


def test_errors_of_no_decisions_are_not_zero():
    found = scores(accuracy=(0.9, 0.88, 0.92), decided=(0.0, 0.0, 0.0), wrong=(0.0, 0.0, 0.0))
    _, cards, *_ = answer.section(results("baseline", **found)).blocks
    assert (cards.cards[2].value, cards.cards[2].interval) == ("none decided", "")
    assert "out of fold none of the products is decided" in told(results("baseline", **found)).text


def test_the_answer_names_the_best_trained_cross_validated_model():
    said = told(results(*MODELS))
    assert said.text.startswith("The best model, Good, puts 0.900") and "of the 1,050 products" in said.text
    assert (
        "better than the baseline (+0.100" in said.text
        and "the baseline, Baseline, reaches 0.800" in said.text
    )
    assert "bound the error at 1.0% with 95% confidence" in said.text


def test_the_baseline_may_be_the_best():
    said = told(results("baseline", "drawn")).text
    assert (
        said.startswith("The best model, Baseline, puts") and "It is the baseline: no model is better" in said
    )


def test_every_model_has_a_row_that_says_what_it_lacks():
    (table,) = (block for block in answer.section(results(*MODELS)).blocks if isinstance(block, TableBlock))
    rows = table.frame.set_index("model")
    assert list(rows.index) == ["Baseline", "Good", "Drawn (untrained)", "Lost", "Slow"]
    against = rows["against the baseline"]
    assert against["Baseline"] == "the baseline" and against["Good"].startswith("better than the baseline")
    assert against["Lost"] == "weights not available" and against["Slow"] == "hold-out only"
    assert rows.loc["Lost"].drop("against the baseline").eq("").all()
    assert rows.loc["Slow", "accuracy"] == "" and rows.loc["Slow", "hold-out accuracy"].startswith("0.970")
    assert rows.loc["Good", "products with input"] == "90.0%"
