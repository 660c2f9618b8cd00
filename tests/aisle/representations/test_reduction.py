"""representations/reduction.py: principal components, and the elbow of what they explain."""

import numpy as np
import pytest

from aisle.representations import reduction


@pytest.fixture(scope="module")
def blobs():
    """Return 75 points around 3 centres, far from each other."""
    rng = np.random.default_rng(0)
    return (np.repeat(rng.normal(0, 20, (3, 12)), 25, axis=0) + rng.normal(0, 1, (75, 12))).astype(np.float32)


@pytest.mark.parametrize(
    ("variance", "expected"),
    [
        ([0.5, 0.3, 0.1, 0.05, 0.05], 2),  # above the chord by 0.3, 0.4, 0.3, 0.15, 0
        ([0.9, 0.05, 0.03, 0.02], 1),
        ([0.3, 0.3, 0.3, 0.05, 0.05], 3),
        ([0.25] * 4, 1),  # no elbow: the curve is its chord
        ([1.0], 1),
    ],
)
def test_the_elbow_is_farthest_from_the_chord(variance, expected):
    variance = np.array(variance)
    assert reduction.elbow(variance) == expected
    above = np.cumsum(variance) - np.arange(1, len(variance) + 1) / len(variance)
    assert above[expected - 1] == pytest.approx(above.max())


def test_reduce_keeps_what_was_asked_for(blobs):
    for scaling in ("l2", "standard", "none"):
        components, variance = reduction.reduce(blobs, scaling, 4)
        assert components.shape == (75, 4) and components.dtype == np.float64
        assert (np.diff(variance) <= 0).all() and variance.shape == (12,)
        assert variance.sum() == pytest.approx(1)
        np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-5)
    assert reduction.reduce(blobs[:3], "l2", 100)[0].shape == (3, 2)
    assert reduction.reduce(blobs, "standard", "elbow")[0].shape == (
        75,
        2,
    )  # three centres lie in a plane


def test_all_components_keep_every_distance(blobs):
    components, _ = reduction.reduce(blobs, "none", "all")
    for i, j in ((0, 1), (3, 70)):
        expected = np.linalg.norm(blobs[i] - blobs[j])
        assert np.linalg.norm(components[i] - components[j]) == pytest.approx(expected, rel=1e-5)


def test_scaling(blobs):
    stretched = blobs * np.r_[1000, np.ones(11)]
    np.testing.assert_allclose(
        *(np.abs(reduction.reduce(X, "standard", 3)[0]) for X in (blobs, stretched)), atol=1e-2
    )
    longer = blobs * np.linspace(1, 9, 75)[:, None]
    np.testing.assert_allclose(*(np.abs(reduction.reduce(X, "l2", 3)[0]) for X in (blobs, longer)), atol=1e-4)


@pytest.mark.parametrize("scaling", ["l2", "standard"])
def test_wide_features_have_the_same_components(scaling, monkeypatch):
    """Found from the products' inner products where there are many more values than products."""
    X = np.random.default_rng(3).normal(size=(20, 200)) * np.linspace(1, 3, 200)
    wide, shares = reduction.reduce(X, scaling, "all")
    monkeypatch.setattr(reduction, "WIDE", 1000)
    usual, expected = reduction.reduce(X, scaling, "all")
    assert wide.shape == usual.shape == (20, 19)
    np.testing.assert_allclose(shares, expected, rtol=1e-8)
    np.testing.assert_allclose(np.abs(wide), np.abs(usual), rtol=1e-6, atol=1e-8)
