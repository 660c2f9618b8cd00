"""explanation/grad_cam.py: the same map as Keras's own gradient, for every kind of head."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aisle.explanation import grad_cam
from aisle.models.heads.mlp import DenseHead
from aisle.models.heads.relu_head import ReluHead
from aisle.models.scaling import scaler
from aisle.representations.encoders.image.keras_backbone import KerasBackbone

REPO = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of two backbones and of what GradientTape makes of them."""
    folder = tmp_path_factory.mktemp("grad_cam")
    script = Path(__file__).parent / "makers" / "keras_grad_cam.py"
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(("name", "layers"), [("VGG16", 3), ("MobileNetV3Small", 1)])
def test_the_map_is_that_of_keras(made, name, layers):
    expected = np.load(made / name / "expected.npz")
    dense = [(expected[f"kernel{i}"], expected[f"bias{i}"]) for i in range(layers)]
    channels = len(dense[0][0])
    head = ReluHead(np.arange(4), np.zeros(channels), np.ones(channels), dense)
    encoder = KerasBackbone(str(made / name), pooling="none")
    pictures = np.load(made / "pictures.npy")
    maps = encoder._runtime.run(picture[None] for picture in pictures)  # not rounded to whole colours
    found = np.maximum(grad_cam.grad_cam(head, maps, expected["index"]), 0)
    right = expected["cam"]
    assert right.max() > 0 and found.shape == right.shape
    np.testing.assert_allclose(found / right.max(), right / right.max(), atol=1e-5)


@pytest.mark.parametrize("root", [False, True])
def test_the_gradient_is_that_of_finite_differences(root):
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=pair), rng.normal(size=pair[1])) for pair in itertools.pairwise([5, 7, 6, 3])]
    head = ReluHead(np.array(["a", "b", "c"]), rng.normal(size=5), rng.uniform(0.5, 2, 5), layers, root)
    features, index, step = rng.normal(size=(4, 5)), np.array([0, 2, 1, 1]), 1e-6
    found = head.gradient(features, index)
    for column in range(5):
        moved = features.copy()
        moved[:, column] += step
        change = (head.scores(moved) - head.scores(features))[np.arange(4), index] / step
        np.testing.assert_allclose(found[:, column], change, rtol=1e-4, atol=1e-5)
    features[0, 1] = 0
    assert np.isfinite(head.gradient(features, index)).all()


@pytest.mark.parametrize("scaling", ["standard", "root"])
@pytest.mark.parametrize("units", [(), (6,), (6, 4)])
def test_a_dense_head_is_explained_as_it_predicts(scaling, units):
    rng = np.random.default_rng(1)
    X, sizes = rng.uniform(0, 3, (9, 5)), [5, *units, 3]
    head = DenseHead(None, units, scaling=scaling)
    head.classes_, head.scaler_ = np.array(["a", "b", "c"]), scaler(scaling).fit(X)
    names = [f"hidden_{number}" for number in range(len(units))] + ["logits"]
    head.weights_ = {}
    for name, pair in zip(names, itertools.pairwise(sizes), strict=True):
        head.weights_ |= {f"{name}/kernel": rng.normal(size=pair), f"{name}/bias": rng.normal(size=pair[1])}
    found = grad_cam.pooled_head(head)
    np.testing.assert_allclose(found.predict_proba(X), head.predict_proba(X), rtol=1e-9)
    assert grad_cam.pooled_head(scaler("root")) is None
