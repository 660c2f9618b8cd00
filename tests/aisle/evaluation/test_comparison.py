"""evaluation/comparison.py: paired tests of models, and which is the best."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from aisle.evaluation import comparison, metrics, model_scores, significance
from aisle.models import predictions_table
from tests.aisle.evaluation.examples import REPEATS, K, made, model, prepared


def test_the_gain_is_the_corrected_test_of_the_folds(models):
    right = [
        pd.Series(metrics.predicted(rows) == rows["category"]).groupby([rows["repeat"], rows["fold"]]).mean()
        for rows in (models["text"].rows("cv"), models["baseline"].rows("cv"))
    ]
    difference = (right[0] - right[1]).to_numpy()
    assert len(difference) == K * REPEATS and difference.any()
    expected = significance.corrected_t_test(difference, 1 / (K - 1), 0.95)
    assert comparison.fold_gain(models["text"], models["baseline"], 0.95) == expected


def test_holms_correction_is_that_of_statsmodels_on_known_p(models, monkeypatch):
    """0.01 x 3, 0.02 x 2, 0.5 and never less than a smaller p's."""
    known = {id(models["text"]): 0.02, id(models["picture"]): 0.01, id(models["noise"]): 0.5}

    def gain(each, reference, confidence):
        assert reference is models["baseline"] and confidence == 0.9
        return {"gain": 0.1, "gain_low": 0.0, "gain_high": 0.2, "gain_p": known[id(each)]}

    monkeypatch.setattr(comparison, "fold_gain", gain)
    found = comparison.compare(models, "baseline", "gain", 0.9)
    assert list(found) == ["text", "picture", "noise"]
    corrected = [each["cv_gain_p_holm"] for each in found.values()]
    np.testing.assert_allclose(corrected, [0.04, 0.03, 0.5])
    np.testing.assert_allclose(corrected, multipletests([0.02, 0.01, 0.5], method="holm")[1])
    over = comparison.compare(models, "baseline", "over_single", 0.9)["text"]
    assert over == {
        "cv_over_single": 0.1,
        "cv_over_single_low": 0.0,
        "cv_over_single_high": 0.2,
        "cv_over_single_p": 0.02,
        "cv_over_single_p_holm": 0.04,
    }


def test_there_is_nothing_to_compare(models):
    assert comparison.compare({"baseline": models["baseline"]}, "baseline", "gain", 0.95) == {}


def test_mcnemar_is_of_the_first_seeds_joined_by_product(folds, tables_of):
    seeds = {5: made(folds, 30, 5), 2: tables_of["text"]}
    several = prepared(seeds)
    baseline = model(tables_of["baseline"].sample(frac=1, random_state=0))
    right = {}
    for name in ("text", "baseline"):
        table = tables_of[name]
        rows = predictions_table.test_rows(table[table["protocol"] == "holdout"]).set_index("product_id")
        right[name] = pd.Series(metrics.predicted(rows) == rows["category"], rows.index)
    expected = significance.mcnemar_p(right["text"], right["baseline"][right["text"].index])
    assert comparison.holdout_mcnemar(several, baseline) == expected


def entry(accuracy, weights="none"):
    return {"cv_accuracy": accuracy, "weights": weights}


def kind(*modalities, weights="none"):
    empty = pd.DataFrame()
    return model_scores.Model("T", frozenset(modalities), weights, empty, empty, np.empty(0))


def test_the_best_single_is_trained_and_reads_one_modality():
    models = {
        "both": kind("text", "image"),
        "untrained": kind("image", weights="untrained"),
        "slow": kind("image"),
        "text": kind("text"),
        "picture": kind("image", weights="pretrained"),
        "other": kind("text"),
    }
    scores = {
        "both": entry(0.99),
        "untrained": entry(0.98, "untrained"),
        "slow": {"holdout_accuracy": 0.97, "weights": "none"},
        "text": entry(0.8),
        "picture": entry(0.9, "pretrained"),
        "other": entry(0.85),
    }
    assert comparison.best(scores, comparison.single_modality(models)) == "picture"
    few = {name: models[name] for name in ("both", "untrained", "slow")}
    assert comparison.best(scores, comparison.single_modality(few)) is None
    assert comparison.best(scores) == "both"
    assert comparison.best({name: scores[name] for name in ("untrained", "slow", "text")}) == "text"
