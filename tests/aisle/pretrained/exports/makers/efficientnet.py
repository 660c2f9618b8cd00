"""EfficientNetB0 from a file: by our `build`, as Keras has it for `weights="imagenet"`, and without that."""

import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np

from aisle.pretrained.exports.keras_backbone import build

folder = Path(sys.argv[1])
keras.utils.set_random_seed(1)
shape = {"include_top": False, "input_shape": (224, 224, 3)}
plain = keras.applications.EfficientNetB0(weights=None, **shape)
plain.save_weights(folder / "w.weights.h5")
picture = np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype("float32")
np.save(folder / "without.npy", plain.predict(picture, verbose=0))
built = build("EfficientNetB0", 224, folder / "w.weights.h5", None)
np.save(folder / "ours.npy", built.predict(picture, verbose=0))
# the official file is not to be had: Keras builds what it builds for imagenet, and gets the weights from ours
with mock.patch.object(keras.Model, "load_weights"), mock.patch("keras.src.utils.file_utils.get_file"):
    official = keras.applications.EfficientNetB0(weights="imagenet", **shape)
layers = ([layer for layer in model.layers if layer.weights] for model in (plain, official))
for ours, theirs in zip(*layers, strict=True):
    theirs.set_weights(ours.get_weights())
np.save(folder / "keras.npy", official.predict(picture, verbose=0))
