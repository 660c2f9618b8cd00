"""EfficientNet-Lite0 without its top, built layer by layer in OpenVINO from Google's ImageNet weights.

Tan and Le 2019; the Lite variants have relu6 for swish, and no squeeze-and-excitation, so that they quantise
well. The layout is that of timm's `tf_efficientnet_lite0`; a checkpoint holds its tensors in that order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from pydantic import Field

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.pretrained.exports.registry import agree
from aisle.pretrained.runtime import Runtime, core, save

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112)]
STAGES += [(4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
"""Blocks, kernel, stride of the first block, expansion and output channels of each stage."""
STEM, TOP = 32, 1280
CLASSIFIER = 2
"""Tensors of a checkpoint after the layers: the classifier's kernel and bias, which are not read."""
EPSILON = 1e-3
"""Of TensorFlow's batch normalisation."""
MEAN, SCALE = 127.0, 128.0
"""What is subtracted from RGB 0-255, and what that is divided by."""


@dataclass(frozen=True)
class Layer:
    """A convolution without bias, with its batch normalisation; relu6 follows unless it is linear.

    A block begins where `opens` is set; where it ends with `closes`, its input is added to its output.
    """

    kernel: int
    stride: int
    channels_in: int
    channels_out: int
    depthwise: bool = False
    linear: bool = False
    opens: bool = False
    closes: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Return the kernel's shape, as PyTorch has it: (out, in per group, height, width)."""
        return (self.channels_out, 1 if self.depthwise else self.channels_in, self.kernel, self.kernel)


def layers() -> Iterator[Layer]:
    """Yield the layers in the order of a checkpoint."""
    yield Layer(3, 2, 3, STEM)
    channels = STEM
    for blocks, kernel, stride, expansion, out in STAGES:
        for number in range(blocks):
            step, wide = (stride if number == 0 else 1), channels * expansion
            residual = step == 1 and channels == out
            if expansion > 1:
                yield Layer(1, 1, channels, wide, opens=True)
            yield Layer(kernel, step, wide, wide, depthwise=True, opens=expansion == 1)
            yield Layer(1, 1, wide, out, linear=True, closes=residual)
            channels = out
    yield Layer(1, 1, channels, TOP)


Kernels = list[tuple[np.ndarray, np.ndarray]]
"""Kernel and bias of each layer, the batch normalisation folded in."""


def read(path: Path) -> Kernels:
    """Return the kernels of a checkpoint (.pth): a mapping of tensors, with or without the classifier's two.

    Raises
    ------
    AisleError
        If it is no such mapping, or its tensors are not those of EfficientNet-Lite0.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # its words are of several lines, and advise to load it unsafely
        raise AisleError(f"{path.name} must be a PyTorch checkpoint of tensors alone; it is not") from error
    if not isinstance(state, dict) or not all(isinstance(each, torch.Tensor) for each in state.values()):
        raise AisleError(f"{path.name} must hold a mapping of names to tensors; it holds something else")
    tensors = [
        value.numpy().astype(float) for key, value in state.items() if "num_batches_tracked" not in key
    ]
    planned = list(layers())
    wanted = [shape for layer in planned for shape in (layer.shape, *[(layer.channels_out,)] * 4)]
    found = [tensor.shape for tensor in tensors]
    must = f"{path.name} must hold EfficientNet-Lite0 in timm's order"
    for place, (shape, right) in enumerate(zip(found, wanted, strict=False)):
        if shape != right:
            raise AisleError(
                f"{must}: tensor {place} of shape {right}; it has tensor {place} of shape {shape}"
            )
    if len(found) - len(wanted) not in (0, CLASSIFIER):
        counts = f"{len(wanted)} tensors, or {len(wanted) + CLASSIFIER} with a classifier"
        raise AisleError(f"{must}: {counts}; it has {len(found)} tensors")
    folded = []
    for number in range(len(planned)):
        kernel, weight, bias, mean, variance = tensors[5 * number : 5 * number + 5]
        factor = weight / np.sqrt(variance + EPSILON)
        folded.append((kernel * factor[:, None, None, None], bias - mean * factor))
    return folded


def draw(seed: int) -> Kernels:
    """Return random kernels (He et al. 2015) and zero biases."""
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(0, np.sqrt(2 / np.prod(layer.shape[1:])), layer.shape), np.zeros(layer.channels_out))
        for layer in layers()
    ]


def build(kernels: Kernels, side: int) -> Any:
    """Return the OpenVINO model: picture (1, side, side, 3), RGB 0-255, to map (1, h, w, 1280)."""
    import openvino
    from openvino import opset13 as ops

    picture = ops.parameter([1, side, side, 3], np.float32, name="picture")
    scaled = ops.divide(ops.subtract(picture, np.float32(MEAN)), np.float32(SCALE))
    values = ops.transpose(scaled, np.array([0, 3, 1, 2]))
    block = values
    for layer, (kernel, bias) in zip(layers(), kernels, strict=True):
        if layer.opens:
            block = values
        options: dict[str, Any] = {"pads_begin": [0, 0], "pads_end": [0, 0], "dilations": [1, 1]}
        options |= {"strides": [layer.stride] * 2, "auto_pad": "same_upper"}  # TensorFlow's padding
        weights = kernel.astype(np.float32)
        if layer.depthwise:
            values = ops.group_convolution(values, weights[:, None], **options)
        else:
            values = ops.convolution(values, weights, **options)
        values = ops.add(values, bias.astype(np.float32)[None, :, None, None])
        if not layer.linear:
            values = ops.clamp(values, 0.0, 6.0)
        if layer.closes:
            values = ops.add(values, block)
    return openvino.Model([ops.transpose(values, np.array([0, 2, 3, 1]))], [picture])


class Export(Section):
    """EfficientNet-Lite0 as an OpenVINO model: model.xml, picture (1, side, side, 3) to map (1, h, w, 1280).

    Parameters
    ----------
    side
        Side of the square picture that the model reads, in pixels.
    """

    side: int = Field(224, ge=32)

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write the model; `agree` holds the written one against the one that was built."""
        kernels = read(next(iter(files.values()))) if files else draw(seed or 0)
        model = build(kernels, self.side)
        picture = np.random.default_rng(0).uniform(0, 255, (1, self.side, self.side, 3)).astype(np.float32)
        expected = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(picture)[0][0]
        save(model, folder / "model.xml")
        agree(expected, Runtime(folder / "model.xml").run([picture])[0], "EfficientNet-Lite0")
        return {
            "architecture": "EfficientNetLite0",
            "side": self.side,
            "map": list(expected.shape),
            "parameters": sum(kernel.size + bias.size for kernel, bias in kernels),
        }
