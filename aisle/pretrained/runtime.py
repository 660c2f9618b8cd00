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

Precision = Literal["fp32", "bf16"]
HINTS = {"fp32": "f32", "bf16": "bf16"}
AHEAD = 2
"""Requests that wait for each core, so that decoding and inference overlap."""


@cache
def core() -> Any:
    """Return OpenVINO's core; its telemetry, which would look for the network, is not imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core()


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
        `fp32`, or `bf16` where the processor has it: 1.1 to 1.9 times as fast as fp32
        (docs/benchmarks/encoders.json).

    Raises
    ------
    AisleError
        If the processor lacks the precision.
    """

    def __init__(self, path: Path, precision: str = "fp32") -> None:
        if precision not in HINTS:
            raise AisleError(f"precision must be one of {', '.join(HINTS)}, not {precision!r}")
        if precision == "bf16" and "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise AisleError("precision must be fp32 on this processor, which has no bf16; found bf16")
        cores = len(os.sched_getaffinity(0))
        config = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "NUM_STREAMS": cores,
            "INFERENCE_NUM_THREADS": cores,
        }
        compiled = core().compile_model(path, "CPU", config)
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
