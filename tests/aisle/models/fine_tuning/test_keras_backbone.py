"""keras_backbone.py: every architecture's last block; test_fine_tune.py trains one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from aisle.models.heads.relu_head import scaling
from aisle.pretrained.exports.keras_backbone import Architecture

REPO = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("last_blocks")
    command = [sys.executable, str(Path(__file__).parent / "makers" / "last_blocks.py"), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


def test_every_architecture_has_a_last_block(found):
    assert set(found) == set(get_args(Architecture))
    for name, facts in found.items():
        assert facts["difference"] < 1e-6, name  # what lies below and the block are the whole backbone
        assert facts["same_weights"], name  # so that what is trained is what is exported
        assert 0.1 < facts["share"] < 0.6, name
    convolutions = {name: facts["convolutions"] for name, facts in found.items()}
    assert convolutions == {
        "VGG16": 3,
        "ResNet50": 3,
        "EfficientNetB0": 6,
        "InceptionV3": 9,
        "MobileNetV2": 4,
        "MobileNetV3Small": 6,
    }


def test_a_channel_that_hardly_ever_fires_does_not_count_for_more_than_all_others():
    rng = np.random.default_rng(0)
    features = np.stack([rng.normal(size=500), 1e-6 * rng.normal(size=500), np.zeros(500)], 1)
    mean, scale = scaling(features.astype(np.float32))
    np.testing.assert_allclose(mean, features.mean(0), atol=1e-6)
    assert scale[0] == pytest.approx(features[:, 0].std(), rel=1e-5)
    assert scale[1] == scale[2] == pytest.approx(0.1 * np.sqrt((features.std(0) ** 2).mean()), rel=1e-5)
    assert (scaling(np.ones((4, 2), np.float32))[1] == 1).all()
    tiny = scaling((features[:, :1] * 1e-12).astype(np.float32))[1]
    assert tiny == pytest.approx(1e-12 * scale[0], rel=1e-4)  # features of random weights can be that small
