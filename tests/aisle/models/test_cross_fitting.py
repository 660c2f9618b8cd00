"""cross_fitting.py: test and inner rows out of fold, nothing of the test part learned from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from aisle.models import predictions_table
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.models.cross_fitting import out_of_fold, plan
from aisle.pipeline.cores import in_processes, in_threads
from aisle.pipeline.errors import AisleError

SEEN: list[tuple[set[str], set[str]]] = []
K = 3  # folds of each repeat of the fixture


class Spy(ClassifierMixin, BaseEstimator):
    """Record the ids (its input) that each copy is fitted on and asked about; answers carry its number."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fitted_on = set(X)
        return self

    def predict_proba(self, X):
        SEEN.append((self.fitted_on, set(X)))
        row = 1.0 / (1 + np.arange(len(self.classes_)))
        row[0] += len(SEEN)  # no two fits answer alike
        return np.tile(row / row.sum(), (len(X), 1))


@pytest.fixture(scope="module")
def folds():
    """Return 30 products: 3 categories, groups of two, two repeats of 3 folds, a hold-out."""
    group = np.arange(30) // 2
    return pd.DataFrame(
        {
            "product_id": [f"p{i:02d}" for i in range(30)],
            "category": np.array(["ant", "bee", "cow"])[group % 3],
            "group": group,
            "split": np.select([group % 5 == 4, group % 5 == 3], ["test", "validation"], "train"),
            "cv_0": group // 5,
            "cv_1": group // 3 % 3,
        }
    )


@pytest.fixture
def spied(folds):
    SEEN.clear()
    ids = folds["product_id"].to_numpy(object)
    return out_of_fold(Spy(), ids, np.ones(30, bool), folds, side_by_side=map)


