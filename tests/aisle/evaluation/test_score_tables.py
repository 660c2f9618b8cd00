"""evaluation/score_tables.py: metrics and tables of every model; what is left out where it does not apply."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from aisle.evaluation import metrics, model_scores, score_tables, selective
from aisle.evaluation.category_thresholds import category_thresholds
from aisle.evaluation.model_scores import NO_SEED
from aisle.models import predictions_table
from aisle.pipeline.errors import AisleError
from tests.aisle.evaluation.examples import MANY, NAMES, PARAMS, REPEATS, K, N, P, groups


def test_what_to_use_for_new_products(models):
    """Fitted on all out-of-fold predictions; what was obtained is from inner folds."""
    found = score_tables.deployment("text", models["text"], groups(models["text"].test), PARAMS)
    rows, decided = models["text"].rows("cv"), models["text"].decided
    decided = decided[decided["protocol"] == "cv"]
    values, y = rows[P].to_numpy(), pd.Categorical(rows["category"], NAMES).codes
    grid = np.exp(np.linspace(-2, 2, 2001))
    logs = np.log(values)
    losses = [-np.log(softmax(logs / each, axis=1)[np.arange(len(y)), y]).mean() for each in grid]
    assert found["temperature"] == pytest.approx(grid[np.argmin(losses)], rel=3e-3)
    scaled = softmax(logs / found["temperature"], axis=1)
    first = (rows["repeat"] == 0).to_numpy()  # a product is evidence once
    wrong = scaled.argmax(axis=1) != y
    expected = selective.promise(scaled.max(axis=1)[first], wrong[first], 0.25, 0.95)
    assert found["threshold_out_of_fold"] == pytest.approx(expected.threshold) and expected.threshold < 1
    assert expected.threshold <= found["threshold"] < 1
    assert (found["guaranteed_bound"], found["calibrated_on"]) == (expected.bound, N)
    assert (found["model"], found["protocol"], found["target_error"]) == ("text", "cv", 0.25)
    assert found["coverage"] == decided["automatic"].mean()
    assert found["error"] == decided.loc[decided["automatic"], "wrong"].mean()


def test_a_packaged_model_that_is_surer_has_a_higher_threshold(models):
    """By as much as the folds' models are surer than those of the inner folds, at this share of products."""
    model = models["text"]
    group = groups(model.test)
    found = score_tables.deployment("text", model, group, PARAMS)
    unsure = replace(model, inner_confidence=model.inner_confidence**2)
    raised = score_tables.deployment("text", unsure, group, PARAMS)
    assert raised["threshold"] > found["threshold"]
    assert raised["threshold_out_of_fold"] == found["threshold_out_of_fold"]
    folds = selective.evidence(model.rows("cv").join(model.decided["confidence"]), group)["confidence"]
    passed = (unsure.inner_confidence >= found["threshold_out_of_fold"]).mean()
    assert (folds >= raised["threshold"]).mean() == pytest.approx(passed, abs=1 / N)
    lost = replace(model, inner_confidence=np.zeros(4 * N))
    none = score_tables.deployment("text", lost, group, PARAMS)
    assert (none["threshold"], none["accepted"], none["guaranteed_coverage"]) == (np.inf, 0, 0)


def test_categories_may_have_thresholds_of_their_own(tables_of):
    """Each is that of `promise` on what is predicted so, raised as any; a product is decided by its own."""
    params = PARAMS.model_copy(update={"threshold_by_category": True, "target_error": 0.3, "confidence": 0.8})
    group = groups(tables_of["text"])
    model = model_scores.prepare("Text", ["text"], "none", {NO_SEED: tables_of["text"]}, group, params)
    found = score_tables.deployment("text", model, group, params)
    limits = np.array(category_thresholds(found))
    assert len(limits) == K and np.isfinite(limits).any() and found["threshold"] == limits.min()
    assert found["guaranteed_bound"] <= 0.3 and found["calibrated_on"] == N
    overall = score_tables.deployment(
        "text", model, group, params.model_copy(update={"threshold_by_category": False})
    )
    assert not category_thresholds(overall)
    decided = model.decided[model.decided["protocol"] == "cv"]
    seen = decided.groupby(["repeat", "fold", "predicted"])["threshold"].nunique()
    assert (seen == 1).all() and decided.groupby(["repeat", "fold"])["threshold"].nunique().max() > 1
    assert (decided["automatic"] == (decided["confidence"] >= decided["threshold"])).all()


