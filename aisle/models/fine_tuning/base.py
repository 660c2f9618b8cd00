"""Tuners: one per kind of backbone, loaded by the file's name: train a head and, if wanted, the last block.

The file `aisle/models/fine_tuning/<name>.py` tunes what `aisle/representations/encoders/image/<name>.py`
runs. It defines one class `Tuner`, a params section (its options) with the method of `Model`. TensorFlow or
torch is needed only here: what is tuned is exported, and predicts with OpenVINO and NumPy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import Field

from aisle.models.heads.relu_head import ReluHead
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section, check
from aisle.pipeline.plugins import load_by_name

HISTORY = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
"""Columns of a history; the figures of the training part are with dropout and augmentation."""


class Training(Section):
    """How a head, and the block below it, are trained. The best epoch by validation loss is kept.

    Parameters
    ----------
    units
        Of each hidden dense layer of the head, with relu; [] for a linear one.
    dropout
        Share of each hidden layer's units, and of the features, left out in training.
    head_epochs, head_learning_rate
        At most, while the backbone is frozen.
    epochs, learning_rate
        At most, after that, with its last block unfrozen; not used where it stays frozen.
    patience
        Epochs without a lower validation loss after which training stops.
    batch_size
        Pictures.
    seed
        Of the head's first weights, dropout, augmentation and order.
    """

    units: list[int] = Field(default_factory=list)
    dropout: float = Field(0.0, ge=0, lt=1)
    head_epochs: int = Field(ge=1)
    head_learning_rate: float = Field(gt=0)
    epochs: int = Field(0, ge=0)
    learning_rate: float = Field(1e-5, gt=0)
    patience: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    seed: int = 0


class FineTuneParams(Section):
    """Section `fine_tunes.<name>`.

    Parameters
    ----------
    title
        For people.
    encoder
        File of aisle/representations/encoders/image/ and of aisle/models/fine_tuning/.
    weights
        Entry of params.yaml: weights.
    options
        Of the tuner.
    training
        See `Training`.
    """

    title: str
    encoder: str
    weights: str
    options: dict[str, Any] = Field(default_factory=dict)
    training: Training


@dataclass(frozen=True)
class Part:
    """Labelled pictures.

    Attributes
    ----------
    pictures
        n RGB pictures, uint8 (height, width, 3) of any size.
    y
        n categories.
    """

    pictures: Sequence[np.ndarray]
    y: np.ndarray


@dataclass(frozen=True)
class Tuned:
    """What training made beside the exported backbone.

    Attributes
    ----------
    head
        Predicts from the exported backbone's vectors.
    facts
        Of the exported backbone, for weights.json.
    history
        One dict of HISTORY per epoch.
    """

    head: ReluHead
    facts: dict[str, Any]
    history: list[dict[str, float]]


class Model(Protocol):
    """What `Tuner` of each file must have."""

    encoder_options: dict[str, Any]
    """Options of the encoder that runs what is exported."""

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
        """Train; write the tuned backbone into a folder, as the export of this name does.

        `options`, `files` and `seed` are those of the export: the pretrained files or, unless `seed` is None,
        random weights.
        """


def create(params: FineTuneParams) -> Model:
    """Return `aisle/models/fine_tuning/<params.encoder>.py` with its options.

    Raises
    ------
    AisleError
        If there is no such file, or an option is unknown or wrong.
    """
    factory = load_by_name(
        "aisle.models.fine_tuning", params.encoder, "Tuner", "encoder to fine-tune", __name__
    )
    return check(params.options, factory, f"options of the tuner {params.encoder!r}")


def agree(expected: np.ndarray, found: np.ndarray, what: str) -> None:
    """Compare the probabilities of what was exported with those of the network that was trained.

    Raises
    ------
    AisleError
        If one differs by more than 1e-4.
    """
    difference = float(np.abs(np.asarray(expected, float) - found).max())
    if not difference <= 1e-4:
        raise AisleError(f"{what}: the export must predict what was trained, to 1e-4; found {difference}")
