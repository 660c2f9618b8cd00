"""The report's section on backbones: which model stands for one, what is missing, and the sizes."""

import json

import pandas as pd
import pytest

from aisle.pretrained import description, status
from aisle.report.blocks import FigureBlock, TableBlock
from aisle.report.data import backbones
from aisle.report.data.results import Results
from aisle.report.sections import comparison

BACKBONES = {"vgg16": ["vgg16", "vgg16_block5"], "clip": ["clip"], "mobilenet": ["mobilenet"]}
"""Entry of weights.yaml to the feature sets of its vectors."""


def scored(kind, protocols, accuracy):
    found = {"weights": kind}
    for protocol in protocols:
        for name in ("accuracy", "macro_f1"):
            for suffix, change in (("", 0), ("_low", -0.02), ("_high", 0.02)):
                found[f"{protocol}_{name}{suffix}"] = accuracy + change
    return found


MODELS = {
    "vgg16_dense": ("VGG16 head", scored("pretrained", ["cv", "holdout"], 0.8), "image"),
    "vgg16_tuned": ("VGG16 tuned", scored("pretrained", ["holdout"], 0.9), "image"),
    "clip_probe": ("CLIP probe", scored("pretrained", ["cv", "holdout"], 0.85), "image"),
    "mobilenet_svm": ("MobileNet", {"weights": "not available"}, "image"),
    "baseline": ("Baseline", scored("none", ["cv", "holdout"], 0.88), "text"),
}


@pytest.fixture
def make(tmp_path):
    """Return a function that makes the results, with the labels of the weights."""

    def results(**labels):
        labels = {"vgg16": "12ab", "clip": "34cd", "mobilenet": "not available"} | labels
        for name, label in labels.items():
            folder = tmp_path / "pretrained" / name
            facts = {} if label == status.ABSENT else {"parameters": 2_000_000}
            folder.mkdir(parents=True, exist_ok=True)
            about = description.Weights(label, "official", export="keras_backbone", megabytes=59, facts=facts)
            description.write(about, folder)
            if facts:
                (folder / "model.bin").write_bytes(b"." * 3_500_000)
        (tmp_path / "speeds.json").write_text(
            json.dumps({"pictures": {"vgg16": {"items_per_second": {"fp32": 15.12}}}})
        )
        table = backbones.read(tmp_path / "pretrained", tmp_path / "speeds.json", BACKBONES)
        listed = pd.DataFrame(
            {
                "model": MODELS.keys(),
                "title": [each[0] for each in MODELS.values()],
                "modalities": [each[2] for each in MODELS.values()],
            }
        )
        aris = {"vgg16": 0.2, "vgg16_block5": 0.3, "clip": 0.5, "mobilenet": None, "descriptors": 0.1}
        metrics = {f"cluster/{name}": {"ari": ari, "ari_sd": 0.01} for name, ari in aris.items()}
        metrics["cluster/vgg16"]["published_ari"] = 0.3491
        metrics["models"] = {name: dict(each[1]) for name, each in MODELS.items()}
        for name, backbone in (("vgg16_dense", "vgg16"), ("vgg16_tuned", "vgg16"), ("clip_probe", "clip")):
            metrics["models"][name]["weights"] = status.kind(labels[backbone])
        metrics["champion"] = {"champion": "baseline"}
        candidates = pd.DataFrame(
            {
                "model": ["baseline", "clip_probe", "vgg16_dense"],
                "accuracy": [0.88, 0.85, 0.8],
                "megabytes": [0.5, 350.0, 59.0],
                "role": ["champion", "challenger", ""],
            }
        )
        usable = [
            metrics["models"][name]["weights"] in ("none", "pretrained") for name in candidates["model"]
        ]
        candidates = candidates[usable]  # as stages/champion.py leaves out the others
        unused = dict.fromkeys(Results.__dataclass_fields__)
        known = {"metrics": metrics, "tables": {"models": listed}, "candidates": candidates}
        models = {
            "vgg16_dense": "vgg16",
            "vgg16_tuned": "vgg16",
            "clip_probe": "clip",
            "mobilenet_svm": "mobilenet",
        }
        return Results(**unused | known | {"backbones": table, "backbone_models": models, "confidence": 0.95})

    return results


