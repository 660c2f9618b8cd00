"""model_scores.py: scores from probabilities and paths, comparisons, seeds; nothing of the test part."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, top_k_accuracy_score

from aisle.evaluation import comparison, metrics, model_scores, significance
from aisle.models import cross_fitting, decision_fusion, predictions_table
from aisle.pipeline.errors import AisleError
from tests.aisle.evaluation.examples import (
    MANY,
    NAMES,
    PARAMS,
    REPEATS,
    K,
    N,
    P,
    made,
    model,
    outcomes,
    prepared,
)

# ------------------------------------------------------------------------------------ what is never looked at


def learned(members):
    """Return what is learned for each cross-validated fold: temperatures, thresholds, fused inner rows."""
    found = {}
    for method in ("log_mean", "vote", "stack"):
        fused = decision_fusion.fuse(members, method, {})
        for fold, rows in model(fused).decided.query("protocol == 'cv'").groupby("fold"):
            found[fold, method, "temperature"] = rows["temperature"].unique()
            found[fold, method, "threshold"] = rows["threshold"].unique()
        for fold, rows in predictions_table.inner_rows(fused[fused["protocol"] == "cv"]).groupby("fold"):
            found[fold, method, "inner rows"] = rows[P].to_numpy()
    return found


@pytest.mark.parametrize("what", ["labels", "inputs"])
def test_the_test_part_moves_nothing_that_is_learned_for_it(folds, what):
    """From the estimators through the fusions to temperatures and thresholds."""
    tested = (folds["cv_0"] == 1).to_numpy()
    folds = folds.drop(columns="cv_1")
    other = folds.copy()
    if what == "labels":
        other.loc[tested, "category"] = np.roll(other.loc[tested, "category"].to_numpy(), 3)
    rng = np.random.default_rng(9)
    before, after = [], []
    for noise in (0.6, 0.8, 1.5):
        X = (folds["category"].to_numpy()[:, None] == NAMES) + rng.normal(0, noise, (N, 4))
        changed = X.copy()
        if what == "inputs":
            changed[tested] = rng.normal(0, 3, (tested.sum(), 4))
        every = np.ones(N, bool)
        before.append(cross_fitting.out_of_fold(LogisticRegression(), X, every, folds))
        after.append(cross_fitting.out_of_fold(LogisticRegression(), changed, every, other))
    one, two = learned(before), learned(after)
    assert len(one) == K * 3 * 3
    for (fold, *name), value in one.items():
        if fold == 1:
            np.testing.assert_array_equal(value, two[fold, *name], err_msg=str(name))
        elif name[1] == "inner rows":
            assert not np.array_equal(value, two[fold, *name]), name


# -------------------------------------------------------------------------------------------------- one model


def test_a_models_rows(tables_of):
    table = tables_of["picture"]
    found = model(table, ["image"], "pretrained")
    assert (found.title, found.modalities, found.weights) == ("Title", {"image"}, "pretrained")
    test = predictions_table.test_rows(table)
    pd.testing.assert_frame_equal(found.test.drop(columns="seed"), test, check_index_type=False)
    assert list(found.decided["product_id"]) == list(found.test["product_id"])
    assert found.decided["automatic"].dtype == bool and (found.decided["temperature"] > 0).all()
    assert len(found.rows("cv")) == N * REPEATS and len(found.rows("holdout")) == (folds_test := 16), (
        folds_test
    )


@pytest.fixture(scope="module")
def scored(models, folds):
    group = folds.set_index("product_id")["group"]
    rows = models["baseline"].rows("cv")
    decided = models["baseline"].decided
    decided = decided[decided["protocol"] == "cv"]
    return (
        rows,
        decided,
        model_scores.probability_scores(rows, decided, group[rows["product_id"]].to_numpy(), PARAMS),
    )


def test_probability_scores_are_those_of_scikit_learn(scored):
    rows, decided, found = scored
    y = rows["category"].to_numpy(str)
    for suffix, table in (("", rows), ("_calibrated", decided)):
        assert found[f"nll{suffix}"] == pytest.approx(log_loss(y, table[P].to_numpy(), labels=NAMES))
    assert found["top3"] == pytest.approx(top_k_accuracy_score(y, rows[P].to_numpy(), k=3, labels=NAMES))
    assert found["top3"] < 1


def test_calibration_errors_are_those_of_a_loop_over_bins(scored):
    rows, decided, found = scored
    for suffix, table in (("", rows), ("_calibrated", decided)):
        values = table[P].to_numpy()
        confidence, right = values.max(axis=1), np.array(NAMES)[values.argmax(axis=1)] == table["category"]
        error = 0
        for low in np.arange(5) / 5:
            here = (confidence > low) & (confidence <= low + 0.2)
            if here.any():
                error += here.mean() * abs(confidence[here].mean() - right[here].mean())
        assert found[f"ece{suffix}"] == pytest.approx(error), suffix


def test_coverage_and_error_are_those_of_the_decisions(scored):
    _, decided, found = scored
    assert found["coverage_at_target_error"] == pytest.approx(decided["automatic"].mean())
    assert 0 < found["coverage_at_target_error"] < 1
    assert found["error_at_coverage"] == pytest.approx(decided.loc[decided["automatic"], "wrong"].mean())


def test_every_probability_score_has_its_interval(scored):
    found = scored[2]
    names = [name for name in found if not name.endswith(("_low", "_high"))]
    assert len(names) == 7 and len(found) == 21
    for name in names:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"], name
        assert found[f"{name}_low"] < found[f"{name}_high"], name


def hand_made(right, automatic=True, probability=0.8, seed=model_scores.NO_SEED):
    """Return test rows of two categories and what is decided."""
    n = len(right)
    category = np.where(np.arange(n) % 2, "ant", "bee")
    ant = (category == "ant") == np.array(right, bool)
    test = pd.DataFrame(
        {
            "seed": seed,
            "protocol": "cv",
            "repeat": 0,
            "fold": np.arange(n) % 2,
            "inner_fold": -1,
            "product_id": [f"p{i}" for i in range(n)],
            "category": category,
            "available": True,
            "p_ant": np.where(ant, probability, 1 - probability),
            "p_bee": np.where(ant, 1 - probability, probability),
        }
    )
    wrong = ~np.array(right, bool)
    return test, test.assign(automatic=automatic, wrong=wrong, confidence=probability, temperature=1.0)


def test_a_calibration_error_by_hand():
    """All are 0.8 sure and 3 of 4 are right: 0.05 off. Two categories are always among the first three."""
    test, decided = hand_made([1, 1, 1, 0], automatic=[True, True, False, True])
    found = model_scores.probability_scores(test, decided, np.arange(4), PARAMS)
    assert found["ece"] == pytest.approx(0.05) and found["top3"] == 1
    assert found["nll"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.2)) / 4)
    assert found["coverage_at_target_error"] == 0.75 and found["error_at_coverage"] == pytest.approx(1 / 3)


def test_nothing_decided_is_no_error():
    test, decided = hand_made([1, 1, 1, 0], automatic=False)
    found = model_scores.probability_scores(test, decided, np.arange(4), PARAMS)
    assert found["coverage_at_target_error"] == 0 and found["error_at_coverage"] == 0


def test_the_scores_of_a_model(models, folds, levels):
    found = model_scores.score(models["picture"], folds, levels, PARAMS)
    rows = models["picture"].rows("cv")
    assert found["weights"] == "none"
    assert found["cv_accuracy"] == accuracy_score(rows["category"], metrics.predicted(rows))
    assert found["cv_input_share"] == pytest.approx((N - 8) / N)
    decided = models["picture"].decided
    for protocol in ("cv", "holdout"):
        temperatures = decided.loc[decided["protocol"] == protocol, "temperature"]
        assert found[f"{protocol}_temperature"] == pytest.approx(temperatures.mean())
        for name in ("accuracy", "nll", "ece", "top3", "recall_level_2", "coverage_at_target_error"):
            key = f"{protocol}_{name}"
            assert found[f"{key}_low"] <= found[key] <= found[f"{key}_high"]
    assert not [name for name in found if "gain" in name or "over_single" in name]


# ------------------------------------------------------------------------------------------------ comparisons


def test_seeds_are_pooled(folds, tables_of, levels):
    """Accuracy is the mean over the seeds; the gain of a fold is that of its mean accuracy over the seeds."""
    seeds = {0: made(folds, 10, 0.6), 3: made(folds, 11, 1.0), 7: made(folds, 12, 0.8)}
    pooled = prepared(seeds)
    alone = {seed: prepared({seed: each}) for seed, each in seeds.items()}
    assert sorted(pooled.test["seed"].unique()) == [0, 3, 7]
    scores = [model_scores.score(each, folds, levels, PARAMS) for each in alone.values()]
    found = model_scores.score(pooled, folds, levels, PARAMS)
    names = (
        "accuracy",
        "nll",
        "nll_calibrated",
        "top3",
        "accuracy_level_1",
        "coverage_at_target_error",
        "temperature",
    )
    for protocol in ("cv", "holdout"):
        for name in names:
            key = f"{protocol}_{name}"
            assert found[key] == pytest.approx(np.mean([each[key] for each in scores])), key
    baseline = model(tables_of["baseline"])
    gains = []
    for each in (*alone.values(), baseline):
        by_fold = metrics.fold_scores(each.rows("cv")).sort_values(["repeat", "fold"])
        gains.append(by_fold["accuracy"].to_numpy())
    expected = significance.corrected_t_test(np.mean(gains[:3], axis=0) - gains[3], 1 / (K - 1), 0.95)
    assert comparison.fold_gain(pooled, baseline, 0.95) == pytest.approx(expected)


def test_the_scores_of_each_seed(folds):
    seeds = {0: made(folds, 10, 0.6), 3: made(folds, 11, 1.0), 7: made(folds, 12, 0.8)}
    found = model_scores.seed_scores(prepared(seeds), 0.9)
    for protocol in ("cv", "holdout"):
        for name, score in (
            ("accuracy", accuracy_score),
            ("macro_f1", lambda *pair: f1_score(*pair, average="macro", zero_division=0)),
        ):
            values = []
            for seed, table in seeds.items():
                rows = predictions_table.test_rows(table[table["protocol"] == protocol])
                values.append(score(rows["category"], metrics.predicted(rows)))
                assert found[f"{protocol}_{name}_seed_{seed}"] == pytest.approx(values[-1])
            key = f"{protocol}_{name}"
            assert found[key] == pytest.approx(np.mean(values))
            assert found[f"{key}_sd"] == pytest.approx(np.std(values, ddof=1))
            interval = stats.t.interval(0.9, 2, np.mean(values), stats.sem(values))
            np.testing.assert_allclose([found[f"{key}_low"], found[f"{key}_high"]], interval)


def test_one_seed_has_no_spread(folds):
    found = model_scores.seed_scores(prepared({4: made(folds, 1)}), 0.9)
    assert sorted(found) == sorted(
        f"{protocol}_{name}{suffix}"
        for protocol in ("cv", "holdout")
        for name in ("accuracy", "macro_f1")
        for suffix in ("", "_seed_4")
    )


def test_a_model_of_the_hold_out_alone_has_no_cross_validated_score(
    models, holdout_only, folds, levels, tables_of
):
    found = model_scores.score(holdout_only, folds, levels, PARAMS)
    assert (
        found["holdout_accuracy"]
        == model_scores.score(models["text"], folds, levels, PARAMS)["holdout_accuracy"]
    )
    assert not [name for name in found if name.startswith("cv_")]
    every = models | {"slow": holdout_only}
    compared = comparison.compare(every, "baseline", "gain", 0.95)
    assert "slow" not in compared
    assert compared == comparison.compare(
        models, "baseline", "gain", 0.95
    )  # it does not count for Holm either
    assert "cv_accuracy_without_text" not in model_scores.missing_scores(every)["slow"]
    scores = {name: model_scores.score(each, folds, levels, PARAMS) for name, each in every.items()}
    assert (
        comparison.best(scores) != "slow"
        and comparison.best(scores, comparison.single_modality(every)) != "slow"
    )
    assert 0 <= comparison.holdout_mcnemar(holdout_only, models["baseline"]) <= 1
    table = tables_of["text"]
    alone = table[table["protocol"] == "holdout"]
    assert len(model_scores.aligned(alone, tables_of["baseline"], "slow")) == len(alone)


# -------------------------------------------------------------------------------------- what lacks a modality


def test_scores_of_products_that_lack_a_picture(models):
    """The last 8 products: they are no model of pictures' to predict."""
    assert model_scores.without(models, "image") == {f"p{i}" for i in range(N - 8, N)}
    assert model_scores.without(models, "text") == set()
    found = model_scores.missing_scores(models)
    for name, each in models.items():
        rows = each.rows("cv")
        rows = rows[rows["product_id"].isin([f"p{i}" for i in range(N - 8, N)])]
        assert len(rows) == 8 * REPEATS
        assert found[name] == {
            "cv_accuracy_without_picture": pytest.approx(
                (metrics.predicted(rows) == rows["category"]).mean()
            ),
            "products_without_picture": 8,
        }


