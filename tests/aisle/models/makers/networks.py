"""Fit dense heads and fusion networks in a process of their own; keep what Keras says beside the estimators.

Usage: networks.py OUTPUT. Writes a joblib file: name to value.
"""

import importlib
import sys

import joblib
import numpy as np
from scipy.special import softmax

from aisle.models.fusion_networks.networks import AttentionFusion, DenseFusion
from aisle.models.heads import keras_trainer
from aisle.models.heads.keras_trainer import Training
from aisle.models.heads.mlp import DenseHead, DenseNetwork, one_hot

TRAINING = Training(epochs=20, batch_size=32, learning_rate=3e-3, label_smoothing=0.05)
WIDTHS = (12, 30)


def keras_says(estimator, network, inputs):
    """Return the probabilities of the Keras model that the estimator was trained with."""
    with keras_trainer.trainer(network, TRAINING) as trainer:
        for variable in trainer.variables:
            variable.assign(estimator.weights_[variable.path])
        return softmax(trainer.model([each.astype("f") for each in inputs], training=False).numpy(), axis=1)


def keras_learns(network, X, targets, seed):
    """Return the weights after the same epochs of the same network by Keras' own optimiser and loss."""
    trainer = keras_trainer.Trainer(network, TRAINING)
    rng, model = trainer.reset(seed), trainer.model
    keras = keras_trainer.frameworks()[1]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=TRAINING.label_smoothing)
    model.compile(keras.optimizers.Adam(), loss)
    steps = -(-len(X) // TRAINING.batch_size)
    for epoch in range(TRAINING.epochs):
        order = rng.permutation(len(X))
        for step in range(steps):
            progress = (epoch * steps + step) / (steps * TRAINING.epochs)
            model.optimizer.learning_rate = TRAINING.learning_rate * (1 + np.cos(np.pi * progress)) / 2
            rows = order[step * TRAINING.batch_size : (step + 1) * TRAINING.batch_size]
            model.train_on_batch(X[rows], targets[rows])
    return {each.path: each.numpy() for each in trainer.variables}


def vectors(seed, n=200):
    """Return fused vectors and categories: either part tells a category, some rows lack one."""
    centres = np.random.default_rng(0).normal(size=(4, sum(WIDTHS)))
    rng = np.random.default_rng(seed)
    codes = rng.integers(4, size=n)
    X = centres[codes] + 1.5 * rng.normal(size=(n, sum(WIDTHS)))
    X[: n // 10, : WIDTHS[0]] = 0
    X[-n // 10 :, WIDTHS[0] :] = 0
    return X.astype(np.float32), np.array(list("abcd"))[codes]


X, y = vectors(1)
unseen, truth = vectors(2)
found = {"unseen": unseen, "truth": truth, "y": y}

head = DenseHead(TRAINING, (16, 8), 0.3, "root", seed=0).fit(X, y)
network = next(iter(keras_trainer._IDLE))[0]
found["dense"] = head, keras_says(head, network, [head._scaled(unseen)])
again = DenseHead(TRAINING, (16, 8), 0.3, "root", seed=0)
found["reset"] = again.fit(X, y).weights_
keras_trainer._IDLE.clear()
found["fresh"] = again.fit(X, y).weights_
found["seed"] = DenseHead(TRAINING, (16, 8), 0.3, "root", seed=1).fit(X, y).weights_
found["watched"] = DenseHead(TRAINING, (16, 8), 0.3, "root", seed=0).fit(X, y, (unseen, truth))
found["two"] = DenseHead(TRAINING, (16, 8), 0.3, "root").fit(X[y < "c"], y[y < "c"])

plain, targets = DenseNetwork(sum(WIDTHS), (16, 8), 0.0, 4), one_hot(y, np.unique(y))
with keras_trainer.trainer(plain, TRAINING) as trainer:
    found["ours"] = trainer.fit([X], targets, seed=0)[0]
found["keras"] = keras_learns(plain, X, targets, seed=0)

classes = {"dense_fusion": DenseFusion, "attention": AttentionFusion}
for name, kind in classes.items():
    fitted = kind(TRAINING, WIDTHS, n_components=10, dropout=0.2, seed=0).fit(X, y)
    parts = fitted.parts_.transform(unseen)
    network = fitted.network((parts[0].shape[1], parts[1].shape[1]), 4)
    found[name] = fitted, keras_says(fitted, network, [*parts, fitted.parts_.present(unseen)])
    keras_trainer._IDLE.clear()
    found[f"{name}_fresh"] = kind(TRAINING, WIDTHS, n_components=10, dropout=0.2, seed=0).fit(X, y).weights_
    texts = X.copy()
    texts[:, WIDTHS[0] :] = 0
    found[f"{name}_texts"] = kind(TRAINING, WIDTHS, n_components=10, dropout=0.2).fit(texts, y)
chance = np.random.default_rng(3).permutation(y)
found["shuffled"] = {
    "dense": DenseHead(TRAINING, (16, 8), 0.3).fit(X, chance),
    **{name: kind(TRAINING, WIDTHS, n_components=10).fit(X, chance) for name, kind in classes.items()},
}
found["drawing"] = [name for name in ("matplotlib", "cv2", "IPython") if name in sys.modules]
importlib.import_module("matplotlib.pyplot")
joblib.dump(found, sys.argv[1])
