"""stages/embed_text.py: one vector per product from the fields and form that the params name."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from aisle.catalogue import text_selection
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.representations import recipes, text_vectors, vectors_file
from aisle.representations.encoders import registry


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "product_id": list("cab"),
            "title_lemmas": ["red mug", "red clock", ""],
            "title_clean": ["the red mugs", "red clock", "!"],
            "description_lemmas": ["mug", "clock dial", ""],
        }
    )


@pytest.fixture
def encode(no_weights):
    """Return the stage's work for encoders without pretrained weights."""

    def encode(table, params):
        texts = text_selection.compose(table, params.fields, params.form)
        return np.concatenate([*text_vectors.encode_texts(texts, params, no_weights)[0]])

    return encode


def params(**changes):
    return text_vectors.TextEncoderParams(
        **{
            "encoder": "bow",
            "weights": "none",
            "fields": ["title"],
            "form": "lemmas",
            "options": {"min_df": 1},
        }
        | changes
    )


def test_counts_of_the_named_fields(table, encode):
    vectors = encode(table, params())
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors[:2], [[0, 1, 1], [1, 0, 1]])  # clock, mug, red
    both = encode(table, params(fields=["title", "description"]))
    np.testing.assert_array_equal(both[:2], [[0, 0, 2, 1], [2, 1, 0, 1]])
    assert encode(table, params(form="clean"))[0].sum() == 3


def test_a_product_without_a_word_has_no_vector(table, encode):
    """As the contract of feature files says: NaN where the product has no such input."""
    for encoder in ("bow", "tfidf"):
        vectors = encode(table, params(encoder=encoder))
        assert np.isnan(vectors[2]).all() and np.isfinite(vectors[:2]).all()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"options": {"min_df": 3}}, "bow"),
        ({"fields": ["brand"]}, "brand_lemmas"),
        ({"form": "words"}, "title_words"),
        ({"encoder": "bwo"}, "'bwo'"),
        ({"options": {"max_feature": 1}}, "max_feature"),
        ({"options": {"max_features": 0}}, "max_features"),
        ({"options": {"min_df": "many"}}, "min_df"),
    ],
)
def test_what_cannot_be_encoded_is_a_clear_error(table, changes, told, encode):
    with pytest.raises(AisleError, match=told):
        encode(table, params(**changes))


def test_texts_without_a_word_are_a_clear_error(table, encode):
    with pytest.raises(AisleError, match="words"):
        encode(table.assign(title_lemmas=""), params())


def test_the_feature_file(built):
    data = vectors_file.read(built.root / "features/text/tfidf.parquet")
    texts = tables.read(built.root / "data/text.parquet")
    assert data.product_ids == list(texts["product_id"])
    assert {"encoder": "tfidf", "weights": "none", "catalogue": "tiny"}.items() <= data.metadata.items()
    assert int(data.metadata["dimension"]) == data.vectors.shape[1] <= 2000
    np.testing.assert_allclose(np.linalg.norm(data.vectors, axis=1), 1, rtol=1e-5)
    entry = built.params["encoders"]["text"]["tfidf"]
    recipe = recipes.loads(data.metadata["recipe"])
    assert recipe == recipes.VectorRecipe(modality="text", learned=True, **entry)
    assert recipes.modalities(recipe) == {"text"} and recipes.vectors(recipe) == [recipe]


@pytest.mark.parametrize(
    ("encoder", "weights", "learned"),
    [
        ("bow", "none", True),
        ("word2vec", "none", True),
        ("transformer", "minilm", False),
        ("use", "use", False),
    ],
)
def test_an_encoder_says_whether_it_learns_from_the_catalogue(encoder, weights, learned):
    entry = params(encoder=encoder, weights=weights)
    assert registry.learns("text", entry) is learned


class Lengths:
    """An encoder that learns nothing: characters and words of a text."""

    __module__ = "aisle.representations.encoders.text.bow"
    stateless = True

    def __init__(self):
        self.batches = []

    def get_params(self, deep=True):
        return {}

    def get_feature_names_out(self):
        return np.array(["characters", "words"])

    def transform(self, texts):
        self.batches.append(list(texts))
        return np.array([[len(item), len(item.split())] for item in texts])


@pytest.fixture
def lengths(monkeypatch, tmp_path):
    """Return the encoder that every entry of params.yaml now stands for, and an item cache for it."""
    encoder = Lengths()
    monkeypatch.setattr(registry, "create", lambda modality, params, weights: encoder)
    monkeypatch.setattr(text_vectors, "BATCH", 2)
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))
    return encoder


def test_an_encoder_that_learns_nothing_is_asked_once_for_each_text(table, lengths, encode):
    table = pd.concat([table, table.iloc[:1].assign(product_id="d")], ignore_index=True)
    right = [[7, 2], [9, 2], [np.nan, np.nan], [7, 2]]
    np.testing.assert_array_equal(encode(table, params()), right)
    assert lengths.batches == [["red mug", "red clock"]]
    more = pd.concat([table, table.iloc[:1].assign(title_lemmas="a b c")], ignore_index=True)
    vectors = encode(more, params())
    np.testing.assert_array_equal(vectors, [*right, [5, 3]])
    assert vectors.dtype == np.float32 and lengths.batches[1:] == [["a b c"]]


def test_without_any_text_there_is_no_vector_and_no_error(table, lengths, encode):
    assert np.isnan(encode(table.assign(title_lemmas=""), params())).all()


def test_an_encoder_that_learns_is_fitted_on_all_texts(table, monkeypatch, tmp_path, encode):
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))
    first = encode(table, params(encoder="tfidf"))
    assert encode(table.iloc[:1], params(encoder="tfidf")).shape[1] < first.shape[1]
    assert not (tmp_path / "items").exists()


def test_a_product_whose_words_are_all_rare_has_no_vector(table, encode):
    """It is as unknown to word2vec as one without text; no vector is better than a wrong one."""
    table["title_lemmas"] = ["red mug red", "red mug", "clock"]
    vectors = encode(table, params(encoder="word2vec", options={"vector_size": 4, "epochs": 1}))
    assert vectors.shape == (3, 4) and vectors.dtype == np.float32
    assert np.isnan(vectors).all(axis=1).tolist() == [False, False, True]


def test_the_file_is_the_same_however_many_rows_are_in_memory(built, no_weights, tmp_path, monkeypatch):
    texts = built.root / "data/text.parquet"
    for name, changes in (("whole", 4096), ("parts", 5)):
        monkeypatch.setattr(text_vectors, "ROWS", changes)
        text_vectors.write(texts, "bow", params(), no_weights, tmp_path / name)
    whole, parts = (vectors_file.read(tmp_path / name) for name in ("whole", "parts"))
    assert pq.ParquetFile(tmp_path / "parts").num_row_groups > 2
    assert whole.product_ids == parts.product_ids and whole.metadata == parts.metadata
    np.testing.assert_array_equal(whole.vectors, parts.vectors)
