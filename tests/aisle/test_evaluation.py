"""aisle/evaluation.py: scores from probabilities and paths, comparisons, seeds; nothing of the test part."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, top_k_accuracy_score
from statsmodels.stats.multitest import multipletests

from aisle import decisions, evaluation, fusion, metrics, predictions
from aisle.errors import AisleError

PARAMS = metrics.EvaluationParams(
    floor="floor", confidence=0.95, n_bootstrap=200, seed=0, target_error=0.1, n_bins=5
)
NAMES = ["ant", "bee", "cow", "dog"]
P = [f"p_{name}" for name in NAMES]
N, K, REPEATS = 80, 4, 2


@pytest.fixture(scope="module")
def folds():
    """Return 80 products of 4 categories, two of each in a group; the last 8 have no picture."""
    rng = np.random.default_rng(0)
    group = np.arange(N) // 2
    table = pd.DataFrame(
        {
            "product_id": [f"p{i:02d}" for i in range(N)],
            "category": np.array(NAMES)[group % 4],
            "group": group,
            "split": np.select([group % 5 == 4, group % 5 == 3], ["test", "validation"], "train"),
        }
    )
    for repeat in range(REPEATS):
        order = np.concatenate([rng.permutation(K) for _ in range(N // 2 // K)])
        table[f"cv_{repeat}"] = order[group]
    return table


def made(folds, seed, noise=1.0, available=None):
    """Return the predictions of logistic regression on noisy marks of the categories."""
    rng = np.random.default_rng(seed)
    X = (folds["category"].to_numpy()[:, None] == NAMES) + rng.normal(0, noise, (len(folds), 4))
    available = np.ones(len(folds), bool) if available is None else available
    return predictions.out_of_fold(LogisticRegression(), X, available, folds)


@pytest.fixture(scope="module")
def tables_of(folds):
    """Return predictions by name: two of text, one of pictures that lacks 8, one worse."""
    return {
        "floor": made(folds, 1, 0.6),
        "text": made(folds, 2, 0.5),
        "picture": made(folds, 3, 0.7, np.arange(N) < N - 8),
        "noise": made(folds, 4, 5),
    }


def model(table, modalities=("text",), weights="none", **seeds):
    seeds = seeds or {evaluation.NO_SEED: table}
    return evaluation.prepare("Title", modalities, weights, seeds, PARAMS)


@pytest.fixture(scope="module")
def models(tables_of):
    kinds = {"picture": ("image",)}
    return {name: model(table, kinds.get(name, ("text",))) for name, table in tables_of.items()}


@pytest.fixture(scope="module")
def levels(folds):
    """Return levels of category paths: ant and bee below X, cow and dog below Y; two kinds of each."""
    above = folds["category"].map({"ant": "X", "bee": "X", "cow": "Y", "dog": "Y"})
    kind = np.where(folds["group"] // 4 % 5 == 0, "rare", "usual")
    paths, ids = above + " >> " + folds["category"] + " " + kind + " >> leaf", folds["product_id"]
    return evaluation.path_levels(paths.set_axis(ids), folds["category"].set_axis(ids))


# ------------------------------------------------------------------------------------ what is never looked at


def learned(members):
    """Return what is learned for each cross-validated fold: temperatures, thresholds, fused inner rows."""
    found = {}
    for method in ("log_mean", "vote", "stack"):
        fused = fusion.fuse(members, method, {})
        for fold, rows in model(fused).decided.query("protocol == 'cv'").groupby("fold"):
            found[fold, method, "temperature"] = rows["temperature"].unique()
            found[fold, method, "threshold"] = rows["threshold"].unique()
        for fold, rows in predictions.inner_rows(fused[fused["protocol"] == "cv"]).groupby("fold"):
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
        before.append(predictions.out_of_fold(LogisticRegression(), X, every, folds))
        after.append(predictions.out_of_fold(LogisticRegression(), changed, every, other))
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
    test = predictions.test_rows(table)
    pd.testing.assert_frame_equal(found.test.drop(columns="seed"), test, check_index_type=False)
    assert list(found.decided["product_id"]) == list(found.test["product_id"])
    assert found.decided["automatic"].dtype == bool and (found.decided["temperature"] > 0).all()
    assert len(found.rows("cv")) == N * REPEATS and len(found.rows("holdout")) == (folds_test := 16), (
        folds_test
    )


@pytest.fixture(scope="module")
def scored(models, folds):
    group = folds.set_index("product_id")["group"]
    rows = models["floor"].rows("cv")
    decided = models["floor"].decided
    decided = decided[decided["protocol"] == "cv"]
    return (
        rows,
        decided,
        evaluation.probability_scores(rows, decided, group[rows["product_id"]].to_numpy(), PARAMS),
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


def hand_made(right, automatic=True, probability=0.8, seed=evaluation.NO_SEED):
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
    found = evaluation.probability_scores(test, decided, np.arange(4), PARAMS)
    assert found["ece"] == pytest.approx(0.05) and found["top3"] == 1
    assert found["nll"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.2)) / 4)
    assert found["coverage_at_target_error"] == 0.75 and found["error_at_coverage"] == pytest.approx(1 / 3)


def test_nothing_decided_is_no_error():
    test, decided = hand_made([1, 1, 1, 0], automatic=False)
    found = evaluation.probability_scores(test, decided, np.arange(4), PARAMS)
    assert found["coverage_at_target_error"] == 0 and found["error_at_coverage"] == 0


def path_table(said):
    """Return rows of 6 products that are said to be of categories, their paths and true categories."""
    truth = list("aabccd")
    paths = ["X >> a >> m", "X >> a >> n", "X >> b", "Y >> c", "Y >> c >> m", "Y >> d"]
    ids = [f"p{i}" for i in range(6)]
    table = pd.DataFrame({"product_id": ids, "category": truth})
    for name in "abcd":
        table[f"p_{name}"] = np.where(np.array(list(said)) == name, 0.7, 0.1)
    return table, pd.Series(paths, ids), pd.Series(truth, ids)


@pytest.mark.parametrize(
    ("said", "first", "second"),
    [
        ("aabccd", 1, 1),
        ("bbbccd", 1, 3 / 4),  # wrong, but below the right first segment; a has recall 0
        ("cabccd", 5 / 6, (1 / 2 + 3) / 4),  # one of two of a is told below Y
        ("ccccca", 2 / 6, 1 / 4),
        ("dddddd", 3 / 6, 1 / 4),
    ],
)
def test_path_scores_by_hand(said, first, second):
    table, paths, category = path_table(said)
    found = evaluation.path_scores(table, evaluation.path_levels(paths, category), np.arange(6), PARAMS)
    assert found["accuracy_level_1"] == pytest.approx(first)
    assert found["recall_level_2"] == pytest.approx(second)
    for name in ("accuracy_level_1", "recall_level_2"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]


def test_a_rare_kind_counts_as_much_as_a_frequent_one():
    """Category a has five products of one kind, which are found, and one of another, which is not."""
    ids = [f"p{i}" for i in range(7)]
    paths = pd.Series(["X >> often"] * 5 + ["X >> rare", "Y >> b"], ids)
    table = pd.DataFrame({"product_id": ids, "category": ["a"] * 6 + ["b"]})
    table["p_a"], table["p_b"] = [0.9] * 5 + [0.1, 0.1], [0.1] * 5 + [0.9, 0.9]
    category = table.set_index("product_id")["category"]
    found = evaluation.path_scores(table, evaluation.path_levels(paths, category), np.arange(7), PARAMS)
    assert found["recall_level_2"] == pytest.approx(2 / 3)


def test_a_category_that_no_tested_product_has_can_be_predicted():
    """The hold-out's test part may lack a small category."""
    table, paths, category = path_table("dddddd")
    tested, levels = table[table["category"] != "d"], evaluation.path_levels(paths, category)
    found = evaluation.path_scores(tested, levels, np.arange(5), PARAMS)
    assert found["recall_level_2"] == 0 and found["accuracy_level_1"] == pytest.approx(2 / 5)  # d is below Y


