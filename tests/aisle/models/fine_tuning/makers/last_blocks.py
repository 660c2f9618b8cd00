"""Measure what lies above BELOW_LAST_BLOCK in every architecture, and whether the two parts are the whole."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from aisle.models.fine_tuning.keras_backbone import BELOW_LAST_BLOCK
from aisle.pretrained.exports.keras_backbone import build, preprocess

found = {}
picture = np.random.default_rng(0).uniform(0, 255, (1, 96, 96, 3)).astype("float32")
for name, below in BELOW_LAST_BLOCK.items():
    model = build(name, 96, None, 0)
    backbone = model.layers[-1]
    cut = backbone.get_layer(below).output
    tail = keras.Model(cut, backbone.output)
    lower = keras.Model(backbone.input, cut)(preprocess(name, picture.copy()), training=False)
    whole = np.asarray(model(picture, training=False))
    parts = np.asarray(tail(lower, training=False))
    convolutions = [each.name for each in tail.layers if "Conv" in type(each).__name__]
    found[name] = {
        "difference": float(np.abs(parts - whole).max() / np.abs(whole).max()),
        "share": sum(np.prod(each.shape) for each in tail.weights) / model.count_params(),
        "convolutions": len(convolutions),
        "same_weights": all(any(each is other for other in backbone.weights) for each in tail.weights),
    }
Path(sys.argv[1], "found.json").write_text(json.dumps(found))
