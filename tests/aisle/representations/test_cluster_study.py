"""representations/cluster_study.py: PCA, t-SNE and KMeans against known categories."""

import numpy as np
import pandas as pd
import pytest

from aisle.representations import cluster_study
from aisle.representations.cluster_study import ClusteringParams, study
from aisle.representations.reduction import elbow

PARAMS = ClusteringParams(components=10, perplexity=15, n_iter=400, max_k=6, n_seeds=3, seed=0)
CATEGORIES = np.repeat(["a", "b", "c"], 25)
SCORES = ("ari", "silhouette", "ari_best_k", "silhouette_best_k")


@pytest.fixture(scope="module")
def blobs():
    """Return 75 points around 3 centres, far from each other."""
    rng = np.random.default_rng(0)
    return (np.repeat(rng.normal(0, 20, (3, 12)), 25, axis=0) + rng.normal(0, 1, (75, 12))).astype(np.float32)


@pytest.fixture(scope="module", params=["l2", "standard", "none"])
def found(request, blobs):
    return study(blobs, CATEGORIES, request.param, PARAMS)


def test_separate_blobs_are_the_categories(found):
    metrics = found.metrics
    assert metrics["ari"] == pytest.approx(1) and metrics["ari_sd"] == pytest.approx(0)
    assert metrics["silhouette"] > 0.5 and metrics["silhouette_categories"] > 0.5
    assert (metrics["n"], metrics["k"], metrics["components"]) == (75, 3, 10)
    assert 0.9 < metrics["variance"] <= 1
    assert found.points.columns.tolist() == ["x", "y", "cluster", "cluster_best", "silhouette"]
    assert len(found.points) == 75
    assert np.isfinite(found.points).all(axis=None)
    assert sorted(found.points["cluster"].unique()) == [0, 1, 2]


def test_the_best_k_is_found_without_the_categories(blobs, found):
    assert found.metrics["best_k"] == 3 and found.metrics["ari_best_k"] == pytest.approx(1)
    two = study(blobs, np.repeat(["a", "b"], [25, 50]), "standard", PARAMS)
    assert (two.metrics["k"], two.metrics["best_k"]) == (2, 3)
    assert two.metrics["silhouette_best_k"] > two.metrics["silhouette"]
    assert two.points["cluster"].nunique() == 2 and two.points["cluster_best"].nunique() == 3


def test_the_best_k_is_at_most_max_k(blobs):
    metrics = study(blobs, CATEGORIES, "standard", PARAMS.model_copy(update={"max_k": 2})).metrics
    assert (metrics["k"], metrics["best_k"]) == (3, 2)
    assert metrics["ari"] == pytest.approx(1) and metrics["ari_best_k"] < 0.7


def test_random_labels_agree_by_chance_only(blobs):
    labels = np.random.default_rng(1).permutation(CATEGORIES)
    metrics = study(blobs, labels, "standard", PARAMS).metrics
    assert abs(metrics["ari"]) < 0.1
    assert metrics["silhouette_categories"] < 0.1


def test_the_same_seed_gives_the_same_bytes_another_does_not(blobs, found, request):
    scaling = request.node.callspec.params["found"]
    again = study(blobs, CATEGORIES, scaling, PARAMS)
    assert again.metrics == found.metrics
    pd.testing.assert_frame_equal(again.points, found.points, check_exact=True)
    pd.testing.assert_frame_equal(again.categories, found.categories, check_exact=True)
    other = study(blobs, CATEGORIES, scaling, PARAMS.model_copy(update={"seed": 7}))
    assert not other.points["x"].equals(found.points["x"])


def test_the_categories_judge_but_do_not_form_the_clusters(blobs, found, request):
    scaling = request.node.callspec.params["found"]
    other = study(blobs, np.random.default_rng(2).permutation(CATEGORIES), scaling, PARAMS)
    columns = ["x", "y", "cluster", "cluster_best"]
    pd.testing.assert_frame_equal(other.points[columns], found.points[columns], check_exact=True)
    assert other.points["silhouette"].max() < found.points["silhouette"].min()


