"""tools/study.py: the params of a study are the repository's, with the catalogue's mapping over them."""

import json

import pandas as pd
import pytest

from aisle import tables
from aisle.params import read_yaml
from tools import study

MAPPING = """\
catalogue:
  table: goods.csv
  images: pictures
  columns: {id: sku, title: name}
  category: {column: kind, separator: null}
weights:
  mobilenet_v2:
    source: path
    path: ../weights
    files: {own.h5: {sha256: null}}
  bert: {source: absent}
"""


@pytest.fixture
def params(tmp_path):
    """Return the params.yaml that a study of tmp_path/shop writes, and the one of the repository."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    name = study.write_params(tmp_path / "runs", tmp_path / "shop", tmp_path / "mapping.yaml")
    return read_yaml(tmp_path / "runs" / name / "params.yaml"), read_yaml(study.ROOT / "params.yaml")


def test_paths_are_moved_from_the_catalogue_to_the_workspace(params):
    found, _ = params
    assert found["catalogue"]["table"] == "../../shop/goods.csv"
    assert found["catalogue"]["images"] == "../../shop/pictures"
    assert found["weights"]["mobilenet_v2"]["path"] == "../../weights"


def test_what_is_replaced_as_a_whole_and_what_is_merged(params):
    found, base = params
    assert found["catalogue"]["columns"] == {"id": "sku", "title": "name"}
    assert list(found["weights"]["mobilenet_v2"]["files"]) == ["own.h5"]
    assert found["weights"]["mobilenet_v2"]["options"] == base["weights"]["mobilenet_v2"]["options"]
    assert found["weights"]["bert"] == base["weights"]["bert"] | {"source": "absent"}
    assert found["weights"]["minilm"] == base["weights"]["minilm"]
    assert found["encoders"] == base["encoders"]


DVC = """\
stages:
  ingest:
    metrics: [{metrics/ingest.json: {cache: false}}]
  cluster:
    foreach: ${feature_sets}
    do:
      metrics: [{"metrics/cluster/${key}.json": {cache: false}}]
  evaluate:
    metrics: [{metrics/models.json: {cache: false}}, {metrics/seeds.json: {cache: false}}]
"""


def scores(accuracy, weights="none", **more):
    found = {f"cv_accuracy{suffix}": accuracy for suffix in ("", "_low", "_high")}
    return {"weights": weights, **found, "cv_coverage_at_target_error": accuracy / 2, **more}


@pytest.fixture
def workspace(tmp_path):
    """Return the folder of a study that has run, with models of each kind."""
    models = {
        "floor": ("text", scores(0.8)),
        "words": ("text", scores(0.85, cv_gain=0.05, cv_gain_p=0.2)),
        "drawn": ("image", scores(0.99, "untrained", cv_gain=0.19)),
        "lost": ("image", {"weights": "not available"}),
        "slow": ("image", {"weights": "pretrained", "holdout_accuracy": 0.98}),
        "picture": ("image", scores(0.7, "pretrained", cv_gain=-0.1, cv_gain_p=0.01)),
        "both": ("image+text", scores(0.9, "pretrained", cv_gain=0.1, cv_gain_p=0.001, cv_gain_p_holm=0.004)),
    }
    content = {
        "ingest": {"products": 60, "refused": 0, "without_picture": 3, "categories": 2, "name_words": 9},
        "cluster/tfidf": {"ari": 0.5, "ari_sd": 0.1},
        "models": {"catalogue": "shop", **{name: each for name, (_, each) in models.items()}},
        "seeds": {"catalogue": "shop"},
    }
    for name, values in content.items():
        path = tmp_path / "metrics" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    listed = pd.DataFrame({"model": list(models), "modalities": [kind for kind, _ in models.values()]})
    tables.write_csv(listed, tmp_path / "reports/evaluation/models.csv", "shop")
    figures = dict.fromkeys(["precision", "recall", "f1", "f1_low", "f1_high", "support"], 0.5)
    classes = pd.DataFrame([{"model": "floor", "protocol": "cv", "category": "1", **figures}])
    tables.write_csv(classes, tmp_path / "reports/evaluation/per_class.csv", "shop")
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("evaluation: {floor: floor}\nfeature_sets: {tfidf: {}}\n")
    return tmp_path


def test_the_headline_names_the_best_of_each_kind(workspace):
    """Untrained, unavailable and uncross-validated models are none of them."""
    found = study.collect(workspace)
    headline = found["headline"]
    roles = {role: headline[f"{role}_model"] for role in ("floor", "text", "picture", "best")}
    assert roles == {"floor": "floor", "text": "words", "picture": "picture", "best": "both"}
    for role, accuracy in (("floor", 0.8), ("text", 0.85), ("picture", 0.7), ("best", 0.9)):
        assert headline[f"{role}_accuracy"] == headline[f"{role}_accuracy_low"] == accuracy
    assert (headline["best_vs_floor"], headline["best_vs_floor_p"]) == (0.1, 0.001)
    assert headline["best_vs_floor_p_holm"] == 0.004
    assert headline["coverage_at_target_error"] == 0.45
    assert (headline["products"], headline["ari_tfidf"]) == (60, 0.5)
    assert "ari_minilm" not in headline  # a set that the study leaves out
    assert found["models"]["floor"]["cv_per_class"]["1"]["f1"] == 0.5
    assert found["seeds"] == {"catalogue": "shop"} and found["cluster"]["tfidf"]["ari"] == 0.5


def test_where_the_floor_is_best_there_is_no_gain(workspace):
    path = workspace / "metrics/models.json"
    models = json.loads(path.read_text())
    path.write_text(json.dumps({name: models[name] for name in ("floor", "picture", "drawn")}))
    headline = study.collect(workspace)["headline"]
    assert headline["best_model"] == "floor" and "best_vs_floor_p" not in headline
