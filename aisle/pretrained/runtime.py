"""The runtime of exported models: OpenVINO on the CPU, one item per request, a request for each core.

One item per request makes row i depend on item i alone, bit for bit; one thread per request makes it the same
on any number of cores. Why OpenVINO: docs/decisions/0008-weights-and-runtime.md.
"""

import os
import sys
from collections import deque
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aisle.pipeline.errors import AisleError

Precision = Literal["fp32", "bf16", "int8"]
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""OpenVINO's name of what is calculated in, but for matrices of int8."""
CAPABILITIES = {"bf16": "BF16", "int8": "INT8"}
"""What the processor must say that it has."""
GROUP = 64
"""Values of a vector that share a scale when it meets a matrix in int8; 64 was the fastest of 32, 64, 128."""
AHEAD = 2
"""Requests that wait for each core, so that decoding and inference overlap."""


@cache
def core() -> Any:
    """Return OpenVINO's core; its telemetry, which would look for the network, is not imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core()


def precisions() -> list[str]:
    """Return the precisions that this processor has."""
    found = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name in HINTS if name == "fp32" or CAPABILITIES[name] in found]


def quantise(model: Any) -> Any:
    """Round each constant matrix of a model's products to int8, a scale for each output; return the model.

    OpenVINO multiplies such a matrix in int8 and rounds what it meets, `GROUP` values by a scale of their
    own, as they come (its dynamic quantisation): no calibration, and an item's own values alone decide. To
    the weights it does what NNCF's `compress_weights` does in INT8_SYM mode; a package runs without NNCF.

    Raises
    ------
    AisleError
        If there is no such matrix of a multiple of `GROUP` inputs, as in a network of convolutions.
    """
    from openvino import opset13

    found = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weights = node.input_value(1).get_node()
        if weights.get_type_name() != "Constant" or len(weights.shape) != 2:
            continue
        values, inputs = weights.get_data(), int(node.get_attributes()["transpose_b"])
        if values.shape[inputs] % GROUP:  # OpenVINO 2026.4 reads beyond the end of a part of a group
            continue
        scale = np.abs(values).max(axis=inputs, keepdims=True) / 127
        rounded = np.rint(values / np.where(scale, scale, 1)).astype(np.int8)
        matrix = opset13.multiply(opset13.convert(opset13.constant(rounded), "f32"), opset13.constant(scale))
        node.input(1).replace_source_output(matrix.output(0))
        found += 1
    if not found:
        raise AisleError(
            "precision must be fp32 or bf16: int8 is of models of matrices, each of a multiple of "
            f"{GROUP} inputs; this one has none"
        )
    return model


def save(model: Any, path: Path) -> None:
    """Write an OpenVINO model in fp32: path.xml, path.bin.

    OpenVINO names model and nodes by a count of all that this process has made, and that depends on the
    number of cores once a model was compiled: they are named anew, so that the bytes are the same.
    """
    import openvino

    model.set_friendly_name(path.stem)
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name()}_{number}")
    openvino.save_model(model, path, compress_to_fp16=False)


class Runtime:
    """A compiled model.

    Parameters
    ----------
    path
        An exported model (.xml).
    precision
        `fp32`, or where the processor has it `bf16`, 1.1 to 1.9 times as fast
        (docs/benchmarks/encoders.json), or for transformers `int8`, see `quantise` (scale.json there).

    Raises
    ------
    AisleError
        If the processor lacks the precision.
    """

    def __init__(self, path: Path, precision: str = "fp32") -> None:
        if precision not in HINTS:
            raise AisleError(f"precision must be one of {', '.join(HINTS)}, not {precision!r}")
        if precision not in (known := precisions()):
            raise AisleError(
                f"precision must be {' or '.join(known)} on this processor, which has no {precision}"
            )
        cores = len(os.sched_getaffinity(0))
        config = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "NUM_STREAMS": cores,
            "INFERENCE_NUM_THREADS": cores,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP,  # of matrices of int8; there are none in fp32 and bf16
        }
        model = quantise(core().read_model(path)) if precision == "int8" else path
        compiled = core().compile_model(model, "CPU", config)
        self._requests = [compiled.create_infer_request() for _ in range(AHEAD * cores)]

    def run(self, items: Iterable[np.ndarray]) -> np.ndarray:
        """Return the model's output for each item, stacked: (n, ...), without the items' own first axis of 1.

        Items are taken as requests become free, so they may be made while others are computed.
        """
        free, busy, rows = deque(self._requests), deque[Any](), []
        try:
            for item in items:
                if not free:
                    rows.append(self._result(busy, free))
                request = free.popleft()
                request.start_async({0: item}, share_inputs=False)
                busy.append(request)
        finally:  # an item that cannot be made leaves no request at work
            while busy:
                rows.append(self._result(busy, free))
        return np.stack(rows)

    @staticmethod
    def _result(busy: deque[Any], free: deque[Any]) -> np.ndarray:
        request = busy.popleft()
        request.wait()
        free.append(request)
        return request.get_output_tensor(0).data[0].copy()