def test_the_scores_of_a_model(models, folds, levels):
    found = evaluation.score(models["picture"], folds, levels, PARAMS)
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


def test_the_gain_is_the_corrected_test_of_the_folds(models):
    right = [
        pd.Series(metrics.predicted(rows) == rows["category"]).groupby([rows["repeat"], rows["fold"]]).mean()
        for rows in (models["text"].rows("cv"), models["floor"].rows("cv"))
    ]
    difference = (right[0] - right[1]).to_numpy()
    assert len(difference) == K * REPEATS and difference.any()
    expected = metrics.corrected_t_test(difference, 1 / (K - 1), 0.95)
    assert evaluation.fold_gain(models["text"], models["floor"], 0.95) == expected


def test_seeds_are_pooled(folds, tables_of, levels):
    """Accuracy is the mean over the seeds; the gain of a fold is that of its mean accuracy over the seeds."""
    seeds = {0: made(folds, 10, 0.6), 3: made(folds, 11, 1.0), 7: made(folds, 12, 0.8)}
    pooled = evaluation.prepare("T", ["text"], "none", seeds, PARAMS)
    alone = {
        seed: evaluation.prepare("T", ["text"], "none", {seed: each}, PARAMS) for seed, each in seeds.items()
    }
    assert sorted(pooled.test["seed"].unique()) == [0, 3, 7]
    scores = [evaluation.score(each, folds, levels, PARAMS) for each in alone.values()]
    found = evaluation.score(pooled, folds, levels, PARAMS)
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
    floor = model(tables_of["floor"])
    gains = []
    for each in (*alone.values(), floor):
        by_fold = metrics.fold_scores(each.rows("cv")).sort_values(["repeat", "fold"])
        gains.append(by_fold["accuracy"].to_numpy())
    expected = metrics.corrected_t_test(np.mean(gains[:3], axis=0) - gains[3], 1 / (K - 1), 0.95)
    assert evaluation.fold_gain(pooled, floor, 0.95) == pytest.approx(expected)


