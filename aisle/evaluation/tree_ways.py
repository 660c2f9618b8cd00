"""The most probable node of a tree at each depth, and how deep a product is put."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aisle.catalogue.taxonomy import Tree


def node_probabilities(probability: np.ndarray, tree: Tree) -> np.ndarray:
    """Return the probability of each node: the sum over the labels at and below it.

    Parameters
    ----------
    probability
        (n, labels).
    tree
        Of these labels.

    Returns
    -------
    numpy.ndarray
        (n, nodes), in the order of `tree.nodes`.
    """
    labels, level = np.nonzero(tree.above >= 0)
    shape = (len(tree.labels), len(tree.nodes))
    below = csr_array((np.ones(len(labels)), (labels, tree.above[labels, level])), shape=shape)
    return np.asarray(probability @ below)


@dataclass(frozen=True)
class Ways:
    """The most probable node of each depth, of n products.

    Attributes
    ----------
    node, probability
        (n, height); nodes by their place in `Tree.nodes`.
    """

    node: np.ndarray
    probability: np.ndarray


def ways(probability: np.ndarray, tree: Tree, block: int = 4096) -> Ways:
    """Return the most probable node of each depth, from the labels' probabilities (n, labels)."""
    shape = (len(probability), tree.height)
    node, best = np.empty(shape, int), np.empty(shape)
    places = [np.flatnonzero(tree.depths == level + 1) for level in range(tree.height)]
    for start in range(0, len(probability), block):  # bounds memory
        rows = slice(start, start + block)
        sums = node_probabilities(probability[rows], tree)
        for level, columns in enumerate(places):
            chosen = sums[:, columns].argmax(axis=1)
            node[rows, level] = columns[chosen]
            best[rows, level] = sums[np.arange(len(sums)), columns[chosen]]
    return Ways(node, best)


def decided_depth(found: Ways, thresholds: np.ndarray) -> np.ndarray:
    """Return how deep each product is put: to the deepest node that is certain enough, 0 if none is.

    Parameters
    ----------
    found
        From calibrated probabilities.
    thresholds
        Probability that a node of each depth must have, (height,) or one row per product (n, height). From
        `thresholds_by_depth`, so that a node that is certain enough has only such nodes above it.
    """
    certain = found.probability >= thresholds
    return (certain * np.arange(1, certain.shape[1] + 1)).max(axis=1)
