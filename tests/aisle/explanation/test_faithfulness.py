"""explanation/faithfulness.py: the drops find what was planted."""

import numpy as np
import pytest

from aisle.explanation import faithfulness, grad_cam
from aisle.models.heads.relu_head import ReluHead


def test_hottest_is_exactly_the_share():
    heat = np.arange(50.0).reshape(5, 10)
    assert np.array_equal(faithfulness.hottest(heat, 0.2), heat >= 40)
    assert faithfulness.hottest(np.zeros((5, 10)), 0.2).sum() == 10  # equal values are no reason for more


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
        mask = faithfulness.hottest(grad_cam.upsampled(cam, 32, 32), 1 / 16)
        assert (picture[mask] == 250).mean() > 0.8
        red = grad_cam.coloured(cam, 32, 32).astype(int)
        assert red[mask][:, 0].mean() > red[mask][:, 2].mean()  # hot is red, cold blue
        assert red[cam.repeat(8, 0).repeat(8, 1) == 0][:, 2].min() > 0
    hot, random = faithfulness.drops(SPOTS, encode, pictures, index, 0.1, 4, 0)
    assert (hot > random).all() and (hot > 0).all()
    figures = faithfulness.difference(hot, random, 0.95, 200, 0)
    assert 0 < figures["difference_low"] <= figures["difference"] <= figures["difference_high"]
    assert figures["difference"] == pytest.approx(figures["drop_hottest"] - figures["drop_random"])
    again = faithfulness.drops(SPOTS, encode, pictures, index, 0.1, 4, 0)
    np.testing.assert_array_equal(again, (hot, random))


def test_a_map_that_points_elsewhere_is_found_out():
    """What the head does not read is as good as random: the figure then shows no difference."""
    blind = head([[0.0, 0.0], [1.0, -1.0]])
    hot, random = faithfulness.drops(blind, encode, spots(4), np.zeros(4, int), 0.1, 3, 0)
    np.testing.assert_allclose([hot, random], 0, atol=1e-12)
    assert "difference_low" not in faithfulness.difference(hot[:1], random[:1], 0.95, 100, 0)
