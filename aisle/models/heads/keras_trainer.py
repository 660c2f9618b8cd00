"""Train a small Keras network many times over, on vectors in memory.

A study fits dozens of the same network, each for a second or less. `model.fit` would trace each anew, and pay
for its callbacks and data pipeline in every epoch. So a network is built and compiled once, an epoch is one
call of its graph, and before each fit weights, optimiser and dropout are set back to the seed's start: the
result is that of a fresh network, bit for bit. A step of Adam is TensorFlow's own fused operation: Keras' is
a dozen passes over all weights, a fifth of a fit where two run side by side.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Protocol

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from aisle.pipeline.cores import processors
from aisle.pipeline.errors import AisleError

_LOCK = Lock()


@cache
def frameworks() -> tuple[Any, Any]:
    """Return the modules tensorflow and keras, with a single thread for each operation.

    More threads would add in another order, and the last bits depend on the number of cores; whole fits run
    in parallel instead. What Keras draws with is not imported, a fifth of the time: it is told that it is
    not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    modules: dict[str, Any] = sys.modules
    drawing = [name for name in ("matplotlib", "cv2", "IPython") if name not in modules]
    modules.update(dict.fromkeys(drawing))
    try:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(processors())
        import keras
    finally:
        for name in drawing:
            del modules[name]
    if keras.backend.backend() != "tensorflow":
        raise AisleError(f"KERAS_BACKEND must be tensorflow, not {keras.backend.backend()!r}")
    return tf, keras


class Network(Protocol):
    """What is trained; equal networks share what is compiled, so it must be hashable."""

    def build(self) -> Any:
        """Return a Keras model of one or several inputs, to logits (n, categories)."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Training:
    """How a network is trained: Adam on cross-entropy, for a fixed number of epochs.

    Not a `Section`: it is saved with a model, and pickles of these have sets, whose order is not fixed.

    Attributes
    ----------
    epochs
        Passes over the training part.
    batch_size
        Rows of a step.
    learning_rate
        Of Adam; it falls to zero along a cosine, step by step.
    label_smoothing
        Share of each label that is spread over all categories.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)


Vary = Callable[[np.random.Generator], Sequence[np.ndarray]]
"""Returns inputs that are drawn anew for each epoch, after those that stay."""
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}
"""Keras' values (Kingma and Ba 2015)."""


