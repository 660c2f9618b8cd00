"""tools/bench_encoders.py: what it counts and compares, and ten new products on the real stages."""

import numpy as np
import pytest

from aisle.pretrained.runtime import core, save
from tools import bench_encoders as bench


def test_operations_of_convolutions_and_products(tmp_path):
    core()
    from openvino import Model, opset13

    picture = opset13.parameter([1, 3, 8, 8], np.float32)
    full = opset13.convolution(
        picture, np.ones((4, 3, 3, 3), np.float32), [1, 1], [1, 1], [1, 1], [1, 1]
    )  # (1, 4, 8, 8): 256 values of 27 multiply-adds
    grouped = opset13.group_convolution(
        full, np.ones((4, 1, 1, 3, 3), np.float32), [2, 2], [1, 1], [1, 1], [1, 1]
    )  # (1, 4, 4, 4): 64 values of 9
    rows = opset13.reshape(grouped, np.array([1, 64]), False)
    product = opset13.matmul(rows, np.ones((10, 64), np.float32), False, True)  # 10 values of 64
    save(Model([product], [picture], "counted"), tmp_path / "model.xml")
    assert bench.multiplications(tmp_path / "model.xml") == 2 * (256 * 27 + 64 * 9 + 10 * 64)


def test_ways_take_turns_and_the_first_round_does_not_count(monkeypatch):
    seen = []
    times = iter(range(100))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: float(next(times)) ** 2)
    seconds = bench.turns({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, 3)
    assert "".join(seen) == "abababab"
    # the second of three counted rounds, after two readings of the first: a from 6 to 7, b from 8 to 9
    assert seconds == {"a": 7**2 - 6**2, "b": 9**2 - 8**2}


def test_ratio_is_theirs_over_ours_and_the_cosine_the_least():
    ours = {"fp32": lambda: np.array([[1.0, 0.0], [1.0, 1.0]])}
    found = bench.compare(None, ours, lambda: np.array([[2.0, 0.0], [1.0, 0.0]]), 2, 2, "")
    assert found["cosine"]["fp32"] == pytest.approx(0.5**0.5, abs=1e-6)
    rates = found["items_per_second"]
    assert found["ratio"]["fp32"] == pytest.approx(rates["fp32"] / rates["framework"], rel=0.05)
