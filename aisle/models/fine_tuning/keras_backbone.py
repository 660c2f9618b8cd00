"""Fine-tuning of keras.applications' backbones: a head on the global average, and the last block if wanted.

What stays frozen (the trunk) runs in OpenVINO, a picture once, or once per epoch where pictures are
augmented; Keras trains only what is above it. No gradient reaches the trunk, so that this is the training of
the whole network, without its costs. Batch normalisation stays in inference mode, also in the unfrozen block,
as Keras recommends (https://keras.io/guides/transfer_learning/).
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from tqdm import tqdm

from aisle.models.fine_tuning.base import HISTORY, Part, Training, Tuned, agree
from aisle.models.heads.relu_head import ReluHead, scaling
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.pretrained.exports import keras_backbone
from aisle.pretrained.runtime import Runtime
from aisle.representations.encoders.image.keras_backbone import stretched

BELOW_LAST_BLOCK = {
    "VGG16": "block4_pool",  # block5: three convolutions
    "ResNet50": "conv5_block2_out",  # the last residual block
    "EfficientNetB0": "block6d_add",  # block7a and the top convolution
    "InceptionV3": "mixed9",  # the last inception module
    "MobileNetV2": "block_15_add",  # block 16 and the top convolution
    "MobileNetV3Small": "expanded_conv_9_add",  # block 10 and the top convolution
}
"""The layer below each architecture's last block: all that follows is trained."""
THREADS = 2
"""Of TensorFlow, whatever the number of cores: how sums are split, and so the last bits, depends on it."""


class Augment(Section):
    """What a picture of the training part undergoes in each epoch: Keras's Random* layers, in this order.

    Parameters
    ----------
    flip
        Whether to mirror half of the pictures, left to right.
    rotation
        Largest angle to either side, as a share of a full turn.
    zoom
        Largest share by which it is enlarged or made smaller.
    brightness
        Largest share of the range of brightness that is added or taken.
    """

    flip: bool = False
    rotation: float = Field(default=0.0, ge=0, le=0.5)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    brightness: float = Field(default=0.0, ge=0, le=1)

    def layers(self, seed: int) -> list[Any]:
        """Return the layers that do something, for RGB 0-255."""
        from keras import layers

        made = []
        if self.flip:
            made.append(layers.RandomFlip("horizontal", seed=seed))
        if self.rotation:
            made.append(layers.RandomRotation(self.rotation, fill_mode="nearest", seed=seed + 1))
        if self.zoom:
            made.append(layers.RandomZoom(self.zoom, fill_mode="nearest", seed=seed + 2))
        if self.brightness:
            made.append(layers.RandomBrightness(self.brightness, value_range=(0, 255), seed=seed + 3))
        return made


class Tuner(Section):
    """A backbone, what of it is trained, and what its pictures undergo.

    Parameters
    ----------
    side
        Of the square picture, in pixels.
    unfreeze
        `none`: the head alone is trained; `last_block`: then also the block of BELOW_LAST_BLOCK.
    augment
        See `Augment`.
    """

    encoder_options: ClassVar[dict[str, Any]] = {"pooling": "avg", "precision": "fp32"}
    side: int = Field(224, ge=32)
    unfreeze: Literal["none", "last_block"] = "none"
    augment: Augment = Augment()

    def tune(
        self,
        options: dict[str, Any],
        files: dict[str, Path],
        seed: int | None,
        train: Part,
        validation: Part,
        training: Training,
        folder: Path,
    ) -> Tuned:
        """Train; write model.xml. See `aisle.models.fine_tuning.Model`."""
        architecture = options["architecture"]
        reproducible()
        model = keras_backbone.build(architecture, self.side, next(iter(files.values()), None), seed)
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(training.seed)
        backbone = model.layers[-1]
        below = backbone.output
        tail = None
        if self.unfreeze == "last_block":
            below = backbone.get_layer(BELOW_LAST_BLOCK[architecture]).output
            tail = keras.Model(below, backbone.output, name="last_block")
        pictures = keras.Input((self.side, self.side, 3), name="pictures")
        trunk = keras.Model(
            pictures, keras.Model(backbone.input, below)(keras_backbone.preprocess(architecture, pictures))
        )
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "trunk.xml"
            keras_backbone.write(trunk, self.side, path, f"{architecture}, what stays frozen")
            frozen = _Frozen(Runtime(path), pooled=tail is None)
        sized = [stretched(picture, self.side) for picture in train.pictures]
        known = frozen.run(sized, "training part")
        checked = frozen.run(
            [stretched(picture, self.side) for picture in validation.pictures], "validation part"
        )
        average = _average(tail)
        classes, y = np.unique(train.y, return_inverse=True)
        mean, scale = scaling(average.predict(known, batch_size=64, verbose=0))
        network, dense = _network(average, tail, mean, scale, len(classes), training)
        augmenting = self.augment.layers(training.seed)
        data: Any = known, y
        if augmenting:
            data = _augmented(sized, y, keras.Sequential(augmenting), frozen, training)
        history = _fit(network, tail, data, (checked, np.searchsorted(classes, validation.y)), training)
        head = ReluHead(
            classes,
            mean,
            scale,
            [tuple(np.asarray(each) for each in layer.get_weights()) for layer in dense],  # type: ignore[misc]
        )
        expected = keras_backbone.write(model, self.side, folder / "model.xml", f"{architecture}, tuned")
        some = np.stack([*sized[:4]]).astype(np.float32)
        right = tf.nn.softmax(network(frozen.run(list(some.astype(np.uint8)), None), training=False)).numpy()
        maps = Runtime(folder / "model.xml").run(picture[None] for picture in some)
        agree(right, head.predict_proba(maps.mean((1, 2))), architecture)
        facts = {
            "architecture": architecture,
            "side": self.side,
            "map": list(expected.shape),
            "parameters": model.count_params(),
            "trained_parameters": int(sum(np.prod(each.shape) for each in network.trainable_weights)),
        }
        return Tuned(head, facts, history)


