"""tools/study.py: the params of a study are the repository's, with the catalogue's mapping over them."""

import json
import os
import re

import pandas as pd
import pytest

from aisle.catalogue import label_overlay
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import read_yaml
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
    """Return params.yaml and weights.yaml that a study of tmp_path/shop writes, and the repository's."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    name = study.write_params(tmp_path / "runs", tmp_path / "shop", tmp_path / "mapping.yaml")
    folders = tmp_path / "runs" / name, study.ROOT
    files = ("params.yaml", "weights.yaml")
    assert list(read_yaml(folders[0] / "weights.yaml")) == ["weights"]
    assert "weights" not in read_yaml(folders[0] / "params.yaml")
    return [read_yaml(folder / files[0]) | read_yaml(folder / files[1]) for folder in folders]


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


def test_null_leaves_an_entry_out_and_empties_a_section():
    base = {
        "encoders": {"text": {"bow": {"form": "lemmas"}}, "image": {"clip": {"weights": "clip"}}},
        "classifiers": {"flat": {"title": "Flat"}, "tree": {"title": "Tree"}},
        "label_audit": {"model": "flat", "known_errors": {"p1": "A"}},
    }
    override = {
        "encoders": {"text": None},
        "classifiers": {"tree": None},
        "label_audit": {"known_errors": None},
    }
    study.merge(base, override)
    assert base == {
        "encoders": {"text": {}, "image": {"clip": {"weights": "clip"}}},
        "classifiers": {"flat": {"title": "Flat"}},
        "label_audit": {"model": "flat", "known_errors": None},
    }


def test_a_folder_that_no_stage_writes_is_made(tmp_path):
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  cluster:\n    foreach: ${feature_sets}\n    do: {outs: ['reports/clusters/${key}.parquet']}\n"
        "  report:\n    deps: [reports/clusters, reports/own, data/table.csv, ../pictures]\n"
        "    outs: [reports/own]\n"
    )
    (tmp_path / "params.yaml").write_text("feature_sets: {}\n")
    study.make_empty_folders(tmp_path)
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir())
    assert made == ["reports", "reports/clusters"]


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
  champion:
    metrics: [{metrics/champion.json: {cache: false}}]
"""


def scores(accuracy, weights="none", **more):
    found = {f"cv_accuracy{suffix}": accuracy for suffix in ("", "_low", "_high")}
    return {"weights": weights, **found, "cv_coverage_at_target_error": accuracy / 2, **more}


@pytest.fixture
def workspace(tmp_path):
    """Return the folder of a study that has run, with models of each kind."""
    models = {
        "baseline": ("text", scores(0.8)),
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
        "champion": {"champion": "words"},
    }
    for name, values in content.items():
        path = tmp_path / "metrics" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    listed = pd.DataFrame({"model": list(models), "modalities": [kind for kind, _ in models.values()]})
    tables.write_csv(listed, tmp_path / "reports/evaluation/models.csv", "shop")
    figures = dict.fromkeys(["precision", "recall", "f1", "f1_low", "f1_high", "support"], 0.5)
    classes = pd.DataFrame([{"model": "baseline", "protocol": "cv", "category": "1", **figures}])
    tables.write_csv(classes, tmp_path / "reports/evaluation/per_class.csv", "shop")
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("evaluation: {baseline: baseline}\nfeature_sets: {tfidf: {}}\n")
    return tmp_path


def test_the_headline_names_the_best_of_each_kind(workspace):
    """Untrained, unavailable and uncross-validated models are none of them."""
    found = study.collect(workspace)
    headline = found["headline"]
    roles = {role: headline[f"{role}_model"] for role in ("baseline", "text", "picture", "best")}
    assert roles == {"baseline": "baseline", "text": "words", "picture": "picture", "best": "both"}
    for role, accuracy in (("baseline", 0.8), ("text", 0.85), ("picture", 0.7), ("best", 0.9)):
        assert headline[f"{role}_accuracy"] == headline[f"{role}_accuracy_low"] == accuracy
    assert (headline["best_vs_baseline"], headline["best_vs_baseline_p"]) == (0.1, 0.001)
    assert headline["best_vs_baseline_p_holm"] == 0.004
    assert (headline["champion_model"], headline["coverage_at_target_error"]) == ("words", 0.425)
    assert (headline["products"], headline["ari_tfidf"]) == (60, 0.5)
    assert "ari_minilm" not in headline  # a set that the study leaves out
    assert found["models"]["baseline"]["cv_per_class"]["1"]["f1"] == 0.5
    assert found["seeds"] == {"catalogue": "shop"} and found["cluster"]["tfidf"]["ari"] == 0.5


def test_where_the_baseline_is_best_there_is_no_gain(workspace):
    path = workspace / "metrics/models.json"
    models = json.loads(path.read_text())
    path.write_text(json.dumps({name: models[name] for name in ("baseline", "picture", "drawn")}))
    headline = study.collect(workspace)["headline"]
    assert headline["best_model"] == "baseline" and "best_vs_baseline_p" not in headline


OWN = {"catalogue": {"table": "goods.csv", "images": "pictures"}, "images": {"max_side": 256}}


@pytest.mark.parametrize(
    "more",
    [
        {"weights": {"bert": {"source": "official", "files": {}}}},
        {"classifiers": {"none;touch x;true": {}}},
        {"encoders": {}},
        {"grad_cam": {"model": "$(touch x)"}},
        {"seeds": [1]},
    ],
)
def test_what_comes_with_a_catalogue_describes_it_and_no_more(tmp_path, more):
    shop, elsewhere = tmp_path / "shop", tmp_path / "mapping.yaml"
    shop.mkdir()
    study.check_own(OWN, shop, shop / "catalogue.yaml")
    with pytest.raises(AisleError, match=f"came with the catalogue and must set no more.*{next(iter(more))}"):
        study.check_own(OWN | more, shop, shop / "catalogue.yaml")
    study.check_own(OWN | more, shop, elsewhere)  # the user's own


