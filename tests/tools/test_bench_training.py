"""tools/bench_training.py: its ratios, its comparison of backbones, and what it says of missing weights."""

import argparse

import numpy as np
import pytest
from ruamel.yaml import YAML

from aisle.pretrained import description, status
from tools import bench_training as bench

OURS = {"seconds": 2.0, "seconds_compiled": 0.5, "accuracy": 0.83, "accuracy_sd": 0.01, "macro_f1": 0.82}


def test_ratios_are_theirs_over_ours():
    theirs = {"seconds": 100.0, "accuracy": 0.84}
    assert bench.summary(theirs, OURS, {"seconds": 8.0}) == {
        "ratio": 50.0,
        "ratio_compiled": 200.0,
        "ratio_with_encoding": 10.0,
        "accuracy_difference": -0.01,
    }


def test_scores():
    truth = np.array(["a", "a", "b", "b"])
    assert bench.scores(truth, np.array(["a", "b", "b", "b"])) == {"accuracy": 0.75, "macro_f1": 0.7333}


@pytest.fixture
def args(tmp_path):
    made = {
        "real": description.Weights("0" * 64, "official", facts={"parameters": 100}),
        "random": description.Weights(status.UNTRAINED, "random", facts={"parameters": 200}),
        "absent": description.Weights(status.ABSENT, "absent"),
    }
    for name, each in made.items():
        folder = tmp_path / "models/pretrained" / name
        folder.mkdir(parents=True)
        description.write(each, folder)
    YAML().dump({"transfer": {"backbones": list(made)}}, tmp_path / "params.yaml")
    return argparse.Namespace(workspace=tmp_path, backbone="real")


def test_backbones_are_compared_and_absent_ones_named(args, monkeypatch):
    asked = []

    def child(part, name, _):
        asked.append((part, name))
        return OURS | {"accuracy": 0.5, "seconds_compiled": 2.0}

    monkeypatch.setattr(bench, "child", child)
    rows = bench.compare(args, OURS)
    assert asked == [("head", "random")]  # the one compared with the study's way is not trained again
    assert rows["absent"] == {"weights": "not available"}
    assert rows["real"] == {
        "weights": "pretrained",
        "parameters": 100,
        "seconds_compiled": 0.5,
        "accuracy": 0.83,
        "accuracy_sd": 0.01,
        "macro_f1": 0.82,
        "accuracy_per_second": 1.66,
    }
    assert rows["random"]["weights"] == "untrained" and rows["random"]["accuracy_per_second"] == 0.25
