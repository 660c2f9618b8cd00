"""catalogue/cosine_pairs.py and character_vectors.py: no pair is missed, against all pairs, to the bit."""

import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from aisle.catalogue import character_vectors, cosine_pairs, near_duplicates
from tools import all_pairs
from tools.scale import drawn

SHARED = Path(os.environ.get("AISLE_SHARED") or Path(__file__).parents[4] / "shared") / "catalogues"


def same(texts: pd.Series, threshold: float) -> pd.DataFrame:
    """Return the pairs, which must be those of all pairs, to the last digit."""
    found, expected = near_duplicates.text_pairs(texts, threshold), all_pairs.text_pairs(texts, threshold)
    pd.testing.assert_frame_equal(found, expected.astype(found.dtypes), check_exact=True)
    return found


@given(st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1, max_size=25), st.floats(0.05, 1))
def test_any_texts_have_the_pairs_of_all_pairs(texts, threshold):
    same(pd.Series([*texts, "abc"], dtype=object), threshold)


@given(st.lists(st.text("aB\u0130?!\t\xa0\x1c ", max_size=6), min_size=1, max_size=12))
def test_vectors_of_any_texts_are_scikit_learns(texts):
    """Words of one letter, of signs alone, of letters that get longer in lower case; spaces of any kind."""
    texts = pd.Series([*texts, "?!", "abc"], dtype=object)
    found, expected = character_vectors.vectors(texts), all_pairs.vectors(texts)
    assert np.array_equal(found.indptr, expected.indptr) and np.array_equal(found.data, expected.data)


@given(st.integers(0, 2**32), st.floats(0.05, 1))
def test_any_vectors_have_the_pairs_of_all_pairs(seed, threshold):
    rng = np.random.default_rng(seed)
    dense = rng.random((30, 12)) * (rng.random((30, 12)) < 0.4)
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    left, right = cosine_pairs.pairs(csr_matrix(dense.astype(np.float32)), threshold)
    cosine = dense @ dense.T
    sure = {(i, j) for i, j in np.argwhere(np.triu(cosine >= threshold, 1)).tolist()}
    found = {*zip(left.tolist(), right.tolist(), strict=True)}
    assert sure <= found and all(cosine[pair] >= threshold - 2e-4 for pair in found)


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_columns_of_one_row_alone_have_no_part_in_a_cosine_of_two(seed, block):
    rng = np.random.default_rng(seed)
    dense = (rng.random((9, 15)) * (rng.random((9, 15)) < 0.2)).astype(np.float32)
    with patch.object(cosine_pairs, "BLOCK", block):
        shared = cosine_pairs.shared_columns(csr_matrix(dense))
    assert np.array_equal(shared.toarray(), dense * ((dense > 0).sum(axis=0) > 1))
    assert cosine_pairs.shared_columns(shared) is shared


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_drawn_texts_have_the_pairs_of_all_pairs(threshold):
    assert len(same(drawn.texts(1500), threshold)) > 50


def test_small_blocks_give_the_same(monkeypatch):
    texts = drawn.texts(700)
    expected = near_duplicates.text_pairs(texts, 0.8)
    monkeypatch.setattr(cosine_pairs, "BLOCK", 50)
    assert len(expected) > 10 and near_duplicates.text_pairs(texts, 0.8).equals(expected)


def test_vectors_are_scikit_learns_in_the_same_order():
    texts = drawn.texts(300)
    texts[40:60] = ""
    found, expected = character_vectors.vectors(texts), all_pairs.vectors(texts)
    assert np.array_equal(found.indptr, expected.indptr) and np.array_equal(found.data, expected.data)
    assert found.shape == expected.shape and found.dtype == expected.dtype


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
@pytest.mark.parametrize(
    ("place", "column", "least"),
    [
        ("flipkart20k/flipkart_20k.csv", "product_name", 100_000),
        ("flipkart1050/flipkart_com-ecommerce_sample_1050.csv", "description", 510),
    ],
)
def test_real_texts_have_the_pairs_of_all_pairs(place, column, least):
    texts = pd.read_csv(SHARED / place, usecols=[column], keep_default_na=False)[column]
    assert len(same(texts, 0.8)) >= least
