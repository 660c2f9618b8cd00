"""aisle/explain/grad_cam.py: the same map as Keras's own gradient; the drops find what was planted."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aisle.dense import DenseHead
from aisle.encoders.image.keras_backbone import Encoder
from aisle.explain import grad_cam
from aisle.relu_head import ReluHead
from aisle.scaling import scaler

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
    encoder = Encoder(str(made / name), pooling="none")
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


def test_hottest_is_exactly_the_share():
    heat = np.arange(50.0).reshape(5, 10)
    assert np.array_equal(grad_cam.hottest(heat, 0.2), heat >= 40)
    assert grad_cam.hottest(np.zeros((5, 10)), 0.2).sum() == 10  # equal values are no reason for more


def spots(n):
    """Return pictures with a bright patch each, where channel 0 of `encode` fires; the rest is grey."""
    pictures = np.full((n, 32, 32, 3), 100, np.uint8)
    for number in range(n):
        row, column = divmod(number * 5 % 16, 4)
        pictures[number, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 250
    return list(pictures)


def encode(pictures):
    """Return maps (n, 4, 4, 2): brightness above grey, and none."""
    values = np.stack(pictures).astype(float).mean(-1).reshape(-1, 4, 8, 4, 8).mean((2, 4))
    return np.stack([np.maximum(values - 130, 0) / 10, np.zeros_like(values)], -1)


def head(kernel):
    return ReluHead(np.array(["a", "b"]), np.zeros(2), np.ones(2), [(np.array(kernel), np.zeros(2))])


SPOTS = head([[1.0, -1.0], [0.0, 0.0]])


def test_without_the_patch_the_score_drops_more_than_without_a_random_region():
    pictures, index = spots(6), np.zeros(6, int)
    cams = grad_cam.grad_cam(SPOTS, encode(pictures), index)
    for picture, cam in zip(pictures, cams, strict=True):
        mask = grad_cam.hottest(grad_cam.upsampled(cam, 32, 32), 1 / 16)
        assert (picture[mask] == 250).mean() > 0.8
        red = grad_cam.coloured(cam, 32, 32).astype(int)
        assert red[mask][:, 0].mean() > red[mask][:, 2].mean()  # hot is red, cold blue
        assert red[cam.repeat(8, 0).repeat(8, 1) == 0][:, 2].min() > 0
    hot, random = grad_cam.drops(SPOTS, encode, pictures, index, 0.1, 4, 0)
    assert (hot > random).all() and (hot > 0).all()
    figures = grad_cam.difference(hot, random, 0.95, 200, 0)
    assert 0 < figures["difference_low"] <= figures["difference"] <= figures["difference_high"]
    assert figures["difference"] == pytest.approx(figures["drop_hottest"] - figures["drop_random"])
    again = grad_cam.drops(SPOTS, encode, pictures, index, 0.1, 4, 0)
    np.testing.assert_array_equal(again, (hot, random))


def test_a_map_that_points_elsewhere_is_found_out():
    """What the head does not read is as good as random: the figure then shows no difference."""
    blind = head([[0.0, 0.0], [1.0, -1.0]])
    hot, random = grad_cam.drops(blind, encode, spots(4), np.zeros(4, int), 0.1, 3, 0)
    np.testing.assert_allclose([hot, random], 0, atol=1e-12)
    assert "difference_low" not in grad_cam.difference(hot[:1], random[:1], 0.95, 100, 0)