class Trainer:
    """A compiled network, trained again and again from its start.

    Parameters
    ----------
    network, training
        What, and how.
    """

    def __init__(self, network: Network, training: Training) -> None:
        tf, keras = frameworks()
        self.training = training
        self.model = network.build()
        self.variables = self.model.trainable_variables
        self.moments = [[tf.Variable(tf.zeros(each.shape)) for _ in "mv"] for each in self.variables]
        self.steps = tf.Variable(0.0)
        self._starts: dict[int, tuple[list[Any], Any]] = {}
        self.loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=training.label_smoothing, reduction="sum"
        )
        inputs = [tf.TensorSpec(each.shape, tf.float32) for each in self.model.inputs]
        targets = tf.TensorSpec((None, self.model.output.shape[-1]), tf.float32)
        order, rate = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32)
        self._epoch = tf.function(self._run_epoch, (inputs, targets, order, rate), autograph=False)
        self._evaluate = tf.function(self._run_evaluation, (inputs, targets), autograph=False)

    def _scores(self, targets: Any, logits: Any) -> Any:
        """Return the sum of the losses and the number of right predictions."""
        tf, _ = frameworks()
        right = tf.equal(tf.argmax(logits, 1), tf.argmax(targets, 1))
        return tf.stack([self.loss(targets, logits), tf.reduce_sum(tf.cast(right, tf.float32))])

    def _run_evaluation(self, inputs: list[Any], targets: Any) -> Any:
        return self._scores(targets, self.model(inputs, training=False))

    def _run_epoch(self, inputs: list[Any], targets: Any, order: Any, rates: Any) -> Any:
        """Take one step for each of `rates`; return the scores' sums, as they were during training."""
        tf, _ = frameworks()
        size = self.training.batch_size

        def step(number: Any, total: Any) -> tuple[Any, Any]:
            rows = order[number * size : (number + 1) * size]
            some, wanted = [tf.gather(each, rows) for each in inputs], tf.gather(targets, rows)
            with tf.GradientTape() as tape:
                scores = self._scores(wanted, self.model(some, training=True))
                loss = scores[0] / tf.cast(tf.size(rows), tf.float32)
            self._apply_adam(tape.gradient(loss, [each.value for each in self.variables]), rates[number])
            return number + 1, total + scores

        start = tf.constant(0), tf.zeros(2)
        return tf.while_loop(lambda number, _: number < tf.size(rates), step, start)[1]

    def _apply_adam(self, gradients: list[Any], rate: Any) -> None:
        tf, _ = frameworks()
        done = self.steps.assign_add(1.0)
        powers = {f"{name}_power": tf.pow(ADAM[name], done) for name in ("beta1", "beta2")}
        for variable, (m, v), gradient in zip(self.variables, self.moments, gradients, strict=True):
            handles = {"var": variable.value.handle, "m": m.handle, "v": v.handle}
            tf.raw_ops.ResourceApplyAdam(**handles, **powers, **ADAM, lr=rate, grad=gradient)

    def reset(self, seed: int) -> np.random.Generator:
        """Set the network to the start of a seed: Glorot's uniform kernels, zero biases, no moments.

        Returns
        -------
        numpy.random.Generator
            For the order of the rows.
        """
        tf, keras = frameworks()
        rng = np.random.default_rng(seed)
        if seed not in self._starts:  # drawn once: a study's fits begin with the same seed
            glorot = [keras.initializers.GlorotUniform(int(rng.integers(2**31))) for _ in self.variables]
            values = [
                draw(each.shape) if len(each.shape) > 1 else tf.zeros(each.shape)
                for draw, each in zip(glorot, self.variables, strict=True)
            ]
            self._starts[seed] = values, rng.bit_generator.state
        values, rng.bit_generator.state = self._starts[seed]
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
        for layer in self.model.layers:
            if getattr(layer, "seed_generator", None) is not None:
                layer.seed_generator.state.assign(rng.integers(2**31, size=2))
        for variable in (self.steps, *(each for pair in self.moments for each in pair)):
            variable.assign(tf.zeros(variable.shape))
        return rng

    def fit(
        self,
        inputs: Sequence[np.ndarray],
        targets: np.ndarray,
        seed: int,
        validation: tuple[Sequence[np.ndarray], np.ndarray] | None = None,
        vary: Vary | None = None,
    ) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
        """Train from the start.

        Parameters
        ----------
        inputs
            Arrays (n, ...), one for each input of the model; those that `vary` draws come last and are left
            out here.
        targets
            One-hot (n, categories).
        seed
            Of weights, dropout and the order of the rows.
        validation
            Inputs, those of `vary` too, and targets, scored after each epoch; nothing is learned from them.
        vary
            See `Vary`.

        Returns
        -------
        weights, history
            Name of each variable (`layer/kernel`) to its values; `loss`, `accuracy` and, with validation
            data, `val_loss`, `val_accuracy` of each epoch.
        """
        tf, _ = frameworks()
        training, n = self.training, len(targets)
        rng = self.reset(seed)
        steps = -(-n // training.batch_size)
        progress = np.arange(steps * training.epochs) / (steps * training.epochs)
        rates = (training.learning_rate * (1 + np.cos(np.pi * progress)) / 2).reshape(training.epochs, steps)
        fixed, wanted = [tf.constant(each, tf.float32) for each in inputs], tf.constant(targets, tf.float32)
        history: dict[str, list[float]] = defaultdict(list)
        for rate in rates:
            drawn = [tf.constant(each, tf.float32) for each in vary(rng)] if vary else []
            order = rng.permutation(n).astype(np.int32)
            total = self._epoch([*fixed, *drawn], wanted, order, rate.astype(np.float32)).numpy()
            history["loss"].append(float(total[0] / n))
            history["accuracy"].append(float(total[1] / n))
            if validation:
                total = self._evaluate([each.astype("f") for each in validation[0]], validation[1]).numpy()
                history["val_loss"].append(float(total[0] / len(validation[1])))
                history["val_accuracy"].append(float(total[1] / len(validation[1])))
        return {each.path: each.numpy() for each in self.variables}, dict(history)


_IDLE: dict[tuple[Network, Training], list[Trainer]] = defaultdict(list)


@contextmanager
def trainer(network: Network, training: Training) -> Iterator[Trainer]:
    """Lend a trainer, compiled before where one is idle; several threads get one each."""
    key = network, training
    with _LOCK:  # Keras builds one model at a time
        lent = _IDLE[key].pop() if _IDLE[key] else Trainer(network, training)
    try:
        yield lent
    finally:
        _IDLE[key].append(lent)