@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 1), (5, 2), (8, 3), (30, 1)])
def test_too_few_products_have_no_figures(n, k):
    X = np.random.default_rng(0).random((n, 4), np.float32)
    few = study(X, np.array([f"c{i % max(k, 1)}" for i in range(n)], str), "l2", PARAMS)
    assert (few.metrics["n"], few.metrics["k"]) == (n, k)
    assert {value for name, value in few.metrics.items() if name not in ("n", "k")} == {None}
    assert len(few.points) == n and len(few.categories) == 0


def test_metrics_have_the_same_entries_whether_products_are_few(found, blobs):
    assert found.metrics.keys() == study(blobs[:3], CATEGORIES[:3], "l2", PARAMS).metrics.keys()


@pytest.mark.parametrize("n", [6, 9])
def test_the_perplexity_is_lowered_on_few_products(n, caplog):
    X = np.random.default_rng(0).random((n, 4), np.float32)
    few = study(X, np.array(["a", "b", "b"] * (n // 3)), "standard", PARAMS)
    assert few.metrics["components"] == min(4, n - 1)
    assert np.isfinite([few.metrics[name] for name in SCORES]).all()
    assert np.isfinite(few.points).all(axis=None)
    assert not caplog.records, "openTSNE lowers it too, with a warning"


def test_one_column_is_enough():
    X = np.repeat([0.0, 5.0], 15)[:, None] + np.random.default_rng(0).normal(0, 0.1, (30, 1))
    metrics = study(X, np.repeat(["a", "b"], 15), "none", PARAMS).metrics
    assert metrics["components"] == 1 and metrics["ari"] == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("scaling", ["l2", "standard", "none"])
@pytest.mark.parametrize("value", [0, 1])
def test_products_that_are_all_the_same(scaling, value):
    same = study(np.full((20, 5), value, np.float32), np.array(["a", "b"] * 10), scaling, PARAMS)
    assert abs(same.metrics["ari"]) < 0.3 and same.metrics["elbow"] == 1


LINE = np.array([[0.0], [2.0], [10.0], [12.0], [10.0]])
"""Category a has centre 1, category b has centre 32 / 3."""


def test_the_table_of_the_categories_by_hand():
    labels = np.array(list("aabbb"))
    found = cluster_study.silhouettes(LINE, labels, 0)
    table = cluster_study.by_category(LINE, labels, np.array([0, 0, 1, 1, 0]), found)
    columns = ["category", "products", "silhouette", "distance_a", "distance_b", "cluster_0", "cluster_1"]
    assert table.columns.tolist() == columns
    assert table["category"].tolist() == ["a", "b"] and table["products"].tolist() == [2, 3]
    between = 32 / 3 - 1
    np.testing.assert_allclose(table[["distance_a", "distance_b"]], [[0, between], [between, 0]])
    assert table[["cluster_0", "cluster_1"]].to_numpy().tolist() == [[2, 0], [1, 2]]
    # 1 - (own mean distance) / (mean distance to the other category)
    a = [1 - 2 / (32 / 3), 1 - 2 / (26 / 3)]
    b = [1 - 1 / 9, 1 - 2 / 11, 1 - 1 / 9]
    np.testing.assert_allclose(found, a + b)
    np.testing.assert_allclose(table["silhouette"], [np.mean(a), np.mean(b)])


def test_silhouettes_of_many_products_are_those_of_a_sample(monkeypatch, blobs):
    whole = cluster_study.silhouettes(blobs, CATEGORIES, 0)
    assert not np.isnan(whole).any()
    monkeypatch.setattr(cluster_study, "SAMPLE", 60)
    part = cluster_study.silhouettes(blobs, CATEGORIES, 0)
    sampled = ~np.isnan(part)
    assert sampled.sum() == 60 and (part[sampled] != whole[sampled]).any()
    np.testing.assert_allclose(part[sampled], whole[sampled], atol=0.05)
    means = [
        cluster_study.by_category(blobs, CATEGORIES, np.zeros(75, int), each)["silhouette"]
        for each in (whole, part)
    ]
    np.testing.assert_allclose(*means, atol=0.02)


def test_the_explained_variance_of_all_components(found):
    table = found.variance
    assert table["component"].tolist() == list(range(1, len(table) + 1))
    assert table["variance"].is_monotonic_decreasing
    np.testing.assert_allclose(table["cumulative"], table["variance"].cumsum())
    np.testing.assert_allclose(table["cumulative"].iloc[-1], 1)
    assert found.metrics["elbow"] == elbow(table["variance"].to_numpy())
