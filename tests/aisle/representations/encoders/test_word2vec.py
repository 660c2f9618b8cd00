"""word2vec.py: TF-IDF-weighted means of word vectors, the same bytes each time."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from aisle.pipeline.errors import AisleError
from aisle.representations.encoders import registry
from aisle.representations.encoders.text.word2vec import MeanWord2Vec

REPO = Path(__file__).parents[4]
TEXTS = [
    "red ceramic mug coffee coffee",
    "blue ceramic mug tea mug",
    "wall clock red dial",
    "alarm clock dial battery unique",
    "",
    "battery lamp red shade",
    "desk lamp shade blue",
]
SMALL = {"vector_size": 8, "epochs": 5}


@pytest.fixture(scope="module")
def fitted():
    return MeanWord2Vec(**SMALL).fit(TEXTS)


@pytest.mark.parametrize("text", ["red mug", "coffee coffee coffee red", "blue unseen unique", "battery"])
def test_a_vector_is_the_mean_of_the_words_weighted_by_tf_idf(fitted, text):
    """Term frequency x scikit-learn's smooth idf, ln((1 + n) / (1 + df)) + 1, by hand."""
    vocabulary = fitted.tfidf_.vocabulary_
    weight = {
        word: text.split().count(word) * (np.log(8 / (1 + sum(word in t.split() for t in TEXTS))) + 1)
        for word in set(text.split()) & set(vocabulary)
    }
    mean = sum(w * fitted.vectors_[vocabulary[word]].astype(float) for word, w in weight.items())
    np.testing.assert_allclose(fitted.transform([text])[0], mean / sum(weight.values()), rtol=1e-5)


def test_the_vocabulary_is_of_words_that_come_min_count_times(fitted):
    """Coffee comes twice, in one text."""
    words = {"red", "ceramic", "mug", "coffee", "blue", "clock", "dial", "battery", "lamp", "shade"}
    assert set(fitted.tfidf_.vocabulary_) == words and fitted.vectors_.shape == (10, 8)
    assert {"tea", "unique"} < set(MeanWord2Vec(**SMALL, min_count=1).fit(TEXTS).tfidf_.vocabulary_)


def test_a_text_without_a_known_word_has_no_vector(fitted):
    vectors = fitted.transform(["", "unseen unique", "red", "Red"])
    assert np.isnan(vectors).all(axis=1).tolist() == [True, True, False, True]
    assert vectors.dtype == np.float32 and vectors.shape == (4, len(fitted.get_feature_names_out()))


def test_row_i_is_of_text_i_in_any_order_and_batch(fitted):
    vectors = fitted.transform(TEXTS)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    shuffled = [TEXTS[i] for i in order]
    np.testing.assert_array_equal(fitted.transform(shuffled), vectors[order])
    np.testing.assert_array_equal(fitted.transform(TEXTS[2:3])[0], vectors[2])
    again = MeanWord2Vec(**SMALL).fit(shuffled)
    np.testing.assert_array_equal(again.transform(TEXTS), vectors)


@pytest.mark.parametrize("option", [{"seed": 1}, {"sg": 0}, {"window": 1}, {"epochs": 6}])
def test_each_option_of_the_training_counts(option):
    texts = [" ".join(f"w{i * j % 97}" for j in range(1, 40)) for i in range(20)]
    first = MeanWord2Vec(**SMALL).fit(texts)
    other = clone(first).set_params(**option).fit(texts)
    assert other.tfidf_.vocabulary_ == first.tfidf_.vocabulary_
    assert not np.array_equal(other.vectors_, first.vectors_)


def test_words_of_the_same_context_are_near():
    texts = [f"{drink} cup handle" for drink in ("tea", "coffee")] * 40
    texts += [f"{metal} screw tool" for metal in ("steel", "brass")] * 40
    tea, coffee, steel = MeanWord2Vec(20, epochs=50).fit(texts).transform(["tea", "coffee", "steel"])

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    assert cosine(tea, coffee) > cosine(tea, steel) + 0.2


CODE = """
import sys
from hashlib import sha256
from aisle.representations.encoders.text.word2vec import MeanWord2Vec
texts = [" ".join(f"w{i * j % 97}" for j in range(1, 40)) for i in range(300)]
print(sha256(MeanWord2Vec(50, epochs=3, sg=int(sys.argv[1])).fit_transform(texts).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("sg", [0, 1])
def test_the_same_bytes_in_two_processes(sg):
    """Python's hash of a string, in which sets and gensim's default would follow it, differs between them."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", CODE, str(sg)],
            cwd=REPO,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPO)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert digests[0] == digests[1] and len(digests[0].strip()) == sha256().digest_size * 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"vector_size": 0}, "vector_size must be .* not 0"),
        ({"epochs": "many"}, "epochs must be .* not 'many'"),
        ({"min_count": 9}, "min_count must leave words"),
        ({"window": 2.5}, "window"),
        ({"sg": 2}, "sg must be 0 or 1, not 2"),
    ],
)
def test_wrong_options_are_a_clear_error(options, told):
    made = registry.create(
        "text", registry.EncoderParams(encoder="word2vec", weights="none", options=options), ""
    )
    with pytest.raises(AisleError, match=told):
        made.fit(TEXTS)


@pytest.mark.parametrize("texts", [[], [""], ["a b c"]])
def test_texts_without_words_are_a_clear_error(texts):
    with pytest.raises(AisleError, match="words"):
        MeanWord2Vec().fit(texts)
