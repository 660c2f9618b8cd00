"""Where in test pictures predictions come from: examples to look at, and how faithful the maps are."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import Field

from aisle.catalogue import picture_rows
from aisle.explanation import faithfulness, grad_cam
from aisle.models import predictions_table
from aisle.models.heads.relu_head import ReluHead
from aisle.models.model_folder import SavedModel
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section
from aisle.pretrained import description
from aisle.pretrained.status import kind
from aisle.representations.encoders.image.efficientnet_lite import EfficientNetLite
from aisle.representations.encoders.image.keras_backbone import KerasBackbone, stretched
from aisle.representations.encoders.pictures import decode

COLUMNS = [tables.KEY, "true", "predicted", "probability", "right", "original", "activation", "overlay"]
"""Of reports/grad_cam/examples.parquet."""
ENCODERS = {encoder.export: encoder for encoder in (KerasBackbone, EfficientNetLite)}
"""Export of a backbone to its encoder: those whose pooled features are the mean of a map."""


class GradCamParams(Section):
    """Section `grad_cam`.

    Parameters
    ----------
    model, predictions, backbone
        The model explained; its predictions file; the folder of its backbone.
    examples
        Right ones, of different categories, and as many wrong ones.
    example_side, quality
        Of the pictures shown: pixels, longest side; JPEG.
    pictures
        Measured for the figure.
    share
        Of a picture that is replaced by its mean colour.
    draws
        Random regions per picture.
    confidence, n_bootstrap
        Of the interval of the difference.
    seed
        Of the pictures measured, the random regions and the resamples.
    """

    model: str
    predictions: str
    backbone: str
    examples: int = Field(ge=1)
    example_side: int = Field(ge=32)
    quality: int = Field(ge=1, le=95)
    pictures: int = Field(ge=2)
    share: float = Field(gt=0, lt=1)
    draws: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    n_bootstrap: int = Field(ge=100)
    seed: int


def explain(
    model: SavedModel, predictions: pd.DataFrame, images: str | Path, backbone: str, params: GradCamParams
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the examples, columns COLUMNS, and the figures of metrics/grad_cam.json.

    Parameters
    ----------
    model
        With a head of dense layers; where its weights are not available there are no examples and no figures.
    predictions
        Of the hold-out.
    images
        Path of data/images.parquet, read only if there is something to explain.
    backbone
        Folder of the backbone whose last feature maps the head's pooled features are of.
    params
        Section `grad_cam`.

    Raises
    ------
    AisleError
        If the model has no head of dense layers, or the backbone no feature maps.
    """
    about = {"model": model.name, "weights": kind(model.weights)}
    candidates = tested(predictions)
    if not model.available or candidates.empty:
        return pd.DataFrame(columns=COLUMNS), about
    head = grad_cam.pooled_head(model.estimator)
    if head is None:
        raise AisleError(
            f"grad_cam.model must have a head of dense layers to be explained; {model.name} has not"
        )
    table = picture_rows.first(tables.read(images, [tables.KEY, "picture"]))
    pictures = table.set_index(tables.KEY)["picture"]
    encoder = map_encoder(backbone)
    examples = draw(choose(candidates, params.examples), pictures, head, encoder, params)
    return examples, about | measure(candidates, pictures, head, encoder, params)


def map_encoder(backbone: str) -> KerasBackbone:
    """Return the encoder of a backbone's folder that gives its last feature maps whole.

    Raises
    ------
    AisleError
        If its pooled features are not the mean of a map.
    """
    found = description.read(backbone).export
    if found not in ENCODERS:
        raise AisleError(
            f"grad_cam.backbone must be an export of {some(sorted(ENCODERS))}; {backbone} is of {found!r}"
        )
    return ENCODERS[found](backbone, pooling="none")


def tested(table: pd.DataFrame) -> pd.DataFrame:
    """Return the test pictures of the hold-out, the most confident first.

    Parameters
    ----------
    table
        Predictions.

    Returns
    -------
    pandas.DataFrame
        product_id, true, predicted, probability (of the predicted category), right.
    """
    rows = predictions_table.test_rows(table)
    rows = rows[(rows["protocol"] == "holdout") & rows["available"]]
    values, names = predictions_table.probabilities(rows), np.array(predictions_table.categories(rows))
    predicted = names[values.argmax(1)]
    found = pd.DataFrame({tables.KEY: rows[tables.KEY], "true": rows["category"], "predicted": predicted})
    found["probability"], found["right"] = values.max(1), predicted == rows["category"].to_numpy(str)
    return found.sort_values(["probability", tables.KEY], ascending=[False, True], ignore_index=True)


def choose(candidates: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the examples: right ones of different categories, then wrong ones, the most confident first."""
    right = candidates[candidates["right"]].drop_duplicates("true").head(count)
    return pd.concat([right, candidates[~candidates["right"]].head(count)], ignore_index=True)


def draw(
    examples: pd.DataFrame, pictures: pd.Series, head: ReluHead, encoder: KerasBackbone, params: GradCamParams
) -> pd.DataFrame:
    """Return the examples with their pictures as JPEG: original, activation, and both mixed (overlay).

    Parameters
    ----------
    examples
        From `choose`.
    pictures
        JPEG bytes by product_id.
    head, encoder
        Pooled features to categories; pictures to last feature maps.
    params
        `example_side`, `quality`.
    """
    shown = [decode(pictures[key]) for key in examples[tables.KEY]]
    maps = grad_cam.grad_cam(head, last_maps(encoder, shown), _classes(head, examples))
    panels = []
    for picture, cam in zip(shown, maps, strict=True):
        image = Image.fromarray(picture)
        image.thumbnail((params.example_side, params.example_side))
        original = np.asarray(image)
        activation = grad_cam.coloured(cam, *original.shape[:2])
        overlay = np.round((original.astype(float) + activation) / 2).astype(np.uint8)
        panels.append([jpeg(panel, params.quality) for panel in (original, activation, overlay)])
    columns = pd.DataFrame(panels, columns=["original", "activation", "overlay"], dtype=object)
    return pd.concat([examples, columns], axis=1)[COLUMNS]


def measure(
    candidates: pd.DataFrame,
    pictures: pd.Series,
    head: ReluHead,
    encoder: KerasBackbone,
    params: GradCamParams,
) -> dict[str, Any]:
    """Return how faithful the maps of a sample of the test pictures are (`faithfulness.difference`).

    Parameters
    ----------
    candidates
        From `tested`.
    pictures, head, encoder
        As of `draw`.
    params
        `pictures`, `share`, `draws`, `confidence`, `n_bootstrap`, `seed`.
    """
    count = min(params.pictures, len(candidates))
    sample = candidates.sort_values(tables.KEY).sample(count, random_state=params.seed)
    sized = [stretched(decode(pictures[key]), encoder.facts["side"]) for key in sample[tables.KEY]]
    drops = faithfulness.drops(
        head,
        lambda batch: last_maps(encoder, batch),
        sized,
        _classes(head, sample),
        params.share,
        params.draws,
        params.seed,
    )
    return faithfulness.difference(*drops, params.confidence, params.n_bootstrap, params.seed)


def last_maps(encoder: KerasBackbone, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return the last feature maps (n, h, w, channels) of RGB pictures."""
    return encoder.transform(pictures).reshape(-1, *encoder.facts["map"])


def _classes(head: ReluHead, rows: pd.DataFrame) -> np.ndarray:
    return np.searchsorted(head.classes_, rows["predicted"].to_numpy(str))


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """Return an RGB picture as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()
