"""pretrained/runtime.py: rows in order, each of its item alone, made while others are computed."""

import threading

import numpy as np
import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained import runtime as module
from aisle.pretrained.runtime import Runtime, core, save


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the file of a model: (1, n, 3) to the mean over n of three matrix products, (1, 40)."""
    core()
    from openvino import Model, opset13

    rng = np.random.default_rng(0)
    items = opset13.parameter([1, -1, 3], np.float32, name="items")
    layer = items
    for shape in ((3, 64), (64, 64), (64, 40)):
        layer = opset13.tanh(opset13.matmul(layer, rng.normal(size=shape).astype(np.float32), False, False))
    result = opset13.reduce_mean(layer, np.array([1]), keep_dims=False)
    path = tmp_path_factory.mktemp("model") / "model.xml"
    save(Model([result], [items], "tiny"), path)
    return path


def test_a_saved_model_has_its_files_name(model):
    """What OpenVINO calls a converted one counts the models of this process."""
    assert '<net name="model"' in model.read_text(encoding="utf-8")


def items(n, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1, length, 3)).astype(np.float32) for length in rng.integers(1, 300, n)]


def test_row_i_is_of_item_i_alone_bit_for_bit(model):
    runtime, many = Runtime(model), items(40)
    rows = runtime.run(many)
    assert rows.shape == (40, 40) and len({row.tobytes() for row in rows}) == 40
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(runtime.run([many[i] for i in order]), rows[order])
    np.testing.assert_array_equal(np.stack([Runtime(model).run([item])[0] for item in many[:5]]), rows[:5])


def test_the_number_of_cores_changes_no_bit(model, monkeypatch):
    many = items(12)
    rows = Runtime(model).run(many)
    for cores in (1, 3):
        monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid, cores=cores: range(cores))
        np.testing.assert_array_equal(Runtime(model).run(many), rows)


def test_items_are_taken_only_as_requests_become_free(model, monkeypatch):
    """So memory is bounded however many items there are."""
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: range(2))
    runtime, taken, done = Runtime(model), [], []
    original = Runtime._result

    def result(busy, free):
        done.append(len(taken))
        return original(busy, free)

    monkeypatch.setattr(runtime, "_result", result)
    runtime.run(taken.append(i) or item for i, item in enumerate(items(30)))
    assert len(taken) == 30
    assert max(count - i for i, count in enumerate(done)) <= module.AHEAD * 2 + 1


def test_an_error_of_an_item_is_told_and_the_runtime_goes_on(model):
    runtime, many = Runtime(model), items(6)

    def broken():
        yield from many[:3]
        raise OSError("no picture")

    with pytest.raises(OSError, match="no picture"):
        runtime.run(broken())
    assert threading.active_count() < 50
    assert runtime.run(many).shape == (6, 40)


def test_bf16_is_near_fp32_where_the_processor_has_it(model):
    if "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bf16")
    many = items(10)
    full, half = Runtime(model).run(many), Runtime(model, "bf16").run(many)
    cosines = (full * half).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert cosines.min() > 0.999 and (full != half).any()


def test_a_precision_that_cannot_be_had_is_an_error(model, monkeypatch):
    with pytest.raises(AisleError, match="must be one of fp32, bf16, not 'fp16'"):
        Runtime(model, "fp16")

    class Old:
        def get_property(self, device, name):
            return ["FP32"]

    monkeypatch.setattr(module, "core", Old)
    with pytest.raises(AisleError, match="must be fp32 on this processor"):
        Runtime(model, "bf16")
