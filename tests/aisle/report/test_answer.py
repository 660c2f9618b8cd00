"""The report's first screen: which model, how sure, and what is said of models without all scores."""

import pandas as pd
import pytest

from aisle.report.blocks import Paragraph, TableBlock
from aisle.report.results import Results
from aisle.report.sections import answer


def figures(value, p):
    return {"": value, "_low": value - 0.02, "_high": value + 0.02, "_p_holm": p}


@pytest.mark.parametrize(
    ("value", "p", "told"),
    [
        (0.05, 0.01, "better than the floor (+0.050 [+0.030, +0.070], p = 0.010)"),
        (-0.05, 0.01, "worse than the floor (-0.050 [-0.070, -0.030], p = 0.010)"),
        (0.05, 0.0004, "better than the floor (+0.050 [+0.030, +0.070], p < 0.001)"),
        (0.05, 0.06, "not distinguishable from the floor (+0.050 [+0.030, +0.070], p = 0.060)"),
        (0.0, 1.0, "not distinguishable from the floor (+0.000 [-0.020, +0.020], p = 1.000)"),
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
    if gain is not None:
        found |= {f"cv_gain{suffix}": each for suffix, each in figures(gain, 0.01).items()}
    return found | facts


MODELS = {
    "floor": ("Floor", scored(0.8)),
    "good": ("Good", scored(0.9, 0.1)),
    "drawn": ("Drawn", scored(0.95, 0.15, weights="untrained")),
    "lost": ("Lost", {"weights": "not available"}),
    "slow": ("Slow", scored(0.97, protocols=["holdout"], weights="pretrained")),
}


def results(*names):
    listed = pd.DataFrame({"model": names, "title": [MODELS[name][0] for name in names]})
    metrics = {
        "ingest": {"products": 1050, "categories": 7},
        "models": {name: MODELS[name][1] for name in names},
    }
    unused = dict.fromkeys(Results.__dataclass_fields__)
    known = {"metrics": metrics, "tables": {"models": listed}, "floor": "floor"}
    return Results(**unused | known | {"confidence": 0.95, "target_error": 0.01})


def test_the_answer_names_the_best_trained_cross_validated_model():
    said = answer.section(results(*MODELS)).blocks[0]
    assert isinstance(said, Paragraph)
    assert said.text.startswith("Good puts 0.900") and "of the 1,050 products" in said.text
    assert "better than the floor (+0.100" in said.text and "the floor, Floor, reaches 0.800" in said.text
    assert "At most 1.0% errors allowed" in said.text


def test_the_floor_may_be_the_best():
    said = answer.section(results("floor", "drawn")).blocks[0].text
    assert said.startswith("Floor puts") and "It is the floor: no model is better" in said


def test_every_model_has_a_row_that_says_what_it_lacks():
    (table,) = (block for block in answer.section(results(*MODELS)).blocks if isinstance(block, TableBlock))
    rows = table.frame.set_index("model")
    assert list(rows.index) == ["Floor", "Good", "Drawn (untrained)", "Lost", "Slow"]
    against = rows["against the floor"]
    assert against["Floor"] == "the floor" and against["Good"].startswith("better than the floor")
    assert against["Lost"] == "weights not available" and against["Slow"] == "hold-out only"
    assert rows.loc["Lost"].drop("against the floor").eq("").all()
    assert rows.loc["Slow", "accuracy"] == "" and rows.loc["Slow", "hold-out accuracy"].startswith("0.970")
    assert rows.loc["Good", "products with input"] == "90.0%"