def test_near_duplicates_are_one_product_of_evidence(models):
    """Of each group the first by id counts, so that copies make no promise stronger."""
    every = groups(models["text"].test)
    pairs = every // 2
    found = score_tables.deployment("text", models["text"], pairs, PARAMS)
    assert found["calibrated_on"] == N // 2
    assert found["accepted"] <= score_tables.deployment("text", models["text"], every, PARAMS)["accepted"]


def test_what_to_use_of_a_model_of_the_hold_out_alone(holdout_only):
    found = score_tables.deployment("slow", holdout_only, groups(holdout_only.test), PARAMS)
    assert found["protocol"] == "holdout"
    assert found["coverage"] == holdout_only.decided["automatic"].mean()


def test_the_review_list_has_titles(models, folds):
    titles = pd.Series("Title of " + folds["product_id"].to_numpy(), folds["product_id"]).sample(
        frac=1, random_state=0
    )
    found = score_tables.review("noise", models["noise"], titles)
    assert list(found)[:3] == ["product_id", "title", "predicted"] and len(found)
    assert (found["title"] == "Title of " + found["product_id"]).all()
    assert found["confidence"].is_monotonic_increasing and set(found["model"]) == {"noise"}
    decided = models["noise"].decided
    automatic = decided[decided["protocol"] == "cv"].groupby("product_id")["automatic"].mean()
    assert set(found["product_id"]) == set(automatic.index[automatic < 0.5])


def kind(test):
    return model_scores.Model("T", frozenset({"text"}), "none", test, pd.DataFrame(), np.empty(0))


def test_scores_per_class_count_a_product_once_whatever_the_repeats_and_seeds(table):
    table = table.assign(protocol="cv", product_id=[f"p{i}" for i in np.arange(len(table)) % 60])
    group = pd.Series(np.arange(60), [f"p{i}" for i in range(60)])

    def scored(rows):
        found = score_tables.class_table("m", kind(rows), group, MANY)
        assert set(found["model"]) == {"m"} and set(found["protocol"]) == {"cv"}
        return found.set_index("category")

    one, two = scored(table), scored(pd.concat([table, table.assign(seed=1)]))
    counted = table["category"].value_counts().reindex(NAMES).fillna(0)
    np.testing.assert_allclose(one["support"], counted / 2)
    pd.testing.assert_frame_equal(one, two)


# ------------------------------------------------------------------------------------------- every model

TABLES = (
    *("models", "per_class", "folds", "confusion", "reliability", "risk_coverage", "decisions", "review"),
    *("by_category", "tree", "siblings"),
)


@pytest.fixture(scope="module")
def evaluated(folds, tables_of):
    """Return a function that evaluates models by name, each of predictions by seed, beside the baseline."""
    ids = folds["product_id"]
    products = pd.DataFrame(
        {"product_id": ids, "title": "Title of " + ids, "category_path": folds["category"] + " >> " + ids}
    )

    def evaluate(**others):
        predictions = {"baseline": {NO_SEED: about(tables_of["baseline"])}} | others
        return score_tables.evaluate(predictions, folds, products, {}, PARAMS)

    return evaluate


def about(table, title="Title", modalities="text", weights="none"):
    """Return predictions that say what made them."""
    table = table.copy()
    table.attrs.update(title=title, modalities=modalities, weights=weights)
    return table


def accuracy(table):
    rows = predictions_table.test_rows(table)
    return metrics.right(rows[rows["protocol"] == "cv"]).mean()


def test_the_names_and_order_of_what_is_found(evaluated, tables_of):
    found = evaluated(picture={NO_SEED: about(tables_of["picture"], "Pictures", "image")})
    assert list(found.scores) == ["baseline", "picture"] and found.seed_scores == {}
    assert set(found.tables) == {*TABLES, "products"}
    assert found.tables["models"].to_dict("records") == [
        {"model": "baseline", "seeds": 1, "title": "Title", "modalities": "text", "weights": "none"},
        {"model": "picture", "seeds": 1, "title": "Pictures", "modalities": "image", "weights": "none"},
    ]
    compared = {"cv_gain_p_holm", "holdout_mcnemar_p", "cv_accuracy_without_picture"}
    assert compared <= set(found.scores["picture"])
    assert not any("gain" in name or "mcnemar" in name for name in found.scores["baseline"])


