"""Classify pictures without training, by prompts made of the category names.

Inputs: a feature file of pictures; data/folds.parquet; the folder of models/pretrained/ whose text tower
shares the pictures' space.
Output: predictions/<name>.parquet, as of any model (see stages/classify.py), so that it is scored with the
others.
"""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from aisle import cli, features, predictions, tables, weights
from aisle.encoders import registry
from aisle.errors import AisleError
from aisle.params import Section, load_params
from aisle.zero_shot import ZeroShot, prompt_vectors


class ZeroShotParams(Section):
    """Section `zero_shot.<name>`: the prompts have a `{}` for the category."""

    title: str
    features: str
    encoder: str
    weights: str
    prompts: list[Annotated[str, Field(pattern=r"^[^{}]*\{\}[^{}]*$")]] = Field(min_length=1)


def run(
    data: features.Features,
    folds: pd.DataFrame,
    params: ZeroShotParams,
    pretrained: weights.Weights,
    encoder: Any,
) -> pd.DataFrame:
    """Return the predictions table; the categories' shares where there is no picture or are no weights."""
    folds = tables.align(folds, data.product_ids, "data/folds.parquet", "the feature file")
    names = list(np.unique(folds["category"].to_numpy(str)))
    vectors = prompt_vectors(names, params.prompts, encoder) if encoder else {}
    model = ZeroShot(vectors, pretrained.facts.get("logit_scale", 1.0))
    return predictions.out_of_fold(model, data.vectors, data.available, folds)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        features="features of pictures",
        folds="folds",
        weights="folder of models/pretrained",
        output="output: predictions",
    )
    parser.add_argument("--zero-shot", required=True, help="entry of params.yaml: zero_shot")
    args = parser.parse_args()
    params = load_params(args.params, f"zero_shot.{args.zero_shot}", ZeroShotParams)
    pretrained, data = weights.read(args.weights), features.read(args.features)
    if data.metadata["weights"] != pretrained.label:
        raise AisleError(f"{args.features} must be made with the weights of {args.weights}; it is not")
    entry = registry.EncoderParams(encoder=params.encoder, weights=params.weights)
    encoder = registry.create("text", entry, args.weights) if pretrained.available else None
    table = run(data, tables.read(args.folds), params, pretrained, encoder)
    catalogue = data.metadata["catalogue"]
    tables.write(
        table, args.output, catalogue, weights=pretrained.label, modalities="image", title=params.title
    )


if __name__ == "__main__":
    cli.run(main)
