"""aisle/clustering.py: PCA, t-SNE and KMeans against known categories."""

import numpy as np
import pytest

from aisle import clustering
from aisle.clustering import ClusteringParams, study

PARAMS = ClusteringParams(max_components=10, perplexity=15, n_iter=120, n_seeds=3, seed=0)
CATEGORIES = np.repeat(["a", "b", "c"], 25)


@pytest.fixture(scope="module")
def blobs():
    """Return 75 points around 3 centres, far from each other."""
    rng = np.random.default_rng(0)
    return (np.repeat(rng.normal(0, 20, (3, 12)), 25, axis=0) + rng.normal(0, 1, (75, 12))).astype(np.float32)


@pytest.fixture(scope="module", params=["l2", "standard"])
def found(request, blobs):
    return study(blobs, CATEGORIES, request.param, PARAMS)


def test_separate_blobs_are_the_categories(found):
    metrics, xy, clusters = found
    assert metrics["ari"] == pytest.approx(1) and metrics["ari_sd"] == pytest.approx(0)
    assert metrics["silhouette"] > 0.5 and metrics["silhouette_categories"] > 0.5
    assert (metrics["n"], metrics["k"], metrics["components"]) == (75, 3, 10)
    assert 0.9 < metrics["variance"] <= 1
    assert xy.shape == (75, 2) and np.isfinite(xy).all()
    assert sorted(np.unique(clusters)) == [0, 1, 2] and len(clusters) == 75


def test_random_labels_agree_by_chance_only(blobs):
    labels = np.random.default_rng(1).permutation(CATEGORIES)
    metrics, _, _ = study(blobs, labels, "standard", PARAMS)
    assert abs(metrics["ari"]) < 0.1
    assert metrics["silhouette_categories"] < 0.1


def test_the_same_seed_gives_the_same_bytes_another_does_not(blobs, found, request):
    scaling = request.node.callspec.params["found"]
    metrics, xy, clusters = study(blobs, CATEGORIES, scaling, PARAMS)
    assert metrics == found[0]
    assert xy.tobytes() == found[1].tobytes() and clusters.tobytes() == found[2].tobytes()
    other = study(blobs, CATEGORIES, scaling, PARAMS.model_copy(update={"seed": 7}))
    assert other[1].tobytes() != xy.tobytes()


def test_a_seeds_map_does_not_depend_on_the_seeds_before_it(blobs):
    components, _ = clustering.reduce(blobs, "standard", 10)
    together = dict(clustering.tsne(components, PARAMS, [3, 4]))
    alone = dict(clustering.tsne(components, PARAMS, [4]))
    assert together[4].tobytes() == alone[4].tobytes()
    assert together[3].tobytes() != together[4].tobytes()


def test_the_categories_judge_but_do_not_form_the_clusters(blobs, found, request):
    scaling = request.node.callspec.params["found"]
    _, xy, clusters = study(blobs, np.random.default_rng(2).permutation(CATEGORIES), scaling, PARAMS)
    assert xy.tobytes() == found[1].tobytes() and clusters.tobytes() == found[2].tobytes()


@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 1), (5, 2), (8, 3), (30, 1)])
def test_too_few_products_have_no_figures(n, k):
    X = np.random.default_rng(0).random((n, 4), np.float32)
    metrics, xy, clusters = study(X, np.array([f"c{i % max(k, 1)}" for i in range(n)], str), "l2", PARAMS)
    assert (metrics["n"], metrics["k"]) == (n, k)
    for name in ("ari", "ari_sd", "silhouette", "silhouette_sd", "silhouette_categories"):
        assert metrics[name] is None
    assert xy.shape == (n, 2) and clusters.shape == (n,)


@pytest.mark.parametrize("n", [6, 9])
def test_the_perplexity_is_lowered_on_few_products(n, caplog):
    X = np.random.default_rng(0).random((n, 4), np.float32)
    metrics, xy, _ = study(X, np.array(["a", "b", "b"] * (n // 3)), "standard", PARAMS)
    assert metrics["components"] == min(4, n - 1)
    assert np.isfinite([metrics["ari"], metrics["silhouette"]]).all() and np.isfinite(xy).all()
    assert not caplog.records, "openTSNE lowers it too, with a warning"


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("scaling", ["l2", "standard"])
@pytest.mark.parametrize("value", [0, 1])
def test_products_that_are_all_the_same(scaling, value):
    metrics, _, _ = study(np.full((20, 5), value, np.float32), np.array(["a", "b"] * 10), scaling, PARAMS)
    assert abs(metrics["ari"]) < 0.3


def test_reduce_keeps_what_was_asked_for(blobs):
    for scaling in ("l2", "standard"):
        components, variance = clustering.reduce(blobs, scaling, 4)
        assert components.shape == (75, 4) and components.dtype == np.float64
        assert (np.diff(variance) <= 0).all() and variance.sum() < 1
        np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-9)
    assert clustering.reduce(blobs[:3], "l2", 100)[0].shape == (3, 2)


def test_scaling(blobs):
    stretched = blobs * np.r_[1000, np.ones(11)]
    np.testing.assert_allclose(
        *(np.abs(clustering.reduce(X, "standard", 3)[0]) for X in (blobs, stretched)), atol=1e-2
    )
    longer = blobs * np.linspace(1, 9, 75)[:, None]
    np.testing.assert_allclose(
        *(np.abs(clustering.reduce(X, "l2", 3)[0]) for X in (blobs, longer)), atol=1e-4
    )
