"""Memory of the stages that hold many products at a time, on drawn predictions: no model is fitted for it.

What `pipeline` measures after hours, of stages that are long in fitting what these read: the products are
generated (texts, tree), their folds are made; predictions and vectors are drawn, in the shape and the number
that the pipeline's have.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from aisle.catalogue.labelled import labelled
from aisle.models import cross_fitting
from aisle.pipeline import tables
from aisle.representations import recipes, vectors_file
from tools.scale import pipeline

SIZES = (1_000, 10_000)
NEEDED = (
    "list_models", "ingest", "prepare_images", "preprocess_text", "make_folds",
    "fetch_weights@mobilenet_v2", "fine_tune@mobilenet_v2_fine_tuned",
)  # fmt: skip
"""Stages whose outputs the others read; the last two say that weights are absent."""
STAGES = ("fuse_features", "fuse", "evaluate", "audit_labels", "explain_fusion")
MODELS = {"text_baseline": ("text", 5.0), "descriptors": ("image", 3.0)}
"""Model to what it reads and how much surer it is of the right category, in log-odds."""
WIDTHS = {"text": ("tfidf", 2_000, 0.03), "image": ("descriptors", 48, 1.0)}
"""Modality to the name of its vectors, their length, and the share that is not 0."""


class Drawn(ClassifierMixin, BaseEstimator):
    """Probabilities that are drawn, most of them in favour of the right category, which is the input.

    Parameters
    ----------
    seed
        Of what is drawn.
    surer
        By how much the right category's logit is the larger.
    """

    def __init__(self, seed: int, surer: float) -> None:
        self.seed, self.surer = seed, surer

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Drawn":
        """Learn which categories there are."""
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, categories)."""
        logits = np.random.default_rng(self.seed).normal(0, 1.5, (len(X), len(self.classes_)))
        logits += self.surer * (X[:, None] == self.classes_)
        return softmax(logits, axis=1)


def draw(workspace: Path) -> None:
    """Write the predictions and the vectors of a workspace that has its folds."""
    folds = tables.read(workspace / "data/folds.parquet")
    own, label = labelled(folds), folds.attrs["catalogue"]
    for seed, (name, (modality, surer)) in enumerate(MODELS.items()):
        given, here = own["category"].to_numpy(str), np.ones(len(own), bool)
        table = cross_fitting.out_of_fold(Drawn(seed, surer), given, here, own)
        path = workspace / f"predictions/classifiers/{name}.parquet"
        tables.write(table, path, label, weights="none", modalities=modality, title=name)
    for modality, (name, width, share) in WIDTHS.items():
        recipe = recipes.VectorRecipe.model_validate(
            {"modality": modality, "encoder": name, "weights": "none", "learned": True}
        )
        about = {"encoder": name, "weights": "none", "catalogue": label, "recipe": recipe.model_dump_json()}
        rows = _vectors(folds[tables.KEY], width, share)
        vectors_file.write_batches(rows, about, workspace / f"features/{modality}/{name}.parquet")


def _vectors(ids: pd.Series, width: int, share: float) -> Iterable[tuple[list[str], np.ndarray]]:
    rng = np.random.default_rng(0)
    for start in range(0, len(ids), vectors_file.ROWS):
        some = ids.iloc[start : start + vectors_file.ROWS].tolist()
        drawn = rng.random((len(some), width), np.float32)
        drawn[rng.random(drawn.shape) >= share] = 0
        yield some, drawn


def measure(products: Iterable[int] = SIZES) -> dict[str, Any]:
    """Return the costs of each stage at each size, and how they grow from each size to the next."""
    runs = {}
    for n in sorted(products):
        workspace = pipeline.prepared(n, pictures=False)
        before = pipeline.run(workspace, NEEDED)
        draw(workspace)
        runs[n] = {"make_folds": before["make_folds"], **pipeline.run(workspace, STAGES)}
    result: dict[str, Any] = {str(n): {"stages": costs} for n, costs in runs.items()}
    for few, many in zip(list(runs)[:-1], list(runs)[1:], strict=True):
        result[f"growth_{few}_{many}"] = pipeline.growth(runs[few], runs[many], many / few)
    return result
