"""aisle/classifiers: chosen by the name of their file, options checked, inputs read, estimators unfitted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from aisle import features, tables
from aisle.classifiers import ClassifierParams, create
from aisle.errors import AisleError

TEXT = {"fields": ["title", "description"], "form": "clean"}


def model(classifier, **options):
    return create(ClassifierParams(title="Title", classifier=classifier, input="file", options=options))


@pytest.mark.parametrize(
    ("classifier", "options", "told"),
    [
        ("text_liner", {}, ["'text_liner'", "feature_linear, text_linear"]),
        ("__init__", {}, ["'__init__'", "feature_linear"]),
        ("text_linear", {"fields": ["title"]}, ["'text_linear'", "form", "required"]),
        ("text_linear", TEXT | {"c": 1}, ["'text_linear'", "c: "]),
        ("text_linear", TEXT | {"C": "much"}, ["C: ", "number"]),
        ("text_linear", TEXT | {"fields": "title"}, ["fields: ", "list"]),
        ("feature_linear", {"n_components": 1.5}, ["'feature_linear'", "n_components: "]),
        ("feature_linear", {"n_components": 5, "D": 1}, ["D: "]),
    ],
)
def test_what_is_wrong_is_named(classifier, options, told):
    with pytest.raises(AisleError) as error:
        model(classifier, **options)
    assert all(part in str(error.value) for part in told), str(error.value)


@pytest.mark.parametrize(
    ("classifier", "options", "name"),
    [
        ("text_linear", TEXT | {"C": 0}, "C"),
        ("text_linear", TEXT | {"C": -1}, "C"),
        ("text_linear", TEXT | {"min_df": 0}, "min_df"),
        ("text_linear", TEXT | {"ngram_range": [1, 0]}, "ngram_range.1"),
        ("feature_linear", {"n_components": 5, "C": 0}, "C"),
        ("feature_linear", {"n_components": 0}, "n_components"),
        ("feature_linear", {"n_components": -3}, "n_components"),
    ],
)
def test_a_value_that_scikit_learn_would_refuse_is_refused_in_words(classifier, options, name):
    """As `dvc exp run -S classifiers.text_floor.options.C=0` gives it."""
    with pytest.raises(AisleError, match=f"{name}: "):
        model(classifier, **options)


def test_texts_are_read_in_order_and_a_product_without_a_word_has_none(tmp_path):
    table = pd.DataFrame(
        {"product_id": list("cab"), "title_clean": ["mug", "", ""], "description_clean": ["red", "", "blue"]}
    )
    tables.write(table, tmp_path / "text.parquet", "tiny")
    inputs = model("text_linear", **TEXT).read(tmp_path / "text.parquet")
    assert inputs.product_ids == list("cab")
    assert list(inputs.X) == ["mug red", "", "blue"]
    assert list(inputs.available) == [True, False, True] and inputs.available.dtype == bool
    assert inputs.catalogue == "tiny"


def test_features_are_read_in_order_and_nan_is_no_input(tmp_path):
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    vectors[1] = np.nan
    features.write(
        features.Features(list("cab"), vectors, {"catalogue": "tiny", "weights": "none"}),
        tmp_path / "f.parquet",
    )
    inputs = model("feature_linear", n_components=2).read(tmp_path / "f.parquet")
    assert inputs.product_ids == list("cab")
    np.testing.assert_array_equal(inputs.X, vectors)
    assert list(inputs.available) == [True, False, True]
    assert inputs.catalogue == "tiny"


@pytest.fixture
def problem():
    """Return texts, vectors and labels of 40 products that are easy to tell apart."""
    rng = np.random.default_rng(0)
    labels = np.tile(["ant", "bee"], 20)
    texts = np.array([f"{label}word thing{rng.integers(4)}" for label in labels], object)
    return texts, (labels == "ant")[:, None] * 4 + rng.normal(0, 1, (40, 12)), labels


@pytest.mark.parametrize(
    ("classifier", "options"), [("text_linear", TEXT), ("feature_linear", {"n_components": 5})]
)
def test_an_estimator_learns_and_a_clone_is_unfitted(problem, classifier, options):
    texts, vectors, labels = problem
    X = texts if classifier == "text_linear" else vectors
    estimator = model(classifier, **options).estimator()
    fitted = clone(estimator).fit(X[:30], labels[:30])
    probabilities = fitted.predict_proba(X[30:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(fitted.classes_) == ["ant", "bee"]
    assert (fitted.classes_[probabilities.argmax(axis=1)] == labels[30:]).all()
    assert not hasattr(estimator[-1], "coef_") and not hasattr(clone(fitted)[-1], "coef_")
    np.testing.assert_array_equal(clone(fitted).fit(X[:30], labels[:30]).predict_proba(X[30:]), probabilities)


def test_the_options_reach_the_estimator(problem):
    texts, vectors, labels = problem
    text = model("text_linear", **TEXT, C=3, min_df=5, ngram_range=(1, 1)).estimator().fit(texts, labels)
    assert text[-1].C == 3 and "antword thing0" not in text[0].vocabulary_
    feature = model("feature_linear", n_components=4, C=0.5).estimator().fit(vectors, labels)
    assert feature[-1].C == 0.5 and feature[-1].n_features_in_ == 4


@pytest.mark.parametrize("n_components", [12, 13, 75])
def test_components_are_at_most_what_the_training_part_gives(problem, n_components):
    _, vectors, labels = problem
    estimator = model("feature_linear", n_components=n_components).estimator()
    assert estimator.fit(vectors, labels)[-1].n_features_in_ <= 12
    assert clone(estimator).fit(vectors[:6], labels[:6])[-1].n_features_in_ <= 6
