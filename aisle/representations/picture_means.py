"""A product's vector is the mean of its pictures' vectors, whatever their order."""

from itertools import pairwise

import numpy as np


def by_product(vectors: np.ndarray, owners: np.ndarray, n: int) -> np.ndarray:
    """Return float32 (n, dimension): of each product the mean of its pictures, NaN where it has none.

    The sum is taken of sorted values, so that no bit depends on the order of the pictures. The vector of a
    single picture stays as it is.

    Parameters
    ----------
    vectors
        float32 (m, dimension), of m pictures.
    owners
        int (m,), the position of each picture's product, from 0 to n - 1.
    n
        Products.
    """
    means = np.full((n, vectors.shape[1]), np.nan, np.float32)
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(n + 1))
    for product, (start, end) in enumerate(pairwise(bounds)):
        if own := end - start:
            values = vectors[order[start:end]]
            means[product] = values[0] if own == 1 else np.sort(values.astype(float), axis=0).mean(axis=0)
    return means
