"""encoders/text and the registry: scikit-learn transformers chosen by the name of their file."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from aisle.pipeline.errors import AisleError
from aisle.representations.encoders import registry

TEXTS = [
    "red ceramic mug coffee",
    "blue ceramic mug tea mug",
    "wall clock red dial",
    "alarm clock dial battery",
    "",
    "battery lamp red shade",
    "desk lamp shade blue",
]
NAMES = ["bow", "tfidf"]


def encoder(name, **options):
    options = {"min_df": 1} | options
    return registry.create("text", registry.EncoderParams(encoder=name, weights="none", options=options), "")


@pytest.mark.parametrize(
    ("modality", "params", "told"),
    [
        ("text", {"encoder": "bwo"}, ["'bwo'", "bow", "tfidf"]),
        ("text", {"encoder": "descriptors"}, ["'descriptors'", "bow"]),
        ("text", {"encoder": "__init__"}, ["'__init__'", "bow"]),
        ("image", {"encoder": "bow"}, ["'bow'", "descriptors"]),
        (
            "text",
            {"encoder": "bow", "options": {"max_feature": 5}},
            ["max_feature", "max_features, min_df, ngram_range"],
        ),
        ("text", {"encoder": "tfidf", "options": {"vocabulary": ["a"]}}, ["vocabulary", "max_features"]),
        ("text", {"encoder": "bow", "weights": "minilm"}, ["'minilm'", "'bow'", "none"]),
        ("text", {"encoder": "transformer"}, ["'transformer'", "found none"]),
        ("image", {"encoder": "clip", "weights": "c", "options": {"weights": "x"}}, ["weights", "precision"]),
        ("image", {"encoder": "descriptors", "options": {"height": 3}}, ["height", "side, blocks"]),
        ("image", {"encoder": "descriptors", "options": {"blocks": ["lpb"]}}, ["lpb", "colour, lbp, glcm"]),
    ],
)
def test_what_is_unknown_is_named_with_the_choices(modality, params, told):
    with pytest.raises(AisleError) as error:
        registry.create(modality, registry.EncoderParams(**{"weights": "none"} | params), "folder")
    assert all(part in str(error.value) for part in told), str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_row_i_is_of_text_i(name):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    vectors = encoder(name).fit_transform(TEXTS).toarray()
    permuted = encoder(name).fit_transform([TEXTS[i] for i in order]).toarray()
    np.testing.assert_allclose(permuted, vectors[order], rtol=1e-12)
    assert len({row.tobytes() for row in vectors}) == len(TEXTS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"max_features": 4}, {"min_df": 2}, {"ngram_range": [1, 2]}])
def test_names_of_the_columns(name, options):
    made = encoder(name, **options)
    vectors = made.fit_transform(TEXTS)
    terms = list(made.get_feature_names_out())
    assert vectors.shape == (len(TEXTS), len(terms)) and terms == sorted(terms)
    assert options.get("max_features", 99) >= len(terms)
    assert ("ceramic mug" in terms) == ("ngram_range" in options)
    assert ("tea" in terms) == (options == {} or "ngram_range" in options)


@pytest.mark.parametrize("name", NAMES)
def test_a_clone_is_unfitted_and_has_the_options(name):
    made = encoder(name, max_features=7, ngram_range=(1, 2))
    made.fit(TEXTS)
    copy = clone(made)
    assert not hasattr(copy, "vocabulary_")
    assert copy.get_params() == made.get_params()
    assert copy.get_params().items() >= {"max_features": 7, "min_df": 1, "ngram_range": (1, 2)}.items()
    np.testing.assert_allclose(
        copy.fit_transform(TEXTS).toarray(), made.transform(TEXTS).toarray(), rtol=1e-12
    )


@pytest.mark.parametrize("name", NAMES)
def test_set_params_takes_effect(name):
    """As a grid search sets them."""
    made = encoder(name).set_params(ngram_range=(1, 2))
    assert "ceramic mug" in made.fit(TEXTS).get_feature_names_out()


@pytest.mark.parametrize("name", NAMES)
def test_transform_knows_what_fit_saw_only(name):
    made = encoder(name).fit(TEXTS[:2])
    assert made.transform(["clock dial"]).nnz == 0
    assert made.transform(["red clock"]).nnz == 1


def test_bow_counts():
    made = encoder("bow")
    vectors = made.fit_transform(TEXTS).toarray()
    assert vectors[1][list(made.get_feature_names_out()).index("mug")] == 2
    assert vectors[4].sum() == 0


def test_tfidf_rows_have_length_1_or_0_and_damp_counts():
    made = encoder("tfidf")
    vectors = made.fit_transform(TEXTS).toarray()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 1, 0, 1, 1])
    names = list(made.get_feature_names_out())
    columns = [names.index("mug"), names.index("tea")]
    once, twice = (made.transform([text]).toarray()[0][columns] for text in ("mug tea", "mug mug tea"))
    ratio = twice / once
    assert ratio[0] / ratio[1] == pytest.approx(1 + np.log(2))


def test_a_fitted_tfidf_is_the_same_bytes_in_every_process():
    """scikit-learn keeps id(stop_words): an address, which a model's file must not hold."""
    fitted = encoder("tfidf").fit(["a big cat", "a big dog"])
    written = pickle.dumps(fitted)
    assert hasattr(fitted, "_stop_words_id") and b"_stop_words_id" not in written
    np.testing.assert_array_equal(
        pickle.loads(written).transform(["big cat"]).toarray(), fitted.transform(["big cat"]).toarray()
    )
