"""representations/picture_means.py: the mean of a product's pictures, to the bit the same in any order."""

import numpy as np
import pytest

from aisle.representations.picture_means import by_product


def test_means():
    vectors = np.array([[1, 2], [3, 4], [5, 6], [0.1, 0.2]], np.float32)
    found = by_product(vectors, np.array([0, 2, 0, 3]), 5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[[0, 2, 3]], vectors[[0, 1, 3]] * 0 + [[3, 4], [3, 4], vectors[3]])
    assert np.isnan(found[[1, 4]]).all()


def test_no_picture_at_all():
    assert by_product(np.empty((0, 3), np.float32), np.array([], int), 2).shape == (2, 3)


@pytest.mark.parametrize("count", [2, 3, 7, 50])
def test_no_bit_depends_on_the_order(count):
    rng = np.random.default_rng(count)
    vectors = (rng.normal(size=(count, 64)) * 10.0 ** rng.integers(-8, 8, (count, 64))).astype(np.float32)
    first = by_product(vectors, np.zeros(count, int), 1)
    for _ in range(20):
        order = rng.permutation(count)
        np.testing.assert_array_equal(by_product(vectors[order], np.zeros(count, int), 1), first)
    np.testing.assert_allclose(first[0], vectors.astype(float).mean(0), rtol=1e-6, atol=1e-10)
