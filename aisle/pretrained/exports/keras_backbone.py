"""Convolutional backbones of keras.applications without their top, each with its own preprocessing."""

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from aisle.pipeline.params import Section
from aisle.pretrained.exports.registry import agree
from aisle.pretrained.runtime import Runtime, core, save

Architecture = Literal[
    "VGG16", "ResNet50", "EfficientNetB0", "InceptionV3", "MobileNetV2", "MobileNetV3Small"
]
IMAGENET_SD = np.array([0.229, 0.224, 0.225], np.float32)
MODULES = {
    "VGG16": "vgg16",
    "ResNet50": "resnet50",
    "EfficientNetB0": "efficientnet",
    "InceptionV3": "inception_v3",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3",
}
"""The class's module in keras.applications, which has its `preprocess_input`."""


def build(architecture: str, side: int, weights: Path | None, seed: int | None) -> Any:
    """Return the Keras model, RGB 0-255 (n, side, side, 3) to the last feature map; random if no weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    keras.utils.clear_session()  # layer names are counted, and stand in the export
    keras.utils.set_random_seed(seed or 0)
    shape = (side, side, 3)
    backbone = getattr(keras.applications, architecture)(
        include_top=False, weights=str(weights) if weights else None, input_shape=shape
    )
    if weights and architecture == "EfficientNetB0":
        # Keras adds this layer for weights="imagenet" alone, though the official file needs it however it is
        # loaded: the input divided by the root of ImageNet's sd. No bias: dividing the kernel does the same.
        kernel = backbone.get_layer("stem_conv").kernel
        kernel.assign(kernel / np.sqrt(IMAGENET_SD)[None, None, :, None])
    pictures = keras.Input(shape, name="pictures")
    return keras.Model(pictures, backbone(preprocess(architecture, pictures)))


def preprocess(architecture: str, pictures: Any) -> Any:
    """Return what the architecture's backbone reads, of RGB 0-255."""
    import keras

    return getattr(keras.applications, MODULES[architecture]).preprocess_input(pictures)


def write(model: Any, side: int, path: Path, what: str) -> np.ndarray:
    """Write a Keras model of pictures (1, side, side, 3) as an OpenVINO model (.xml).

    Returns
    -------
    numpy.ndarray
        Keras's result for a fixed picture, with which the written model's agrees.

    Raises
    ------
    AisleError
        If it does not agree; `what` names the model.
    """
    core()
    import openvino
    import tensorflow as tf

    signature = [tf.TensorSpec((1, side, side, 3), tf.float32, "pictures")]
    function = tf.function(lambda pictures: model(pictures, training=False), input_signature=signature)
    save(openvino.convert_model(function), path)
    picture = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
    expected = function(picture).numpy()[0]
    agree(expected, Runtime(path).run([picture])[0], what)
    return expected


class Export(Section):
    """A backbone as an OpenVINO model: model.xml, picture (1, side, side, 3) to map (1, h, w, channels).

    Parameters
    ----------
    architecture
        A class of keras.applications.
    side
        Side of the square picture that the model reads, in pixels.
    """

    architecture: Architecture
    side: int = Field(224, ge=75)

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write the model, and compare it with Keras on a fixed picture."""
        model = build(self.architecture, self.side, next(iter(files.values()), None), seed)
        expected = write(model, self.side, folder / "model.xml", self.architecture)
        return {
            "architecture": self.architecture,
            "side": self.side,
            "map": list(expected.shape),
            "parameters": model.count_params(),
        }