def test_accuracy_on_adjudicated_labels_stands_beside_that_on_given_ones(folds, tables_of):
    """Where what every label says is another one, what was right is wrong."""
    predictions = {name: {NO_SEED: about(tables_of[name])} for name in ("baseline", "text")}
    products = folds[["product_id"]].assign(title="T", category_path=folds["category"])
    without = score_tables.evaluate(predictions, folds, products, {}, PARAMS).scores
    assert not any("adjudicated" in key for key in without["text"])
    right = dict.fromkeys(folds["product_id"], frozenset(NAMES))
    found = score_tables.evaluate(predictions, folds, products, right, PARAMS).scores
    assert {name: found[name].pop("cv_adjudicated_accuracy") for name in found} == {"baseline": 1, "text": 1}
    assert {key: value for key, value in found["text"].items() if "adjudicated" not in key} == without["text"]


def test_a_model_of_several_seeds(evaluated, tables_of):
    seeds = {seed: about(tables_of[name]) for seed, name in enumerate(("text", "noise"))}
    found = evaluated(several=seeds, one={5: about(tables_of["noise"])})
    assert list(found.seed_scores) == ["several"]
    accuracies = [accuracy(table) for table in seeds.values()]
    assert found.seed_scores["several"]["cv_accuracy_seed_0"] == pytest.approx(accuracies[0])
    assert found.seed_scores["several"]["cv_accuracy"] == pytest.approx(np.mean(accuracies))
    assert found.scores["several"]["cv_accuracy"] == pytest.approx(np.mean(accuracies))
    seeds_of = found.tables["models"].set_index("model")["seeds"]
    assert seeds_of.to_dict() == {"baseline": 1, "several": 2, "one": 1}
    confusion = found.tables["confusion"].query("model == 'several'")
    assert confusion["products"].sum() == pytest.approx(N)
    assert len(found.tables["folds"].query("model == 'several'")) == 2 * K * REPEATS


def test_a_model_of_the_hold_out_alone(evaluated, tables_of):
    table = tables_of["picture"]
    found = evaluated(slow={NO_SEED: about(table[table["protocol"] == "holdout"], modalities="image")})
    assert not [key for key in found.scores["slow"] if key.startswith("cv_")]
    assert "holdout_accuracy" in found.scores["slow"] and "holdout_mcnemar_p" in found.scores["slow"]
    for name in ("folds", "confusion", "reliability", "risk_coverage", "products"):
        assert "slow" not in set(found.tables[name]["model"]), name
    assert set(found.tables["per_class"].query("model == 'slow'")["protocol"]) == {"holdout"}
    assert found.tables["decisions"].set_index("model").loc["slow", "protocol"] == "holdout"


def test_a_model_without_its_weights_is_listed_and_has_no_score(evaluated, tables_of):
    lost = about(tables_of["picture"], "Lost", "image", "not available")
    found = evaluated(lost={NO_SEED: lost})
    assert found.scores["lost"] == {"weights": "not available"}
    listed = found.tables["models"].set_index("model").loc["lost"]
    assert (listed["title"], listed["weights"], listed["modalities"]) == ("Lost", "not available", "image")
    for name in {*TABLES, "products"} - {"models"}:
        assert "lost" not in set(found.tables[name]["model"]), name


def test_an_untrained_model_is_never_the_best_nor_the_reference(evaluated, tables_of):
    perfect = tables_of["picture"].copy()
    for name, column in zip(NAMES, P, strict=True):
        perfect[column] = np.where(perfect["category"] == name, 0.7, 0.1)
    found = evaluated(drawn={NO_SEED: about(perfect, modalities="image", weights="untrained")})
    assert found.scores["drawn"]["cv_accuracy"] == 1 and found.scores["drawn"]["weights"] == "untrained"
    assert set(found.tables["review"]["model"]) == {"baseline"}
    assert "cv_over_single" in found.scores["drawn"] and "cv_over_single" not in found.scores["baseline"]


@pytest.mark.parametrize("other", ["text", "noise"])
def test_the_review_list_is_the_best_models(evaluated, tables_of, other):
    found = evaluated(**{other: {NO_SEED: about(tables_of[other])}})
    best = max(found.scores, key=lambda name: found.scores[name]["cv_accuracy"])
    assert best != "noise" and set(found.tables["review"]["model"]) == {best}


def test_what_the_others_are_tested_against_must_have_its_weights(evaluated, tables_of):
    lost = {NO_SEED: about(tables_of["baseline"], weights="not available")}
    with pytest.raises(AisleError, match=r"evaluation\.baseline .*weights.*'baseline'"):
        evaluated(baseline=lost, text={NO_SEED: about(tables_of["text"])})
    with pytest.raises(AisleError, match=r"evaluation\.baseline .*without seeds.*'baseline'"):
        evaluated(baseline={0: about(tables_of["baseline"]), 1: about(tables_of["text"])})
