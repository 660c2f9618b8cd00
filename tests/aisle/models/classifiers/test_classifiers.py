"""models/classifiers: chosen by the name of their file, options checked, inputs read, estimators unfitted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC

from aisle.models.classifiers.feature_svm import signed_root
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.models.platt import Platt
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.representations import recipes, vectors_file

TEXT = {"fields": ["title", "description"], "form": "clean"}


def model(classifier, **options):
    return create(ClassifierParams(title="Title", classifier=classifier, input="file", options=options))


@pytest.mark.parametrize(
    ("classifier", "options", "told"),
    [
        (
            "text_liner",
            {},
            ["'text_liner'", "feature_linear, feature_svm", "text_linear, text_svm, text_tree"],
        ),
        ("_platt", {}, ["'_platt'", "feature_linear, feature_svm"]),
        ("__init__", {}, ["'__init__'", "feature_linear"]),
        ("text_linear", {"fields": ["title"]}, ["'text_linear'", "form", "required"]),
        ("text_linear", TEXT | {"solver": "newton"}, ["solver: ", "one_vs_rest"]),
        ("text_linear", TEXT | {"c": 1}, ["'text_linear'", "c: "]),
        ("text_linear", TEXT | {"C": "much"}, ["C: ", "number"]),
        ("text_linear", TEXT | {"fields": "title"}, ["fields: ", "list"]),
        ("feature_linear", {"n_components": 1.5}, ["'feature_linear'", "n_components: "]),
        ("feature_linear", {"n_components": 5, "D": 1}, ["D: "]),
        ("feature_svm", {"n_components": 5}, ["'feature_svm'", "n_components: "]),
        ("feature_svm", {"C": "much"}, ["C: ", "number"]),
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
        ("feature_svm", {"C": 0}, "C"),
    ],
)
def test_a_value_that_scikit_learn_would_refuse_is_refused_in_words(classifier, options, name):
    """As `dvc exp run -S classifiers.text_baseline.options.C=0` gives it."""
    with pytest.raises(AisleError, match=f"{name}: "):
        model(classifier, **options)


@pytest.mark.parametrize("classifier", ["text_linear", "text_svm"])
def test_characters_tell_words_that_were_never_seen(classifier):
    texts = np.array(["ceramic mugs", "desk lamps", "ceramic mugs", "desk lamps"], object)
    sure = {}
    for analyzer in ("word", "char_wb"):
        options = TEXT | {"analyzer": analyzer, "ngram_range": [2, 4]}
        fitted = model(classifier, **options).estimator().fit(texts, ["Cups", "Lamps"] * 2)
        sure[analyzer] = fitted.predict_proba(np.array(["cermic mugg"], object))[0, 0]
    assert sure["word"] == pytest.approx(0.5) and sure["char_wb"] > 0.55
    with pytest.raises(AisleError, match="analyzer: "):
        model(classifier, **TEXT, analyzer="letters")


@pytest.mark.parametrize("classifier", ["text_linear", "text_svm"])
def test_texts_are_read_in_order_and_a_product_without_a_word_has_none(tmp_path, classifier):
    table = pd.DataFrame(
        {"product_id": list("cab"), "title_clean": ["mug", "", ""], "description_clean": ["red", "", "blue"]}
    )
    tables.write(table, tmp_path / "text.parquet", "tiny")
    inputs = model(classifier, **TEXT).read(tmp_path / "text.parquet")
    assert inputs.product_ids == list("cab")
    assert list(inputs.X) == ["mug\x1fred", "", "\x1fblue"]
    assert list(inputs.available) == [True, False, True] and inputs.available.dtype == bool
    assert (inputs.catalogue, inputs.weights) == ("tiny", "none")
    assert inputs.recipe == recipes.TextRecipe(**TEXT)


def feature_file(path, recipe, **metadata):
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    vectors[1] = np.nan
    known = {"encoder": "words", "catalogue": "tiny", "weights": "12ab", "recipe": recipe.model_dump_json()}
    vectors_file.write(vectors_file.Features(list("cab"), vectors, known | metadata), path)
    return vectors


def vector_recipe(modality="text", learned=False):
    return recipes.VectorRecipe(modality=modality, encoder="words", weights="none", learned=learned)


FEATURE_MODELS = [("feature_linear", {"n_components": 2}), ("feature_svm", {})]


@pytest.mark.parametrize(("classifier", "options"), FEATURE_MODELS)
def test_features_are_read_in_order_and_nan_is_no_input(tmp_path, classifier, options):
    vectors = feature_file(tmp_path / "f.parquet", vector_recipe())
    inputs = model(classifier, **options).read(tmp_path / "f.parquet")
    assert inputs.product_ids == list("cab")
    np.testing.assert_array_equal(inputs.X, vectors)
    assert list(inputs.available) == [True, False, True]
    assert (inputs.catalogue, inputs.weights, inputs.parts) == ("tiny", "12ab", ())
    assert inputs.recipe == vector_recipe()


def fused_recipe(**learned):
    text, picture = (
        vector_recipe(modality, learned.get(name, False))
        for name, modality in (("text", "text"), ("picture", "image"))
    )
    return recipes.FusedRecipe(text=text, picture=picture, picture_weight=0.5)


def test_fused_features_say_how_many_columns_are_of_each_modality(tmp_path):
    feature_file(tmp_path / "f.parquet", fused_recipe(), parts="384,1280")
    inputs = model("feature_linear", n_components=2).read(tmp_path / "f.parquet")
    assert inputs.parts == (384, 1280) and inputs.recipe == fused_recipe()


@pytest.mark.parametrize(("classifier", "options"), FEATURE_MODELS)
@pytest.mark.parametrize(
    "recipe",
    [vector_recipe(learned=True), fused_recipe(text=True), fused_recipe(picture=True)],
    ids=["one", "text of a fused set", "picture of a fused set"],
)
def test_features_that_have_seen_the_test_folds_are_refused(tmp_path, classifier, options, recipe):
    feature_file(tmp_path / "f.parquet", recipe)
    with pytest.raises(AisleError, match=r"f\.parquet must be of an encoder that learns nothing.*'words'"):
        model(classifier, **options).read(tmp_path / "f.parquet")


@pytest.fixture
def problem():
    """Return texts, vectors and labels of 40 products that are easy to tell apart."""
    rng = np.random.default_rng(0)
    labels = np.tile(["ant", "bee"], 20)
    texts = np.array([f"{label}word thing{rng.integers(4)}" for label in labels], object)
    return texts, (labels == "ant")[:, None] * 4 + rng.normal(0, 1, (40, 12)), labels


@pytest.mark.parametrize(
    ("classifier", "options"),
    [
        ("text_linear", TEXT),
        ("text_svm", TEXT),
        ("feature_linear", {"n_components": 5}),
        ("feature_svm", {}),
    ],
)
def test_an_estimator_learns_and_a_clone_is_unfitted(problem, classifier, options):
    texts, vectors, labels = problem
    X = texts if classifier.startswith("text") else vectors
    estimator = model(classifier, **options).estimator()
    fitted = clone(estimator).fit(X[:30], labels[:30])
    probabilities = fitted.predict_proba(X[30:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(fitted.classes_) == ["ant", "bee"]
    assert (fitted.classes_[probabilities.argmax(axis=1)] == labels[30:]).all()
    for unfitted in (estimator[-1], clone(fitted)[-1]):
        assert not [name for name in vars(unfitted) if name.endswith("_")]
    np.testing.assert_array_equal(clone(fitted).fit(X[:30], labels[:30]).predict_proba(X[30:]), probabilities)


def test_the_options_reach_the_estimator(problem):
    texts, vectors, labels = problem
    text = model("text_linear", **TEXT, C=3, min_df=5, ngram_range=(1, 1)).estimator().fit(texts, labels)
    assert text[-1].C == 3 and "antword thing0" not in text[0].vocabulary_
    feature = model("feature_linear", n_components=4, C=0.5).estimator().fit(vectors, labels)
    assert feature[-1].C == 0.5 and feature[-1].n_features_in_ == 4
    assert model("feature_svm", C=7).estimator()[-1].machine.C == 7
    text = model("text_svm", **TEXT, C=3, min_df=5, ngram_range=(1, 1)).estimator().fit(texts, labels)
    assert text[-1].machine.C == 3 and "antword thing0" not in text[0].vocabulary_


@pytest.mark.parametrize("n_components", [12, 13, 75])
def test_components_are_at_most_what_the_training_part_gives(problem, n_components):
    _, vectors, labels = problem
    estimator = model("feature_linear", n_components=n_components).estimator()
    assert estimator.fit(vectors, labels)[-1].n_features_in_ <= 12
    assert clone(estimator).fit(vectors[:6], labels[:6])[-1].n_features_in_ <= 6


def test_roots_keep_signs_and_length_is_one():
    np.testing.assert_allclose(signed_root(np.array([[4.0, -9.0, 0.0]])), [[2, -3, 0]])
    steps = model("feature_svm").estimator()[:-1]
    vectors = np.array([[4.0, -9.0], [16.0, 0.0]])
    np.testing.assert_allclose(steps.fit_transform(vectors), [[2 / 13**0.5, -3 / 13**0.5], [1, 0]])


def test_the_machines_sigmoids_are_those_of_scikit_learn(problem):
    _, vectors, labels = problem
    found = Platt(SVC()).fit(vectors, labels).predict_proba(vectors)
    expected = CalibratedClassifierCV(SVC(), cv=5, ensemble=False).fit(vectors, labels).predict_proba(vectors)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("counts", [(20, 20, 1), (20, 20, 2), (4, 4, 4), (3, 2, 2), (1, 1, 1)])
def test_categories_with_fewer_products_than_folds_are_learned_from(counts):
    """scikit-learn's class alone fails where all are so small."""
    rng = np.random.default_rng(0)
    names = ["ant", "bee", "cow"]
    labels = np.repeat(names, counts)
    vectors = (labels[:, None] == names) * 5 + rng.normal(0, 0.5, (len(labels), 3))
    if max(counts) < 5:
        with pytest.raises(ValueError, match="n_splits=5"):
            CalibratedClassifierCV(SVC(), ensemble=False).fit(vectors, labels)
    fitted = Platt(SVC()).fit(vectors, labels)
    probabilities = fitted.predict_proba(np.eye(3) * 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(fitted.classes_) == names
    if min(counts) > 2:
        assert list(probabilities.argmax(axis=1)) == [0, 1, 2]
    assert probabilities[2, 2] > 2 * probabilities[:2, 2].max()


@pytest.mark.parametrize("solver", ["multinomial", "one_vs_rest"])
def test_the_tree_of_categories_is_learned_from_words(solver):
    words = {"Clocks >> wall": "dial wall", "Clocks >> wrist": "dial strap", "Lamps": "bulb shade"}
    y = np.repeat(list(words), 8)
    texts = np.array([f"{words[name]} word{i % 4}" for i, name in enumerate(y)], dtype=object)
    for classifier in ("text_tree", "text_linear"):
        estimator = clone(model(classifier, **TEXT, solver=solver, min_df=1).estimator())
        assert list(estimator.fit(texts, y).predict(texts)) == list(y)
        np.testing.assert_allclose(estimator.predict_proba(texts).sum(axis=1), 1)