@pytest.mark.parametrize("key", ["table", "images"])
@pytest.mark.parametrize("path", ["../other/goods.csv", "/etc/passwd", "link/goods.csv"])
def test_what_comes_with_a_catalogue_reads_no_files_elsewhere(tmp_path, key, path):
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "link").symlink_to(tmp_path)
    with pytest.raises(AisleError, match=f"catalogue.{key} must lie in the catalogue's folder"):
        study.check_own({"catalogue": {key: path}}, shop, shop / "catalogue.yaml")


def test_links_in_a_circle_and_tables_that_are_links_lead_elsewhere(tmp_path):
    shop = tmp_path / "shop"
    (shop / "tables").mkdir(parents=True)
    (shop / "circle").symlink_to("circle")
    (tmp_path / "secret.csv").write_text("id")
    (shop / "tables/a.csv").symlink_to(tmp_path / "secret.csv")
    for key, path in (("table", "circle"), ("images", "circle"), ("table", "a\0b"), ("table", "tables")):
        with pytest.raises(AisleError, match=f"catalogue.{key} must lie in the catalogue's folder"):
            study.check_own({"catalogue": {key: path}}, shop, shop / "catalogue.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"catalogue: {table: t.csv, images: i, category: {none: [&a x, *a]}}", "write values out"),
        (b"catalogue: \xff\xfe", "must be a text in UTF-8"),
    ],
)
def test_a_mapping_that_stands_for_more_than_it_says_or_is_no_text(tmp_path, text, told):
    (tmp_path / "catalogue.yaml").write_bytes(text)
    with pytest.raises(AisleError, match=told):
        study.write_params(tmp_path, tmp_path, tmp_path / "catalogue.yaml")


def test_pictures_that_stop_dvc_are_told_before_it(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "same.jpg").symlink_to("a.jpg")
    (tmp_path / "up").symlink_to(".")
    study.check_pictures(tmp_path)
    (tmp_path / "deep/circle.jpg").symlink_to("circle.jpg")
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    with pytest.raises(AisleError, match=r"names in UTF-8; see ") as error:
        study.check_pictures(tmp_path)
    assert str(error.value).isascii()
    assert {*re.findall(r"\w+\.jpg", str(error.value))} == {"circle.jpg", "udcff.jpg"}


def test_no_name_of_a_mapping_is_anything_but_a_word(tmp_path):
    """Before DVC sees it, though the mapping is the user's own."""
    (tmp_path / "shop").mkdir()
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING + "  'none;touch x;true': {source: absent, export: transformer}\n")
    with pytest.raises(AisleError, match="a key of weights must be a name"):
        study.write_params(tmp_path / "runs", tmp_path / "shop", mapping)
    mapping.write_text(MAPPING.replace("own.h5", "../../../own.h5"))
    with pytest.raises(AisleError, match=r"a key of weights\.mobilenet_v2\.files must be a path below"):
        study.write_params(tmp_path / "runs", tmp_path / "shop", mapping)
    assert not (tmp_path / "runs").exists()


def test_two_folders_of_one_name_do_not_share_a_workspace(tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    for shop in ("a", "b"):
        (tmp_path / shop / "data").mkdir(parents=True)
    first, second = tmp_path / "a/data", tmp_path / "b/data"
    name = study.write_params(tmp_path / "runs", first, mapping)
    before = (tmp_path / "runs" / name / "params.yaml").read_bytes()
    with pytest.raises(AisleError, match=r"it is that of another folder of this name.*catalogue: \{name"):
        study.write_params(tmp_path / "runs", second, mapping)
    assert (tmp_path / "runs" / name / "params.yaml").read_bytes() == before
    assert study.write_params(tmp_path / "runs", first, mapping) == name
    named = tmp_path / "named.yaml"
    named.write_text(MAPPING.replace("catalogue:\n", "catalogue:\n  name: other\n"))
    assert study.write_params(tmp_path / "runs", second, named) == "other"


@pytest.mark.parametrize(("folder", "name"), [("My shop (2)", "My-shop-2"), ("a;b", "a-b"), ("data", "data")])
def test_a_folder_s_name_becomes_the_catalogue_s(tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    assert study.write_params(tmp_path / "runs", tmp_path / folder, tmp_path / "mapping.yaml") == name


def test_labels_of_a_catalogue_are_its_own(tmp_path):
    """Without any it has none, whatever the repository's are; a link out of its folder is refused."""
    workspace, catalogue = tmp_path / "workspace", tmp_path / "shop"
    catalogue.mkdir()
    study.copy_given(workspace, catalogue)
    assert label_overlay.read(workspace / study.LABELS) == []
    said = label_overlay.Judgement("a", "Mugs", "ann", "2026-05-01")
    label_overlay.write([said], catalogue / "labels.csv")
    study.copy_given(workspace, catalogue)
    assert [each.product_id for each in label_overlay.read(workspace / study.LABELS)] == ["a"]
    (catalogue / "labels.csv").rename(tmp_path / "labels.csv")
    (catalogue / "labels.csv").symlink_to(tmp_path / "labels.csv")
    with pytest.raises(AisleError, match="a link out of it"):
        study.copy_given(workspace, catalogue)