def test_the_scores_of_each_seed(folds):
    seeds = {0: made(folds, 10, 0.6), 3: made(folds, 11, 1.0), 7: made(folds, 12, 0.8)}
    found = evaluation.seed_scores(evaluation.prepare("T", ["text"], "none", seeds, PARAMS), 0.9)
    for protocol in ("cv", "holdout"):
        for name, score in (
            ("accuracy", accuracy_score),
            ("macro_f1", lambda *pair: f1_score(*pair, average="macro", zero_division=0)),
        ):
            values = []
            for seed, table in seeds.items():
                rows = predictions.test_rows(table[table["protocol"] == protocol])
                values.append(score(rows["category"], metrics.predicted(rows)))
                assert found[f"{protocol}_{name}_seed_{seed}"] == pytest.approx(values[-1])
            key = f"{protocol}_{name}"
            assert found[key] == pytest.approx(np.mean(values))
            assert found[f"{key}_sd"] == pytest.approx(np.std(values, ddof=1))
            interval = stats.t.interval(0.9, 2, np.mean(values), stats.sem(values))
            np.testing.assert_allclose([found[f"{key}_low"], found[f"{key}_high"]], interval)


def test_one_seed_has_no_spread(folds):
    found = evaluation.seed_scores(
        evaluation.prepare("T", ["text"], "none", {4: made(folds, 1)}, PARAMS), 0.9
    )
    assert sorted(found) == sorted(
        f"{protocol}_{name}{suffix}"
        for protocol in ("cv", "holdout")
        for name in ("accuracy", "macro_f1")
        for suffix in ("", "_seed_4")
    )


