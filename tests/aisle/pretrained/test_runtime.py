"""pretrained/runtime.py: rows in order, each of its item alone, made while others are computed."""

import threading

import numpy as np
import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained import runtime as module
from aisle.pretrained.runtime import Runtime, core, precisions, quantise, save


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


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.999), ("int8", 0.99)])
def test_a_lower_precision_is_near_fp32_where_the_processor_has_it(model, precision, least):
    if precision not in precisions():
        pytest.skip(f"this processor has no {precision}")
    many = items(10)
    full, low = Runtime(model).run(many), Runtime(model, precision).run(many)
    cosines = (full * low).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(low, axis=1)
    assert cosines.min() > least and (full != low).any()
    np.testing.assert_array_equal(np.stack([Runtime(model, precision).run([item])[0] for item in many]), low)


def product(weights, transposed):
    """Return a model of one matrix product."""
    from openvino import Model, opset13

    given = opset13.parameter([-1, weights.shape[int(transposed)]], np.float32)
    return Model([opset13.matmul(given, weights, False, transposed)], [given], "product")


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_in_int8_is_off_by_half_a_step_of_its_output_at_most(transposed):
    core()
    wanted = np.random.default_rng(0).normal(size=(64, 40)).astype(np.float32)
    wanted[:, 3] = 0  # what is nothing stays nothing
    wanted[:, 5] *= 1000  # takes no other output's digits
    model = quantise(product(wanted.T.copy() if transposed else wanted, transposed))
    rows = np.eye(64, dtype=np.float32)
    compiled = core().compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    )
    found = compiled(rows)[0]
    step = np.abs(wanted).max(axis=0) / 127
    assert (np.abs(found - wanted) <= step / 2 + 1e-4 * step).all()


def test_a_matrix_of_no_whole_groups_stays_as_it_is(model):
    """OpenVINO reads what lies behind it, and gives other vectors from run to run."""
    kinds = [node.get_element_type().to_string() for node in quantise(core().read_model(model)).get_ops()]
    assert kinds.count("i8") == 2  # of three: the first has three inputs


def test_int8_is_of_models_that_have_matrices():
    core()
    from openvino import Model, opset13

    given = opset13.parameter([1, 3, 8, 8], np.float32)
    kernel = np.ones((4, 3, 3, 3), np.float32)
    with pytest.raises(AisleError, match="int8 is of models of matrices"):
        quantise(
            Model([opset13.convolution(given, kernel, [1, 1], [1, 1], [1, 1], [1, 1])], [given], "picture")
        )


def test_a_precision_that_cannot_be_had_is_an_error(model, monkeypatch):
    with pytest.raises(AisleError, match="must be one of fp32, bf16, int8, not 'fp16'"):
        Runtime(model, "fp16")

    class Old:
        def get_property(self, device, name):
            return ["FP32"]

    monkeypatch.setattr(module, "core", Old)
    for precision in ("bf16", "int8"):
        with pytest.raises(AisleError, match=f"must be fp32 on this processor, which has no {precision}"):
            Runtime(model, precision)