def reproducible() -> None:
    """Make TensorFlow give the same bytes each time, on any number of cores."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what stops it is an exception
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise AisleError(f"TensorFlow must not have run before its threads are set; {error}") from None
    tf.config.experimental.enable_op_determinism()


class _Frozen:
    """What stays frozen, in OpenVINO; averaged over places if nothing above it reads places."""

    def __init__(self, runtime: Runtime, pooled: bool) -> None:
        self._runtime = runtime
        self._pooled = pooled

    def run(self, pictures: Sequence[np.ndarray], name: str | None) -> np.ndarray:
        """Return float32 (n, channels) or (n, h, w, channels) of pictures at the backbone's side."""
        bar = tqdm(pictures, desc=name, unit="picture", disable=None if name else True)
        maps = self._runtime.run(np.asarray(picture, np.float32)[None] for picture in bar)
        return maps.mean((1, 2)) if self._pooled else maps


def _average(tail: Any) -> Any:
    """Return the model from what is frozen to the last map's average."""
    import keras

    if tail is None:
        return keras.Sequential([keras.layers.Identity()])
    maps = keras.Input(tail.input.shape[1:])
    return keras.Model(maps, keras.layers.GlobalAveragePooling2D()(tail(maps, training=False)))


def _network(
    average: Any, tail: Any, mean: np.ndarray, scale: np.ndarray, k: int, training: Training
) -> tuple[Any, list[Any]]:
    """Return the model from what is frozen to k scores, and its dense layers."""
    import keras

    layers = keras.layers
    inputs = keras.Input(tail.input.shape[1:] if tail else mean.shape)
    # not Normalization, which divides by 1e-7 at least: features of random weights can be smaller
    values = layers.Rescaling(1 / scale, -mean / scale)(average(inputs))
    dense = []
    for units in training.units:
        values = layers.Dropout(training.dropout)(values)
        dense.append(layers.Dense(units, activation="relu"))
        values = dense[-1](values)
    dense.append(layers.Dense(k))
    return keras.Model(inputs, dense[-1](layers.Dropout(training.dropout)(values))), dense


def _augmented(
    sized: list[np.ndarray], y: np.ndarray, augment: Any, frozen: _Frozen, training: Training
) -> Any:
    """Return batches of the training part, augmented anew and in another order in each epoch."""
    import keras

    size, rng = training.batch_size, np.random.default_rng(training.seed)

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(y) // size)

        def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
            rows = self.order[i * size : (i + 1) * size]
            pictures = np.stack([sized[row] for row in rows]).astype(np.float32)
            return frozen.run(augment(pictures, training=True).numpy(), None), y[rows]

        def on_epoch_end(self) -> None:
            self.order = rng.permutation(len(y))

    return Batches()


def _fit(
    network: Any, tail: Any, data: Any, validation: tuple[np.ndarray, np.ndarray], training: Training
) -> list[dict[str, float]]:
    """Train the head, then head and block; leave the weights of the epoch with the lowest validation loss."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pairs = {"x": data[0], "y": data[1], "batch_size": training.batch_size} if isinstance(data, tuple) else {}
    source: dict[str, Any] = pairs or {"x": data, "shuffle": False}
    history: list[dict[str, float]] = []
    best, kept = np.inf, network.get_weights()

    def phase(epochs: int, learning_rate: float) -> None:
        nonlocal best, kept
        network.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
        stop = keras.callbacks.EarlyStopping(
            "val_loss", patience=training.patience, restore_best_weights=True
        )
        show: Callable[..., Any] = tqdm(total=epochs, unit="epoch", disable=None).update
        step = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: show())
        found = network.fit(
            **source, validation_data=validation, epochs=epochs, callbacks=[stop, step], verbose=0
        ).history
        for row in range(len(found["loss"])):
            history.append(
                {"epoch": len(history) + 1, **{name: float(found[name][row]) for name in HISTORY[1:]}}
            )
        if min(found["val_loss"]) < best:
            best, kept = min(found["val_loss"]), network.get_weights()

    if tail is not None:
        tail.trainable = False
    phase(training.head_epochs, training.head_learning_rate)
    if tail is not None and training.epochs:
        tail.trainable = True
        for layer in tail.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        phase(training.epochs, training.learning_rate)
    network.set_weights(kept)
    return history