def test_no_product_is_tested_by_what_learned_from_it_or_its_group(spied, folds):
    group = folds.set_index("product_id")["group"]
    assert len(SEEN) == 1 + 2 * (K + K * (K - 1) // 2)
    for fitted, asked in SEEN:
        assert fitted and asked and not fitted & asked
        assert not set(group[list(fitted)]) & set(group[list(asked)])


def test_the_hold_out_learns_from_train_only(spied, folds):
    fitted, asked = SEEN[0]
    assert fitted == set(folds.loc[folds["split"] == "train", "product_id"])
    assert asked == set(folds.loc[folds["split"] != "train", "product_id"])


def test_every_other_fold_is_learned_from(spied, folds):
    for fitted, asked in SEEN[1:]:
        assert fitted | asked == set(folds["product_id"])


def fitted_for(row):
    """Return what the model that made a row of Spy's was fitted on."""
    ratio = row["p_ant"] / row["p_bee"]  # (1 + number) / (1 / 2)
    return SEEN[round(ratio / 2 - 1) - 1][0]


def test_test_rows_come_from_the_whole_training_part(spied, folds):
    truth = folds.set_index("product_id")
    for row in predictions_table.test_rows(spied).to_dict("records"):
        expected = (
            truth["split"] == "train"
            if row["protocol"] == "holdout"
            else truth[f"cv_{row['repeat']}"] != row["fold"]
        )
        assert fitted_for(row) == set(truth.index[expected])


def test_inner_rows_come_from_what_saw_neither_their_fold_nor_the_test_fold(spied, folds):
    truth = folds.set_index("product_id")
    inner = predictions_table.inner_rows(spied)
    checked = 0
    for row in inner[inner["protocol"] == "cv"].to_dict("records"):
        fold = truth[f"cv_{row['repeat']}"]
        assert fold[row["product_id"]] == row["inner_fold"] != row["fold"]
        assert fitted_for(row) == set(truth.index[~fold.isin([row["fold"], row["inner_fold"]])])
        checked += 1
    assert checked == 2 * 30 * (K - 1)


@pytest.mark.parametrize("n_splits", [3, 4, 5])
def test_inner_rows_cover_each_training_part_once(folds, n_splits):
    """Of folds of any number; a group is on one side of every cut."""
    SEEN.clear()
    split = folds.assign(cv_0=folds["group"] // 3 % n_splits).drop(columns="cv_1")
    table = out_of_fold(
        Spy(), folds["product_id"].to_numpy(object), np.ones(30, bool), split, side_by_side=map
    )
    assert len(SEEN) == 1 + n_splits + n_splits * (n_splits - 1) // 2
    group = folds.set_index("product_id")["group"]
    inner = predictions_table.inner_rows(table)
    cv = inner[inner["protocol"] == "cv"]
    assert sorted(cv["fold"].unique()) == list(range(n_splits))
    for fold, rows in cv.groupby("fold"):
        training = split.loc[split["cv_0"] != fold, "product_id"]
        assert sorted(rows["product_id"]) == sorted(training)
        for row in rows.to_dict("records"):
            learned = set(group[list(fitted_for(row))])
            assert group[row["product_id"]] not in learned
            assert not learned & set(split.loc[split["cv_0"] == fold, "group"])


def test_the_hold_outs_inner_rows_are_its_validation_part(spied, folds):
    truth = folds.set_index("product_id")
    inner = predictions_table.inner_rows(spied)
    rows = inner[inner["protocol"] == "holdout"]
    assert sorted(rows["product_id"]) == sorted(truth.index[truth["split"] == "validation"])
    assert (rows["inner_fold"].to_numpy() == truth.loc[rows["product_id"], "cv_1"]).all()
    assert {tuple(sorted(fitted_for(row))) for row in rows.to_dict("records")} == {
        tuple(truth.index[truth["split"] == "train"])
    }


def test_test_and_inner_rows_are_all_rows(spied):
    test, inner = predictions_table.test_rows(spied), predictions_table.inner_rows(spied)
    assert (test["inner_fold"] == predictions_table.TEST).all() and (inner["inner_fold"] >= 0).all()
    pd.testing.assert_frame_equal(pd.concat([test, inner]).sort_index(), spied)


@pytest.mark.parametrize("what", ["labels", "inputs"])
def test_the_test_part_changes_none_of_its_inner_rows(folds, what):
    """Nor its test rows, where labels change; another fold's inner rows do change."""
    rng = np.random.default_rng(0)
    X = (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, 0.5, (30, 3))
    tested = (folds["cv_0"] == 1).to_numpy()
    other, other_X = folds.copy(), X.copy()
    if what == "labels":
        other.loc[tested, "category"] = other.loc[tested, "category"].map(
            {"ant": "bee", "bee": "cow", "cow": "ant"}
        )
    else:
        other_X[tested] = rng.normal(0, 5, (tested.sum(), 3))
    one = out_of_fold(LogisticRegression(), X, np.ones(30, bool), folds)
    two = out_of_fold(LogisticRegression(), other_X, np.ones(30, bool), other)
    columns = ["p_ant", "p_bee", "p_cow"]
    cv = (one["protocol"] == "cv") & (one["repeat"] == 0)
    mine = cv & (one["fold"] == 1) & ((one["inner_fold"] != -1) | (what == "labels"))
    assert len(one[mine]) >= 20
    np.testing.assert_array_equal(one.loc[mine, columns], two.loc[mine, columns])
    elsewhere = cv & (one["fold"] == 0) & ~one["product_id"].isin(folds.loc[tested, "product_id"])
    assert not np.allclose(one.loc[elsewhere, columns], two.loc[elsewhere, columns])


def test_the_table(spied, folds):
    assert list(spied.columns) == [
        "protocol", "repeat", "fold", "inner_fold", "product_id", "category", "available",
        "p_ant", "p_bee", "p_cow",
    ]  # fmt: skip
    test = predictions_table.test_rows(spied)
    assert test.groupby(["protocol", "repeat"]).size().to_dict() == {
        ("cv", 0): 30,
        ("cv", 1): 30,
        ("holdout", 0): 6,
    }
    assert len(spied) == 66 + 2 * 30 * (K - 1) + 6
    assert not spied.duplicated(predictions_table.KEYS).any()
    truth = folds.set_index("product_id")
    assert (truth.loc[spied["product_id"], "category"].to_numpy() == spied["category"]).all()
    for repeat in (0, 1):
        rows = test[(test["protocol"] == "cv") & (test["repeat"] == repeat)]
        assert (truth.loc[rows["product_id"], f"cv_{repeat}"].to_numpy() == rows["fold"]).all()
    np.testing.assert_allclose(predictions_table.probabilities(spied).sum(axis=1), 1)
    assert predictions_table.categories(spied) == ["ant", "bee", "cow"]


class Weigher(Spy):
    """Spy with weights of its inputs, as of attention over modalities."""

    def modality_weights(self, X):
        numbers = np.array([int(name[1:]) for name in X]) / 100
        return {"text": numbers, "image": 1 - numbers}


def test_weights_of_modalities_are_columns_and_nan_without_input(folds):
    available = np.arange(30) != 4
    found = out_of_fold(Weigher(), folds["product_id"].to_numpy(object), available, folds, side_by_side=map)
    assert list(found.columns[-2:]) == ["weight_text", "weight_image"]
    there = found["product_id"] != "p04"
    numbers = found["product_id"].str[1:].astype(int) / 100
    np.testing.assert_allclose(found.loc[there, "weight_text"], numbers[there])
    np.testing.assert_allclose(found.loc[there, "weight_image"], 1 - numbers[there])
    assert found.loc[~there, ["weight_text", "weight_image"]].isna().all(axis=None) and (~there).any()
    assert predictions_table.categories(found) == ["ant", "bee", "cow"]


def test_row_i_of_the_input_is_row_i_of_the_folds(folds):
    rng = np.random.default_rng(0)
    X = (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, 0.05, (30, 3))
    found = out_of_fold(LogisticRegression(C=100), X, np.ones(30, bool), folds)
    names = np.array(predictions_table.categories(found))
    assert (names[predictions_table.probabilities(found).argmax(axis=1)] == found["category"]).all()


def test_a_category_that_the_training_part_lacks_has_probability_0(folds):
    changed = folds.copy()
    changed.loc[changed["cv_0"] == 0, "category"] = "aa only here"
    found = out_of_fold(Spy(), np.array(changed["product_id"]), np.ones(30, bool), changed, side_by_side=map)
    rows = found[(found["protocol"] == "cv") & (found["repeat"] == 0) & (found["fold"] == 0)]
    assert set(rows["inner_fold"]) == {-1, 1, 2}
    assert (rows["p_aa only here"] == 0).all()
    np.testing.assert_allclose(predictions_table.probabilities(rows).sum(axis=1), 1)


def test_without_input_the_prediction_is_the_training_parts_shares(folds):
    SEEN.clear()
    available = np.ones(30, bool)
    available[[0, 7, 8, 25]] = False
    found = out_of_fold(Spy(), folds["product_id"].to_numpy(object), available, folds, side_by_side=map)
    missing = {"p00", "p07", "p08", "p25"}
    assert not any((fitted | asked) & missing for fitted, asked in SEEN)
    assert set(found.loc[~found["available"], "product_id"]) == missing
    for row in found[~found["available"] & (found["protocol"] == "cv")].to_dict("records"):
        left_out = [row["fold"], row["inner_fold"]]
        train = folds.loc[~folds[f"cv_{row['repeat']}"].isin(left_out), "category"]
        for name in ("ant", "bee", "cow"):
            assert row[f"p_{name}"] == pytest.approx((train == name).mean())


def test_nothing_has_input(folds):
    SEEN.clear()
    found = out_of_fold(Spy(), np.full((30, 2), np.nan), np.zeros(30, bool), folds, side_by_side=map)
    assert not SEEN and not found["available"].any()
    assert len(predictions_table.test_rows(found)) == 66 and len(predictions_table.inner_rows(found)) == 126
    np.testing.assert_allclose(predictions_table.probabilities(found).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("classifier", "options"), [("feature_linear", {"n_components": 20}), ("feature_svm", {})]
)
@pytest.mark.parametrize("kept", [1, 2, 4, 9])
def test_few_products_have_input(folds, kept, classifier, options):
    """Fewer than the principal components asked for; with one category at most, the shares are the answer."""
    model = create(ClassifierParams(title="", classifier=classifier, input="", options=options))
    rng = np.random.default_rng(0)
    vectors = rng.random((30, 50), np.float32)
    vectors[rng.permutation(30)[kept:]] = np.nan
    found = out_of_fold(model.estimator(), vectors, ~np.isnan(vectors[:, 0]), folds)
    assert np.isfinite(predictions_table.probabilities(found)).all()
    test = predictions_table.test_rows(found)
    assert test.loc[test["protocol"] == "cv", "available"].sum() == 2 * kept


def test_the_vocabulary_is_fitted_inside_the_fold(folds):
    """A word of the test part alone must not be known: it would change that part's predictions."""
    options = {"fields": ["title"], "form": "clean", "min_df": 1}
    model = create(ClassifierParams(title="", classifier="text_linear", input="", options=options))
    common = {"ant": "anthill", "bee": "honey", "cow": "milk"}
    plain = [f"{common[category]} thing" for category in folds["category"]]
    tested = folds["cv_0"] == 1
    marked = [text + " newword" if test else text for text, test in zip(plain, tested, strict=True)]
    one, two = (
        out_of_fold(model.estimator(), np.array(texts, object), np.ones(30, bool), folds)
        for texts in (plain, marked)
    )
    test = one["inner_fold"] == predictions_table.TEST
    where = test & (one["protocol"] == "cv") & (one["repeat"] == 0) & (one["fold"] == 1)
    np.testing.assert_array_equal(
        predictions_table.probabilities(one[where]), predictions_table.probabilities(two[where])
    )
    elsewhere = test & (one["protocol"] == "cv") & (one["repeat"] == 0) & (one["fold"] == 0)
    assert not np.array_equal(
        predictions_table.probabilities(one[elsewhere]), predictions_table.probabilities(two[elsewhere])
    )


def test_the_fitted_vocabulary_is_the_training_parts(folds):
    options = {"fields": ["title"], "form": "clean", "min_df": 1, "ngram_range": [1, 1]}
    model = create(ClassifierParams(title="", classifier="text_linear", input="", options=options))
    vocabularies = []

    class Recorder(type(model.estimator())):
        def predict_proba(self, X):
            vocabularies.append((set(self[0].vocabulary_), {word for text in X for word in text.split()}))
            return super().predict_proba(X)

    texts = np.array([f"shared word{i:02d}" for i in range(30)], object)
    estimator = Recorder(model.estimator().steps)
    out_of_fold(estimator, texts, np.ones(30, bool), folds, side_by_side=map)
    assert len(vocabularies) == 13
    for known, tested in vocabularies:
        assert known & tested == {"shared"}


# ------------------------------------------------------------------------------------------- how the fits run


@pytest.fixture(scope="module")
def noisy(folds):
    """Return vectors that say the category with some noise."""
    rng = np.random.default_rng(2)
    return (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, 1, (30, 3))


@pytest.mark.parametrize("side_by_side", [in_processes, in_threads])
def test_the_result_is_the_same_however_the_fits_run(folds, noisy, side_by_side):
    every = np.ones(30, bool)
    one = out_of_fold(LogisticRegression(), noisy, every, folds, side_by_side=map)
    other = out_of_fold(LogisticRegression(), noisy, every, folds, side_by_side=side_by_side)
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_without_inner_rows_there_are_fewer_fits_and_the_same_test_rows(folds, noisy):
    every = np.ones(30, bool)
    both = out_of_fold(LogisticRegression(), noisy, every, folds)
    alone = out_of_fold(LogisticRegression(), noisy, every, folds, inner=False)
    pd.testing.assert_frame_equal(alone, predictions_table.test_rows(both).reset_index(drop=True))
    assert len(plan(folds)) == 1 + 2 * (K + K * (K - 1) // 2)
    assert len(plan(folds, inner_too=False)) == 1 + 2 * K


def test_progress_counts_the_fits(folds, noisy):
    counted = []

    def progress(fits):
        counted.extend(fits)
        return iter(counted)

    out_of_fold(LogisticRegression(), noisy, np.ones(30, bool), folds, progress)
    assert len(counted) == len(plan(folds))


def test_a_fit_that_fails_in_a_process_is_an_error_that_says_why(folds, noisy):
    noisy = noisy.copy()
    noisy[4] = np.nan
    with pytest.raises(AisleError, match=r"must fit its training part; Input X contains NaN"):
        out_of_fold(LogisticRegression(), noisy, np.ones(30, bool), folds)
