"""aisle/predictions.py: test and inner rows out of fold, nothing of the test part learned from; alignment."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from aisle import predictions
from aisle.classifiers import ClassifierParams, create
from aisle.errors import AisleError

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
    return predictions.out_of_fold(Spy(), ids, np.ones(30, bool), folds)


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
    for row in predictions.test_rows(spied).to_dict("records"):
        expected = (
            truth["split"] == "train"
            if row["protocol"] == "holdout"
            else truth[f"cv_{row['repeat']}"] != row["fold"]
        )
        assert fitted_for(row) == set(truth.index[expected])


def test_inner_rows_come_from_what_saw_neither_their_fold_nor_the_test_fold(spied, folds):
    truth = folds.set_index("product_id")
    inner = predictions.inner_rows(spied)
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
    table = predictions.out_of_fold(Spy(), folds["product_id"].to_numpy(object), np.ones(30, bool), split)
    assert len(SEEN) == 1 + n_splits + n_splits * (n_splits - 1) // 2
    group = folds.set_index("product_id")["group"]
    inner = predictions.inner_rows(table)
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
    inner = predictions.inner_rows(spied)
    rows = inner[inner["protocol"] == "holdout"]
    assert sorted(rows["product_id"]) == sorted(truth.index[truth["split"] == "validation"])
    assert (rows["inner_fold"].to_numpy() == truth.loc[rows["product_id"], "cv_1"]).all()
    assert {tuple(sorted(fitted_for(row))) for row in rows.to_dict("records")} == {
        tuple(truth.index[truth["split"] == "train"])
    }


def test_test_and_inner_rows_are_all_rows(spied):
    test, inner = predictions.test_rows(spied), predictions.inner_rows(spied)
    assert (test["inner_fold"] == predictions.TEST).all() and (inner["inner_fold"] >= 0).all()
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
    one = predictions.out_of_fold(LogisticRegression(), X, np.ones(30, bool), folds)
    two = predictions.out_of_fold(LogisticRegression(), other_X, np.ones(30, bool), other)
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
    test = predictions.test_rows(spied)
    assert test.groupby(["protocol", "repeat"]).size().to_dict() == {
        ("cv", 0): 30,
        ("cv", 1): 30,
        ("holdout", 0): 6,
    }
    assert len(spied) == 66 + 2 * 30 * (K - 1) + 6
    assert not spied.duplicated(predictions.KEYS).any()
    truth = folds.set_index("product_id")
    assert (truth.loc[spied["product_id"], "category"].to_numpy() == spied["category"]).all()
    for repeat in (0, 1):
        rows = test[(test["protocol"] == "cv") & (test["repeat"] == repeat)]
        assert (truth.loc[rows["product_id"], f"cv_{repeat}"].to_numpy() == rows["fold"]).all()
    np.testing.assert_allclose(predictions.probabilities(spied).sum(axis=1), 1)
    assert predictions.categories(spied) == ["ant", "bee", "cow"]


class Weigher(Spy):
    """Spy with weights of its inputs, as of attention over modalities."""

    def modality_weights(self, X):
        numbers = np.array([int(name[1:]) for name in X]) / 100
        return {"text": numbers, "image": 1 - numbers}


def test_weights_of_modalities_are_columns_and_nan_without_input(folds):
    available = np.arange(30) != 4
    found = predictions.out_of_fold(Weigher(), folds["product_id"].to_numpy(object), available, folds)
    assert list(found.columns[-2:]) == ["weight_text", "weight_image"]
    there = found["product_id"] != "p04"
    numbers = found["product_id"].str[1:].astype(int) / 100
    np.testing.assert_allclose(found.loc[there, "weight_text"], numbers[there])
    np.testing.assert_allclose(found.loc[there, "weight_image"], 1 - numbers[there])
    assert found.loc[~there, ["weight_text", "weight_image"]].isna().all(axis=None) and (~there).any()
    assert predictions.categories(found) == ["ant", "bee", "cow"]


def test_row_i_of_the_input_is_row_i_of_the_folds(folds):
    rng = np.random.default_rng(0)
    X = (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, 0.05, (30, 3))
    found = predictions.out_of_fold(LogisticRegression(C=100), X, np.ones(30, bool), folds)
    names = np.array(predictions.categories(found))
    assert (names[predictions.probabilities(found).argmax(axis=1)] == found["category"]).all()


def test_a_category_that_the_training_part_lacks_has_probability_0(folds):
    changed = folds.copy()
    changed.loc[changed["cv_0"] == 0, "category"] = "aa only here"
    found = predictions.out_of_fold(Spy(), np.array(changed["product_id"]), np.ones(30, bool), changed)
    rows = found[(found["protocol"] == "cv") & (found["repeat"] == 0) & (found["fold"] == 0)]
    assert set(rows["inner_fold"]) == {-1, 1, 2}
    assert (rows["p_aa only here"] == 0).all()
    np.testing.assert_allclose(predictions.probabilities(rows).sum(axis=1), 1)


def test_without_input_the_prediction_is_the_training_parts_shares(folds):
    SEEN.clear()
    available = np.ones(30, bool)
    available[[0, 7, 8, 25]] = False
    found = predictions.out_of_fold(Spy(), folds["product_id"].to_numpy(object), available, folds)
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
    found = predictions.out_of_fold(Spy(), np.full((30, 2), np.nan), np.zeros(30, bool), folds)
    assert not SEEN and not found["available"].any()
    assert len(predictions.test_rows(found)) == 66 and len(predictions.inner_rows(found)) == 126
    np.testing.assert_allclose(predictions.probabilities(found).sum(axis=1), 1)


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
    found = predictions.out_of_fold(model.estimator(), vectors, ~np.isnan(vectors[:, 0]), folds)
    assert np.isfinite(predictions.probabilities(found)).all()
    test = predictions.test_rows(found)
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
        predictions.out_of_fold(model.estimator(), np.array(texts, object), np.ones(30, bool), folds)
        for texts in (plain, marked)
    )
    test = one["inner_fold"] == predictions.TEST
    where = test & (one["protocol"] == "cv") & (one["repeat"] == 0) & (one["fold"] == 1)
    np.testing.assert_array_equal(
        predictions.probabilities(one[where]), predictions.probabilities(two[where])
    )
    elsewhere = test & (one["protocol"] == "cv") & (one["repeat"] == 0) & (one["fold"] == 0)
    assert not np.array_equal(
        predictions.probabilities(one[elsewhere]), predictions.probabilities(two[elsewhere])
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
    predictions.out_of_fold(estimator, texts, np.ones(30, bool), folds)
    assert len(vocabularies) == 13
    for known, tested in vocabularies:
        assert known & tested == {"shared"}


# ------------------------------------------------------------------------------------------------- alignment


@pytest.fixture(scope="module")
def models(folds):
    """Return predictions of two models: the first lacks p03, the second p03 and p04."""
    rng = np.random.default_rng(1)
    made = []
    for without in ([3], [3, 4]):
        available = ~np.isin(np.arange(30), without)
        X = (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, 1, (30, 3))
        made.append(predictions.out_of_fold(LogisticRegression(), X, available, folds))
    return made


def test_align_puts_rows_in_the_references_order(models):
    first, second = models
    aligned = predictions.align(second.sample(frac=1, random_state=0), first, "picture", "text")
    pd.testing.assert_frame_equal(aligned, second)


def test_align_takes_rows_in_order_as_they_are_unless_they_are_doubled_in_both(models):
    first, second = models
    pd.testing.assert_frame_equal(predictions.align(second, first, "picture", "text"), second)
    doubled = [pd.concat([table, table[table["product_id"] == "p05"]]) for table in models]
    with pytest.raises(AisleError, match="several for p05"):
        predictions.align(doubled[1], doubled[0], "picture", "text")


def test_align_follows_a_shuffled_reference(models):
    first, second = models
    reference = first.sample(frac=1, random_state=0)
    aligned = predictions.align(second, reference, "picture", "text")
    keys = predictions.KEYS
    pd.testing.assert_frame_equal(
        aligned[keys].reset_index(drop=True), reference[keys].reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(aligned.sort_values(keys, ignore_index=True), second)


def change(table, product, **values):
    table = table.copy()
    table.loc[table["product_id"] == product, list(values)] = list(values.values())
    return table


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda table: table[table["product_id"] != "p05"], ["lacks p05"]),
        (lambda table: table[(table["product_id"] != "p05") | (table["repeat"] == 0)], ["lacks p05"]),
        (lambda table: change(table, "p05", product_id="new"), ["lacks p05", "alone has new"]),
        (lambda table: pd.concat([table, table[table["product_id"] == "p05"]]), ["several for p05"]),
        (lambda table: change(table, "p05", fold=2), ["fold 2", "p05"]),
        (lambda table: predictions.test_rows(table), ["lacks", "inner fold"]),
        (lambda table: table[~((table["inner_fold"] == 2) & (table["product_id"] == "p29"))], ["lacks p29"]),
        (lambda table: table[table["repeat"] == 0], ["repeat 1"]),
        (lambda table: pd.concat([table, table[table["repeat"] == 1].assign(repeat=2)]), ["repeat 2"]),
        (lambda table: table.rename(columns={"p_bee": "p_wasp"}), ["wasp"]),
        (lambda table: change(table, "p02", category="cow"), ["p02"]),
    ],
    ids=[
        *("product lacks", "product lacks once", "other product", "product doubled", "other fold"),
        *("no inner rows", "inner row lacks"),
        *("repeat lacks", "repeat more", "other categories", "other label"),
    ],
)
def test_predictions_that_do_not_fit_are_an_error_that_says_why(models, spoil, told):
    """Another run's predictions: other products, repeats, folds, categories or labels."""
    first, second = models
    with pytest.raises(AisleError) as error:
        predictions.align(spoil(second), first, "picture", "text")
    assert all(part in str(error.value) for part in ["picture", *told]), str(error.value)
