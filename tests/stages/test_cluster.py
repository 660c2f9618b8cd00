"""stages/cluster.py: the map and the metrics of one feature set."""

import json

import numpy as np
import pandas as pd
import pytest

from aisle import features, tables
from aisle.clustering import ClusteringParams
from aisle.errors import AisleError
from stages import cluster

PARAMS = ClusteringParams(max_components=5, perplexity=10, n_iter=60, n_seeds=2, seed=0)


@pytest.fixture
def data():
    """Return features of 40 products of which every fifth has none, and folds in another order."""
    rng = np.random.default_rng(0)
    category = np.repeat(["a", "b"], 20)
    vectors = (rng.normal(0, 1, (40, 6)) + (category == "a")[:, None] * 20).astype(np.float32)
    vectors[::5] = np.nan
    ids = [f"p{i:02d}" for i in range(40)]
    folds = pd.DataFrame({"product_id": ids, "category": category}).sample(frac=1, random_state=0)
    return features.Features(ids, vectors, {"catalogue": "tiny"}), folds


def test_products_without_input_are_left_out(data):
    metrics, points = cluster.run(*data, "standard", PARAMS)
    assert metrics["n"] == 32 and metrics["ari"] == pytest.approx(1)
    assert list(points.columns) == ["product_id", "x", "y", "cluster"]
    assert list(points["product_id"]) == [f"p{i:02d}" for i in range(40) if i % 5]
    assert points.groupby(points["product_id"] < "p20")["cluster"].nunique().tolist() == [1, 1]


def test_one_product_too_few(data):
    features_, folds = data
    with pytest.raises(AisleError, match="p07"):
        cluster.run(features_, folds[folds["product_id"] != "p07"], "standard", PARAMS)


def test_the_files(built):
    points = tables.read(built.root / "reports/clusters/descriptors.parquet")
    assert points.attrs["catalogue"] == "tiny" and len(points) == 60
    metrics = json.loads((built.root / "metrics/cluster/descriptors.json").read_text())
    assert {"catalogue": "tiny", "n": 60, "k": 3}.items() <= metrics.items()
    assert set(metrics) == {
        "catalogue", "n", "k", "components", "variance", "ari", "ari_sd", "silhouette", "silhouette_sd",
        "silhouette_categories",
    }  # fmt: skip


def test_the_same_bytes_again(built, tmp_path):
    built.run("cluster", "tfidf", output=tmp_path / "map", metrics=tmp_path / "metrics")
    assert (tmp_path / "map").read_bytes() == (built.root / "reports/clusters/tfidf.parquet").read_bytes()
    assert (tmp_path / "metrics").read_bytes() == (built.root / "metrics/cluster/tfidf.json").read_bytes()


def test_an_unknown_feature_set_is_a_clear_error(built, capsys):
    with pytest.raises(SystemExit) as stop:
        built.run("cluster", "bwo", features="none", folds="none")
    assert stop.value.code == 2
    assert "feature_sets.bwo" in capsys.readouterr().err