def test_a_product_lacks_a_picture_if_no_model_has_it(folds, models):
    """Another picture model can read 4 of them: these have a picture."""
    other = model(made(folds, 5, 0.7, np.arange(N) < N - 4), ["image"])
    both = model(made(folds, 5, 0.7, np.arange(N) < N - 30), ["image", "text"])
    every = models | {"other": other, "both": both}
    assert model_scores.without(every, "image") == {f"p{i}" for i in range(N - 4, N)}
    assert model_scores.without({"baseline": models["baseline"]}, "image") == set()


def test_a_picture_model_of_the_hold_out_alone_hides_no_product_that_lacks_one(folds, models):
    """It knows of the hold-out's test part only, which has but some of them."""
    table = made(folds, 5, 0.7, np.arange(N) < N - 8)
    slow = model(table[table["protocol"] == "holdout"], ["image"])
    known = set(slow.test.loc[~slow.test["available"], "product_id"])
    assert 0 < len(known) < 8
    assert model_scores.missing_scores(models | {"slow": slow}) == model_scores.missing_scores(models) | {
        "slow": {}
    }
    assert model_scores.without({"slow": slow}, "image") == set()


# --------------------------------------------------------------------------------------------------- new ones


def test_test_rows_are_put_in_the_baselines_order_and_inner_rows_are_kept(tables_of):
    shuffled = tables_of["text"].sample(frac=1, random_state=1)
    found = model_scores.aligned(shuffled, tables_of["baseline"], "text")
    baseline = predictions_table.test_rows(tables_of["baseline"])
    test = predictions_table.test_rows(found)
    assert (test[predictions_table.KEYS].to_numpy() == baseline[predictions_table.KEYS].to_numpy()).all()
    pd.testing.assert_frame_equal(
        found.sort_values(predictions_table.KEYS, ignore_index=True), tables_of["text"], check_like=True
    )
    with pytest.raises(AisleError, match=r"predictions of text .*lacks p05"):
        model_scores.aligned(shuffled[shuffled["product_id"] != "p05"], tables_of["baseline"], "text")


