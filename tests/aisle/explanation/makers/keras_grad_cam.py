"""Export two random backbones; keep their heads of relu layers and what GradientTape makes of them."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from aisle.pretrained import description, status
from aisle.pretrained.exports.keras_backbone import build, write

folder, side, k = Path(sys.argv[1]), 64, 4
pictures = np.random.default_rng(0).uniform(0, 255, (3, side, side, 3)).astype("float32")
np.save(folder / "pictures.npy", pictures)
for name, units in (("VGG16", [16, 8]), ("MobileNetV3Small", [])):
    out = folder / name
    out.mkdir()
    backbone = build(name, side, None, 1)
    shape = write(backbone, side, out / "model.xml", name).shape
    dense = [keras.layers.Dense(n, "relu") for n in units] + [keras.layers.Dense(k)]
    head = keras.Sequential([keras.layers.GlobalAveragePooling2D(), *dense])
    rng = np.random.default_rng(2)
    maps = backbone(pictures, training=False)
    head.build(maps.shape)
    for layer in dense:
        layer.set_weights([rng.normal(size=each.shape) / 4 for each in layer.get_weights()])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        scores = head(maps)
        index = np.argmin(scores, axis=1)  # any class will do
        score = tf.gather(scores, index, axis=1, batch_dims=1)
    gradient = tape.gradient(score, maps)
    channel = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    np.savez(
        out / "expected.npz",
        index=index,
        cam=tf.nn.relu(tf.reduce_sum(channel * maps, axis=-1)).numpy(),
        **{f"kernel{i}": each.kernel.numpy() for i, each in enumerate(dense)},
        **{f"bias{i}": each.bias.numpy() for i, each in enumerate(dense)},
    )
    facts = {"architecture": name, "side": side, "map": list(shape)}
    description.write(
        description.Weights(status.UNTRAINED, "random", export="keras_backbone", facts=facts), out
    )