def tables_of(results):
    return [block for block in comparison.section(results).blocks if isinstance(block, TableBlock)]


def test_what_is_read_of_the_backbones(make):
    table = make().backbones.set_index("weights")
    assert list(table.index) == ["vgg16", "clip", "mobilenet"]
    assert table.at["vgg16", "feature_sets"] == ["vgg16", "vgg16_block5"]
    assert table.at["vgg16", "megabytes"] == 3.5 and table.at["vgg16", "parameters"] == 2e6
    assert table["per_second"].tolist()[0] == 15.12 and table["per_second"].isna().tolist() == [0, 1, 1]
    assert table["official_megabytes"].tolist() == [59, 59, 59]
    assert table["kind"].tolist() == ["pretrained", "pretrained", "not available"]
    assert table.loc["mobilenet", ["megabytes", "parameters"]].isna().all()


def test_the_most_accurate_is_first_and_the_hold_out_does_not_beat_cross_validation(make):
    block = tables_of(make())[1]
    rows = block.frame.set_index("backbone")
    assert list(rows.index) == ["clip", "vgg16"]
    assert rows.loc["vgg16", ["best model", "protocol"]].tolist() == ["VGG16 head", "cross-validation"]
    assert rows.at["vgg16", "accuracy"].replace("\u00a0", " ") == "0.800 [0.780, 0.820]"
    assert (
        rows.at["vgg16", "ARI"] == "0.300\u00a0±\u00a00.010" and rows.at["vgg16", "published ARI"] == "0.349"
    )
    assert "clip is the most accurate of the 2 with pretrained weights" in block.caption
    assert "not available here, so nothing is said of: mobilenet" in block.caption


def test_what_the_backbones_cost(make):
    block = tables_of(make())[2]
    rows = block.frame.set_index("backbone")
    assert rows.loc["vgg16"].tolist() == ["2.0", "3.5", "59", "15"]
    assert rows.loc["mobilenet"].tolist() == ["", "", "59", ""]
    assert block.caption.endswith("vgg16 encodes 15 pictures per second, vgg16 15.")


def test_vgg16_against_clip(make):
    block = tables_of(make())[0]
    assert "ARI: 0.300 against 0.500, higher for CLIP" in block.caption
    assert "accuracy: 0.800 against 0.850, higher for CLIP" in block.caption
    assert list(block.frame) == ["", "VGG16", "CLIP"]


@pytest.mark.parametrize("label", ["untrained", "not available"])
def test_vgg16_is_not_set_against_clip_where_one_has_learned_nothing(make, label):
    against, all_of_them, _ = tables_of(make(clip=label))
    assert "higher" not in against.caption
    said = {"untrained": "Random weights", "not available": "Weights are not available"}[label]
    assert said in against.caption and "clip" in against.caption
    assert "vgg16 is the only one with pretrained weights" in all_of_them.caption


def test_accuracy_against_size(make):
    block = next(block for block in comparison.section(make()).blocks if isinstance(block, FigureBlock))
    text, picture = block.figure.data
    assert (text.name, picture.name) == ("champion", "picture")
    assert text.x == (0.5,) and text.y == (0.88,) and list(text.error_y.array) == [0.02]
    assert list(picture.text) == ["CLIP probe", "VGG16 head"]
    assert picture.marker.symbol != text.marker.symbol
    assert [note.text for note in block.figure.layout.annotations] == ["baseline"]  # smallest and best
    assert (
        "Baseline: 0.880 with 0.5 MB" in block.caption and "CLIP probe: 0.850 with 350.0 MB" in block.caption
    )