def test_the_interval_has_its_coverage_on_independent_products():
    rng = np.random.default_rng(5)
    share, hits = 0.8, 0
    for seed in range(200):
        table = outcomes(rng.random(150) < share)
        summary = model_scores.summarise(table, np.arange(150), MANY.model_copy(update={"seed": seed}))
        hits += summary["accuracy_low"] <= share <= summary["accuracy_high"]
    assert 0.90 <= hits / 200 <= 0.985  # 95% nominal; the sd of 200 draws is 1.5%


def test_the_interval_is_wider_where_products_come_in_groups():
    rng = np.random.default_rng(6)
    table = outcomes(np.repeat(rng.random(40) < 0.7, 4))
    alone, together = (
        model_scores.summarise(table, group, MANY) for group in (np.arange(160), np.arange(160) // 4)
    )
    widths = [found["accuracy_high"] - found["accuracy_low"] for found in (alone, together)]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.2)  # 4 equal outcomes are one: sqrt(4)


def test_summary_of_one_model(table):
    summary = model_scores.summarise(table, np.arange(len(table)), MANY)
    for name in ("accuracy", "macro_f1", "micro_f1", "weighted_f1"):
        assert summary[f"{name}_low"] <= summary[name] <= summary[f"{name}_high"]
        assert summary[f"{name}_low"] < summary[f"{name}_high"]
    right = metrics.predicted(table) == table["category"].to_numpy(str)
    by_fold = pd.Series(right).groupby([table["repeat"], table["fold"]]).mean()
    assert summary["accuracy_sd"] == pytest.approx(by_fold.std())
    assert summary["input_share"] == table["available"].mean()
    assert summary["accuracy_with_input"] == pytest.approx(right[table["available"]].mean())


def test_one_fold_has_no_sd_and_no_input_no_accuracy():
    summary = model_scores.summarise(outcomes([1, 0, 1, 1], 1).assign(available=False), np.arange(4), MANY)
    assert not [name for name in summary if name.endswith("_sd")]
    assert summary["input_share"] == 0 and np.isnan(summary["accuracy_with_input"])


def test_seeds_are_folds_of_their_own():
    """Three wrong of four with one seed, one of four with the other, in the same fold."""
    both = pd.concat([outcomes([0, 0, 0, 1], 1).assign(seed=0), outcomes([1, 0, 1, 1], 1).assign(seed=5)])
    found = metrics.fold_scores(both)
    assert found[["seed", "n", "accuracy"]].to_numpy().tolist() == [[0, 4, 0.25], [5, 4, 0.75]]
    summary = model_scores.summarise(both, np.tile(np.arange(4), 2), MANY)
    assert summary["accuracy"] == 0.5 and summary["accuracy_sd"] == pytest.approx(
        np.std([0.25, 0.75], ddof=1)
    )
