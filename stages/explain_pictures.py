"""Show where in a picture a model's prediction comes from (Grad-CAM), and measure whether that is so.

Inputs: data/images.parquet; a predictions file; its model folder, with a head of dense layers; the folder of
its backbone (models/<name>/ if it was fine-tuned, else models/pretrained/<weights>/).
Outputs: reports/grad_cam/examples.parquet, one row per example, test pictures of the hold-out: the most
confident right ones of different categories, and the most confident wrong ones; metrics/grad_cam.json, by how
much the predicted class's log-probability drops without the hottest region, against a random one.
"""

import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import Field

from aisle import cli, predictions, saved_models, tables
from aisle.encoders.image import decode
from aisle.encoders.image.keras_backbone import Encoder, stretched
from aisle.errors import AisleError
from aisle.explain import grad_cam
from aisle.params import Section, load_params
from aisle.relu_head import ReluHead
from aisle.weights import kind

COLUMNS = ["product_id", "true", "predicted", "probability", "right", "original", "activation", "overlay"]


class GradCamParams(Section):
    """Section `grad_cam`: see params.yaml."""

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


def tested(table: pd.DataFrame) -> pd.DataFrame:
    """Return id, true and predicted category, its probability, right or wrong, of each test picture."""
    rows = predictions.test_rows(table)
    rows = rows[(rows["protocol"] == "holdout") & rows["available"]]
    values, names = predictions.probabilities(rows), np.array(predictions.categories(rows))
    predicted = names[values.argmax(1)]
    found = pd.DataFrame({"product_id": rows["product_id"], "true": rows["category"], "predicted": predicted})
    found["probability"], found["right"] = values.max(1), predicted == rows["category"].to_numpy(str)
    return found.sort_values(["probability", "product_id"], ascending=[False, True], ignore_index=True)


def choose(found: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the examples: right ones of different categories, then wrong ones, the most confident first."""
    right = found[found["right"]].drop_duplicates("true").head(count)
    return pd.concat([right, found[~found["right"]].head(count)], ignore_index=True)


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """Return an RGB picture as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def run(
    pictures: pd.Series,
    table: pd.DataFrame,
    head: ReluHead,
    encoder: Encoder,
    params: GradCamParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the examples and the figures.

    Parameters
    ----------
    pictures
        JPEG bytes by product id.
    table
        Predictions.
    head, encoder
        The model: pooled features to categories, pictures to last feature maps.
    params
        Section `grad_cam`.
    """
    found, side = tested(table), encoder.facts["side"]

    def encode(items: Any) -> np.ndarray:
        return encoder.transform(items).reshape(-1, *encoder.facts["map"])

    def classes(rows: pd.DataFrame) -> np.ndarray:
        return np.searchsorted(head.classes_, rows["predicted"].to_numpy(str))

    examples = choose(found, params.examples)
    shown = [decode(pictures[name]) for name in examples["product_id"]]
    cams = grad_cam.grad_cam(head, encode(shown), classes(examples))
    panels = []
    for picture, cam in zip(shown, cams, strict=True):
        image = Image.fromarray(picture)
        image.thumbnail((params.example_side, params.example_side))
        original = np.asarray(image)
        activation = grad_cam.coloured(cam, *original.shape[:2])
        overlay = np.round((original.astype(float) + activation) / 2).astype(np.uint8)
        panels.append([jpeg(each, params.quality) for each in (original, activation, overlay)])
    examples[["original", "activation", "overlay"]] = pd.DataFrame(panels, dtype=object)
    some = found.sort_values("product_id").sample(min(params.pictures, len(found)), random_state=params.seed)
    sized = [stretched(decode(pictures[name]), side) for name in some["product_id"]]
    drops = grad_cam.drops(head, encode, sized, classes(some), params.share, params.draws, params.seed)
    figures = grad_cam.difference(*drops, params.confidence, params.n_bootstrap, params.seed)
    return examples[COLUMNS], figures


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        pictures="pictures",
        predictions="predictions",
        model="model folder",
        backbone="folder of the backbone",
        output="output: examples",
        metrics="output: figures",
    )
    args = parser.parse_args()
    params = load_params(args.params, "grad_cam", GradCamParams)
    model, table = saved_models.read(args.model), tables.read(args.predictions)
    examples = pd.DataFrame(columns=COLUMNS)
    figures: dict[str, Any] = {}
    if model.available and len(tested(table)):
        head = grad_cam.pooled_head(model.estimator)
        if head is None:
            raise AisleError(f"{args.model} must have a head of dense layers to be explained; it has not")
        pictures = tables.read(args.pictures, [tables.KEY, "picture"]).set_index(tables.KEY)["picture"]
        encoder = Encoder(args.backbone, pooling="none")
        examples, figures = run(pictures, table, head, encoder, params)
    catalogue, label = table.attrs["catalogue"], kind(model.weights)
    tables.write(examples, args.output, catalogue, model=model.name, title=model.title, weights=label)
    about = {"model": model.name, "weights": label}
    tables.write_metrics(about | figures, args.metrics, catalogue)


if __name__ == "__main__":
    cli.run(main)
