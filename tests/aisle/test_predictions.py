"""aisle/predictions.py: out of fold, nothing of the test part learned from; alignment and fusion."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from aisle import fusion, predictions
from aisle.classifiers import ClassifierParams, create
from aisle.errors import AisleError

SEEN: list[tuple[set[str], set[str]]] = []


class Spy(ClassifierMixin, BaseEstimator):
    """Record the ids (its input) that each copy is fitted on and asked about."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fitted_on = set(X)
        return self

    def predict_proba(self, X):
        SEEN.append((self.fitted_on, set(X)))
        return np.tile(
            np.linspace(1, 2, len(self.classes_)) / np.linspace(1, 2, len(self.classes_)).sum(), (len(X), 1)
        )


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
    assert len(SEEN) == 1 + 3 + 3
    for fitted, asked in SEEN:
        assert fitted and asked and not fitted & asked
        assert not set(group[list(fitted)]) & set(group[list(asked)])


def test_the_hold_out_learns_from_train_only(spied, folds):
    fitted, asked = SEEN[0]
    assert fitted == set(folds.loc[folds["split"] == "train", "product_id"])
    assert asked == set(folds.loc[folds["split"] == "test", "product_id"])


def test_every_other_fold_is_learned_from(spied, folds):
    for fitted, asked in SEEN[1:]:
        assert fitted | asked == set(folds["product_id"])


def test_the_table(spied, folds):
    assert list(spied.columns) == [
        "protocol", "repeat", "fold", "product_id", "category", "available", "p_ant", "p_bee", "p_cow"
    ]  # fmt: skip
    assert spied.groupby(["protocol", "repeat"]).size().to_dict() == {
        ("cv", 0): 30,
        ("cv", 1): 30,
        ("holdout", 0): 6,
    }
    truth = folds.set_index("product_id")
    assert (truth.loc[spied["product_id"], "category"].to_numpy() == spied["category"]).all()
    for repeat in (0, 1):
        rows = spied[(spied["protocol"] == "cv") & (spied["repeat"] == repeat)]
        assert (truth.loc[rows["product_id"], f"cv_{repeat}"].to_numpy() == rows["fold"]).all()
    np.testing.assert_allclose(predictions.probabilities(spied).sum(axis=1), 1)
    assert predictions.categories(spied) == ["ant", "bee", "cow"]


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
        train = folds.loc[folds[f"cv_{row['repeat']}"] != row["fold"], "category"]
        for name in ("ant", "bee", "cow"):
            assert row[f"p_{name}"] == pytest.approx((train == name).mean())


def test_nothing_has_input(folds):
    SEEN.clear()
    found = predictions.out_of_fold(Spy(), np.full((30, 2), np.nan), np.zeros(30, bool), folds)
    assert not SEEN and not found["available"].any() and len(found) == 66
    np.testing.assert_allclose(predictions.probabilities(found).sum(axis=1), 1)


@pytest.mark.parametrize("kept", [1, 2, 4, 9])
def test_few_products_have_input(folds, kept):
    """Fewer than the principal components asked for; with one category at most, the shares are the answer."""
    model = create(
        ClassifierParams(title="", classifier="feature_linear", input="", options={"n_components": 20})
    )
    rng = np.random.default_rng(0)
    vectors = rng.random((30, 50), np.float32)
    vectors[rng.permutation(30)[kept:]] = np.nan
    found = predictions.out_of_fold(model.estimator(), vectors, ~np.isnan(vectors[:, 0]), folds)
    assert np.isfinite(predictions.probabilities(found)).all()
    assert found.loc[found["protocol"] == "cv", "available"].sum() == 2 * kept


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
    where = (one["protocol"] == "cv") & (one["repeat"] == 0) & (one["fold"] == 1)
    np.testing.assert_array_equal(
        predictions.probabilities(one[where]), predictions.probabilities(two[where])
    )
    elsewhere = (one["protocol"] == "cv") & (one["repeat"] == 0) & (one["fold"] == 0)
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
    assert len(vocabularies) == 7
    for known, tested in vocabularies:
        assert known & tested == {"shared"}


# -------------------------------------------------------------------------------------- alignment and fusion


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


def test_align_follows_a_shuffled_reference(models):
    first, second = models
    reference = first.sample(frac=1, random_state=0)
    aligned = predictions.align(second, reference, "picture", "text")
    keys = ["protocol", "repeat", "fold", "product_id"]
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
        (lambda table: change(table, "p05", fold=2), ["folds"]),
        (lambda table: table[table["repeat"] == 0], ["repeat 1"]),
        (lambda table: pd.concat([table, table[table["repeat"] == 1].assign(repeat=2)]), ["repeat 2"]),
        (lambda table: table.rename(columns={"p_bee": "p_wasp"}), ["wasp"]),
        (lambda table: change(table, "p02", category="cow"), ["p02"]),
    ],
    ids=[
        *("product lacks", "product lacks once", "other product", "product doubled", "other fold"),
        *("repeat lacks", "repeat more", "other categories", "other label"),
    ],
)
def test_predictions_that_do_not_fit_are_an_error_that_says_why(models, spoil, told):
    """Another run's predictions: other products, repeats, folds, categories or labels."""
    first, second = models
    with pytest.raises(AisleError) as error:
        predictions.align(spoil(second), first, "picture", "text")
    assert all(part in str(error.value) for part in ["picture", *told]), str(error.value)


@pytest.mark.parametrize(("weight", "expected"), [(0, 0), (1, 1)])
def test_the_weight_at_its_ends_is_one_model_alone(models, weight, expected):
    fused = fusion.fuse(*models, weight)
    both = models[0]["available"] & models[1]["available"]
    alone = models[expected]
    np.testing.assert_allclose(
        predictions.probabilities(fused)[both], predictions.probabilities(alone)[both], atol=1e-9
    )


def test_fusion_is_the_weighted_geometric_mean(models):
    fused = fusion.fuse(*models, 0.3)
    row = int(np.flatnonzero(models[0]["product_id"] == "p10")[0])
    one, two = (predictions.probabilities(model)[row] for model in models)
    expected = one**0.7 * two**0.3
    np.testing.assert_allclose(predictions.probabilities(fused)[row], expected / expected.sum())
    np.testing.assert_allclose(predictions.probabilities(fused).sum(axis=1), 1)


def test_where_one_input_is_missing_the_other_decides_alone(models):
    text, picture = models
    for weight in (0.0, 0.4, 1.0):
        fused = fusion.fuse(text, picture, weight)
        rows = fused["product_id"] == "p04"
        np.testing.assert_allclose(
            predictions.probabilities(fused)[rows], predictions.probabilities(text)[rows], atol=1e-9
        )
        swapped = fusion.fuse(picture, text, weight)
        np.testing.assert_allclose(
            predictions.probabilities(swapped)[rows], predictions.probabilities(text)[rows], atol=1e-9
        )
    assert fused.loc[rows, "available"].all()
    assert not fused.loc[fused["product_id"] == "p03", "available"].any()


def test_fusion_survives_probability_0(models):
    text, picture = (model.copy() for model in models)
    text.loc[0, ["p_ant", "p_bee", "p_cow"]] = [1.0, 0.0, 0.0]
    picture.loc[0, ["p_ant", "p_bee", "p_cow"]] = [0.0, 1.0, 0.0]
    fused = predictions.probabilities(fusion.fuse(text, picture, 0.5))[0]
    np.testing.assert_allclose(fused, [0.5, 0.5, 0], atol=1e-5)