def test_holms_correction_is_that_of_statsmodels_on_known_p(models, monkeypatch):
    """0.01 x 3, 0.02 x 2, 0.5 and never less than a smaller p's."""
    known = {id(models["text"]): 0.02, id(models["picture"]): 0.01, id(models["noise"]): 0.5}

    def gain(each, reference, confidence):
        assert reference is models["floor"] and confidence == 0.9
        return {"gain": 0.1, "gain_low": 0.0, "gain_high": 0.2, "gain_p": known[id(each)]}

    monkeypatch.setattr(evaluation, "fold_gain", gain)
    found = evaluation.compare(models, "floor", "gain", 0.9)
    assert list(found) == ["text", "picture", "noise"]
    corrected = [each["cv_gain_p_holm"] for each in found.values()]
    np.testing.assert_allclose(corrected, [0.04, 0.03, 0.5])
    np.testing.assert_allclose(corrected, multipletests([0.02, 0.01, 0.5], method="holm")[1])
    over = evaluation.compare(models, "floor", "over_single", 0.9)["text"]
    assert over == {
        "cv_over_single": 0.1,
        "cv_over_single_low": 0.0,
        "cv_over_single_high": 0.2,
        "cv_over_single_p": 0.02,
        "cv_over_single_p_holm": 0.04,
    }


@pytest.fixture(scope="module")
def holdout_only(tables_of):
    table = tables_of["text"]
    return model(table[table["protocol"] == "holdout"], ("image",))


def test_a_model_of_the_hold_out_alone_has_no_cross_validated_score(
    models, holdout_only, folds, levels, tables_of
):
    found = evaluation.score(holdout_only, folds, levels, PARAMS)
    assert (
        found["holdout_accuracy"]
        == evaluation.score(models["text"], folds, levels, PARAMS)["holdout_accuracy"]
    )
    assert not [name for name in found if name.startswith("cv_")]
    every = models | {"slow": holdout_only}
    compared = evaluation.compare(every, "floor", "gain", 0.95)
    assert "slow" not in compared
    assert compared == evaluation.compare(models, "floor", "gain", 0.95)  # it does not count for Holm either
    assert "cv_accuracy_without_text" not in evaluation.missing_scores(every)["slow"]
    scores = {name: evaluation.score(each, folds, levels, PARAMS) for name, each in every.items()}
    assert evaluation.best(scores) != "slow" and evaluation.best_single(every, scores) != "slow"
    assert 0 <= evaluation.holdout_mcnemar(holdout_only, models["floor"]) <= 1
    table = tables_of["text"]
    alone = table[table["protocol"] == "holdout"]
    assert len(evaluation.aligned(alone, tables_of["floor"], "slow")) == len(alone)


def test_there_is_nothing_to_compare(models):
    assert evaluation.compare({"floor": models["floor"]}, "floor", "gain", 0.95) == {}


def test_mcnemar_is_of_the_first_seeds_joined_by_product(folds, tables_of):
    seeds = {5: made(folds, 30, 5), 2: tables_of["text"]}
    several = evaluation.prepare("T", ["text"], "none", seeds, PARAMS)
    floor = model(tables_of["floor"].sample(frac=1, random_state=0))
    right = {}
    for name in ("text", "floor"):
        table = tables_of[name]
        rows = predictions.test_rows(table[table["protocol"] == "holdout"]).set_index("product_id")
        right[name] = pd.Series(metrics.predicted(rows) == rows["category"], rows.index)
    expected = metrics.mcnemar_p(right["text"], right["floor"][right["text"].index])
    assert evaluation.holdout_mcnemar(several, floor) == expected


def entry(accuracy, weights="none"):
    return {"cv_accuracy": accuracy, "weights": weights}


def kind(*modalities, weights="none"):
    return evaluation.Model("T", frozenset(modalities), weights, pd.DataFrame(), pd.DataFrame())


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
    assert evaluation.best_single(models, scores) == "picture"
    few = {name: models[name] for name in ("both", "untrained", "slow")}
    assert evaluation.best_single(few, scores) is None
    assert evaluation.best(scores) == "both"
    assert evaluation.best({name: scores[name] for name in ("untrained", "slow", "text")}) == "text"


# -------------------------------------------------------------------------------------- what lacks a modality


