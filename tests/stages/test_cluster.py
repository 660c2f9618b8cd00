"""stages/cluster.py: the map and the metrics of one feature set."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.representations import cluster_study, vectors_file
from aisle.representations.cluster_study import ClusteringParams, FeatureSetParams, of_features

PARAMS = ClusteringParams(components="all", perplexity=10, n_iter=300, max_k=5, n_seeds=2, seed=0)
STANDARD = FeatureSetParams(features="", scaling="standard")


@pytest.fixture
def data():
    """Return features of 40 products of which every fifth has none, and folds in another order."""
    rng = np.random.default_rng(0)
    category = np.repeat(["a", "b"], 20)
    vectors = (rng.normal(0, 1, (40, 6)) + (category == "a")[:, None] * 20).astype(np.float32)
    vectors[::5] = np.nan
    ids = [f"p{i:02d}" for i in range(40)]
    folds = pd.DataFrame({"product_id": ids, "category": category}).sample(frac=1, random_state=0)
    return vectors_file.Features(ids, vectors, {"catalogue": "tiny", "weights": "none"}), folds


def test_products_without_input_are_left_out(data):
    metrics, found, drawn = of_features(*data, STANDARD, PARAMS)
    points, categories = found.points, found.categories
    assert metrics["n"] == 32 and metrics["ari"] == pytest.approx(1)
    assert list(points.columns) == ["product_id", "x", "y", "cluster", "cluster_best", "silhouette"]
    assert list(points["product_id"]) == [f"p{i:02d}" for i in range(40) if i % 5]
    assert points.groupby(points["product_id"] < "p20")["cluster"].nunique().tolist() == [1, 1]
    assert categories["products"].tolist() == [16, 16]
    assert (drawn["category"] == np.where(drawn["product_id"] < "p20", "a", "b")).all()
    means = points.groupby(drawn["category"])["silhouette"].mean()
    np.testing.assert_allclose(means, categories["silhouette"])
    assert found.variance["component"].tolist() == [1, 2, 3, 4, 5, 6]


def test_of_many_products_a_sample_is_drawn_for_dvc_plots(data, monkeypatch):
    monkeypatch.setattr(cluster_study, "DRAWN", 10)
    _, found, drawn = of_features(*data, STANDARD, PARAMS)
    assert len(found.points) == 32 and len(drawn) == 10
    whole = found.points.set_index("product_id").loc[drawn["product_id"]]
    assert (drawn[["x", "y", "cluster"]].to_numpy() == whole[["x", "y", "cluster"]].to_numpy()).all()
    assert drawn["product_id"].is_monotonic_increasing


def test_of_many_products_a_sample_is_clustered_in_which_categories_keep_their_shares():
    rng = np.random.default_rng(0)
    ids = [f"p{i:03d}" for i in range(200)]
    folds = pd.DataFrame({"product_id": ids, "category": np.repeat(["a", "b"], [150, 50])})
    vectors = rng.normal(0, 1, (200, 6)).astype(np.float32)
    vectors[0] = np.nan
    data = vectors_file.Features(ids, vectors, {"catalogue": "tiny", "weights": "none"})
    few = PARAMS.model_copy(update={"max_products": 80})
    metrics, found, _ = of_features(data, folds, STANDARD, few)
    assert metrics["n"] == len(found.points) == 80
    assert found.categories["products"].tolist() == [60, 20]
    assert (
        "p000" not in set(found.points["product_id"]) and found.points["product_id"].is_monotonic_increasing
    )


@pytest.mark.parametrize(
    ("weights", "kind"), [("none", "none"), ("untrained", "untrained"), ("12ab+34cd", "pretrained")]
)
def test_the_metrics_say_whose_weights(data, weights, kind):
    features_, folds = data
    features_.metadata["weights"] = weights
    assert of_features(features_, folds, STANDARD, PARAMS)[0]["weights"] == kind


def test_weights_that_are_not_available(data):
    features_, folds = data
    without = vectors_file.Features(
        features_.product_ids,
        np.full((40, 1), np.nan, np.float32),
        {"catalogue": "tiny", "weights": "not available"},
    )
    metrics, found, drawn = of_features(without, folds, FeatureSetParams(features="", scaling="l2"), PARAMS)
    assert (metrics["weights"], metrics["n"], metrics["ari"]) == ("not available", 0, None)
    assert len(found.points) == len(found.categories) == len(found.variance) == len(drawn) == 0
    assert list(drawn) == ["product_id", "x", "y", "cluster", "category"]


def test_one_product_too_few(data):
    features_, folds = data
    with pytest.raises(AisleError, match="p07"):
        of_features(features_, folds[folds["product_id"] != "p07"], STANDARD, PARAMS)


def test_the_files(built):
    points = tables.read(built.root / "reports/clusters/descriptors/points.parquet")
    assert points.attrs["catalogue"] == "tiny" and len(points) == 60
    metrics = json.loads((built.root / "metrics/cluster/descriptors.json").read_text())
    assert {"catalogue": "tiny", "n": 60, "k": 3}.items() <= metrics.items()
    assert set(metrics) == {
        "catalogue", "weights", "n", "k", "components", "variance", "elbow", "ari", "ari_sd", "silhouette",
        "silhouette_sd", "best_k", "ari_best_k", "ari_best_k_sd", "silhouette_best_k", "silhouette_best_k_sd",
        "silhouette_categories",
    }  # fmt: skip
    categories = tables.read_csv(built.root / "reports/clusters/descriptors/categories.csv")
    assert categories["category"].tolist() == ["Clocks", "Lamps", "Mugs"]
    assert categories["products"].tolist() == [20, 20, 20]
    variance = tables.read_csv(built.root / "reports/clusters/descriptors/variance.csv")
    assert list(variance) == ["component", "variance", "cumulative"]
    kept = variance["cumulative"].iloc[metrics["components"] - 1]
    assert metrics["variance"] == pytest.approx(kept, abs=1e-4)
    drawn = tables.read_csv(built.root / "reports/cluster_maps/descriptors.csv")
    assert drawn["product_id"].tolist() == points["product_id"].tolist()
    np.testing.assert_allclose(drawn[["x", "y"]], points[["x", "y"]])


def test_the_same_bytes_again(built, tmp_path):
    outputs = built.outputs("cluster", "tfidf")
    assert len(outputs) == 3
    built.run("cluster", "tfidf", **{flag: tmp_path / flag for flag in outputs})
    for flag, path in outputs.items():
        files = sorted(Path(path).iterdir()) if Path(path).is_dir() else [Path(path)]
        assert len(files) in (1, 3)
        for file in files:
            assert (tmp_path / flag / file.relative_to(path)).read_bytes() == file.read_bytes()


def test_an_unknown_feature_set_is_a_clear_error(built, capsys):
    with pytest.raises(SystemExit) as stop:
        built.run("cluster", "tfidf", feature_set="bwo", features="none", folds="none")
    assert stop.value.code == 2
    assert "feature_sets.bwo" in capsys.readouterr().err


def test_somebody_elses_ari_is_shown_beside_ours(data):
    published = FeatureSetParams(features="", scaling="standard", published_ari=0.41)
    assert of_features(*data, published, PARAMS)[0]["published_ari"] == 0.41
    assert "published_ari" not in of_features(*data, STANDARD, PARAMS)[0]