def test_scores_of_products_that_lack_a_picture(models):
    """The last 8 products: they are no model of pictures' to predict."""
    assert evaluation.without(models, "image") == {f"p{i}" for i in range(N - 8, N)}
    assert evaluation.without(models, "text") == set()
    found = evaluation.missing_scores(models)
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
    assert evaluation.without(every, "image") == {f"p{i}" for i in range(N - 4, N)}
    assert evaluation.without({"floor": models["floor"]}, "image") == set()


def test_a_picture_model_of_the_hold_out_alone_hides_no_product_that_lacks_one(folds, models):
    """It knows of the hold-out's test part only, which has but some of them."""
    table = made(folds, 5, 0.7, np.arange(N) < N - 8)
    slow = model(table[table["protocol"] == "holdout"], ["image"])
    known = set(slow.test.loc[~slow.test["available"], "product_id"])
    assert 0 < len(known) < 8
    assert evaluation.missing_scores(models | {"slow": slow}) == evaluation.missing_scores(models) | {
        "slow": {}
    }
    assert evaluation.without({"slow": slow}, "image") == set()


# --------------------------------------------------------------------------------------------------- new ones


def test_what_to_use_for_new_products(models):
    """Fitted on all out-of-fold predictions; what was obtained is from inner folds."""
    found = evaluation.deployment("text", models["text"], PARAMS)
    rows, decided = models["text"].rows("cv"), models["text"].decided
    decided = decided[decided["protocol"] == "cv"]
    values, y = rows[P].to_numpy(), pd.Categorical(rows["category"], NAMES).codes
    grid = np.exp(np.linspace(-2, 2, 2001))
    logs = np.log(values)
    losses = [-np.log(softmax(logs / each, axis=1)[np.arange(len(y)), y]).mean() for each in grid]
    assert found["temperature"] == pytest.approx(grid[np.argmin(losses)], rel=3e-3)
    scaled = softmax(logs / found["temperature"], axis=1)
    expected = decisions.threshold(scaled.max(axis=1), scaled.argmax(axis=1) != y, 0.1)
    assert found["threshold"] == pytest.approx(expected)
    assert (found["model"], found["protocol"], found["target_error"]) == ("text", "cv", 0.1)
    assert found["coverage"] == decided["automatic"].mean()
    assert found["error"] == decided.loc[decided["automatic"], "wrong"].mean()


def test_what_to_use_of_a_model_of_the_hold_out_alone(holdout_only):
    found = evaluation.deployment("slow", holdout_only, PARAMS)
    assert found["protocol"] == "holdout"
    assert found["coverage"] == holdout_only.decided["automatic"].mean()


def test_the_review_list_has_titles(models, folds):
    titles = pd.Series("Title of " + folds["product_id"].to_numpy(), folds["product_id"]).sample(
        frac=1, random_state=0
    )
    found = evaluation.review("noise", models["noise"], titles)
    assert list(found)[:3] == ["product_id", "title", "predicted"] and len(found)
    assert (found["title"] == "Title of " + found["product_id"]).all()
    assert found["confidence"].is_monotonic_increasing and set(found["model"]) == {"noise"}
    decided = models["noise"].decided
    automatic = decided[decided["protocol"] == "cv"].groupby("product_id")["automatic"].mean()
    assert set(found["product_id"]) == set(automatic.index[automatic < 0.5])


def test_test_rows_are_put_in_the_floors_order_and_inner_rows_are_kept(tables_of):
    shuffled = tables_of["text"].sample(frac=1, random_state=1)
    found = evaluation.aligned(shuffled, tables_of["floor"], "text")
    floor = predictions.test_rows(tables_of["floor"])
    test = predictions.test_rows(found)
    assert (test[predictions.KEYS].to_numpy() == floor[predictions.KEYS].to_numpy()).all()
    pd.testing.assert_frame_equal(
        found.sort_values(predictions.KEYS, ignore_index=True), tables_of["text"], check_like=True
    )
    with pytest.raises(AisleError, match=r"predictions of text .*lacks p05"):
        evaluation.aligned(shuffled[shuffled["product_id"] != "p05"], tables_of["floor"], "text")
