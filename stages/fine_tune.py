"""Train a head on a picture backbone, with augmentation or the last block unfrozen, on the hold-out.

Inputs: data/images.parquet; data/folds.parquet; the pretrained files that `params.yaml: weights` names.
Outputs: predictions/fine_tuned/<name>.parquet, as of any model (see stages/classify.py), but of the hold-out
alone: trained on train, stopped on validation, tested on test; models/<name>/: the tuned backbone
(OpenVINO), its weights.json, and its head; reports/histories/<name>.csv, one row per epoch.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from aisle import cli, fetching, holdout, recipes, saved_models, tables, tuners, weights
from aisle.encoders import registry
from aisle.encoders.image import Pictures
from aisle.errors import AisleError
from aisle.params import load_params


def run(
    pictures: pd.DataFrame,
    folds: pd.DataFrame,
    name: str,
    params: tuners.FineTuneParams,
    pretrained: weights.WeightsParams,
    folder: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the model into an empty folder; return the predictions and the history."""
    pictures = tables.align(pictures, folds[tables.KEY], "data/images.parquet", "data/folds.parquet")
    label, shares = weights.label(pretrained), holdout.prior(folds)
    available = pictures["picture"].notna().to_numpy() & (label != weights.ABSENT)
    available &= holdout.can_learn(folds[available])
    recipe = recipes.VectorRecipe(
        modality="image", encoder=params.encoder, weights=recipes.OWN, learned=False
    )
    probabilities, head = np.zeros((len(folds), len(shares))), None
    history = pd.DataFrame(columns=tuners.HISTORY)
    if available.any():  # a catalogue with few pictures, or none, goes through the whole pipeline
        tuner = tuners.create(params)
        recipe = recipe.model_copy(update={"options": tuner.encoder_options})
        tuned = tune(tuner, pictures["picture"][available], folds[available], params, pretrained, folder)
        head, history = tuned.head, pd.DataFrame(tuned.history, columns=tuners.HISTORY)
        entry = registry.EncoderParams(encoder=recipe.encoder, weights=recipe.weights, options=recipe.options)
        asked = available & ~holdout.split(folds).train
        encoded = Pictures(pictures.loc[asked, "picture"].tolist())
        known = shares.index.isin(head.classes_)
        probabilities[np.ix_(asked, known)] = head.predict_proba(
            registry.create("image", entry, folder).transform(encoded)
        )
    facts = [str(each) for each in shares.index], [float(each) for each in shares], label, recipe
    saved_models.write(saved_models.SavedModel(name, params.title, *facts, estimator=head), folder)
    return holdout.table(folds, available, probabilities), history


def tune(
    tuner: tuners.Model,
    pictures: pd.Series,
    folds: pd.DataFrame,
    params: tuners.FineTuneParams,
    pretrained: weights.WeightsParams,
    folder: Path,
) -> tuners.Tuned:
    """Train on products with a picture; write the backbone and its weights.json into the folder."""
    if pretrained.export != params.encoder:
        raise AisleError(
            f"weights.{params.weights} must be an export {params.encoder!r} to be tuned by it, not "
            f"{pretrained.export!r}"
        )
    category, split = folds["category"].to_numpy(str), holdout.split(folds)
    checked = split.validation & np.isin(category, category[split.train])
    train, validation = (
        tuners.Part(Pictures(pictures[mask].tolist()), category[mask]) for mask in (split.train, checked)
    )
    files = fetching.find(params.weights, pretrained)
    seed = pretrained.seed if pretrained.source == "random" else None
    source = pretrained.options, files, seed
    tuned = tuner.tune(*source, train, validation, params.training, folder)
    weights.write(weights.describe(pretrained, tuned.facts, folder), folder)
    return tuned


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        pictures="pictures",
        folds="folds",
        output="output: predictions",
        model="output: model folder",
        history="output: history",
    )
    parser.add_argument("--fine-tune", required=True, help="entry of params.yaml: fine_tunes")
    args = parser.parse_args()
    params = load_params(args.params, f"fine_tunes.{args.fine_tune}", tuners.FineTuneParams)
    pretrained = load_params(args.params, f"weights.{params.weights}", weights.WeightsParams)
    pictures, folds = tables.read(args.pictures, [tables.KEY, "picture"]), tables.read(args.folds)
    folder = Path(args.model)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table, history = run(pictures, folds, args.fine_tune, params, pretrained, folder)
    catalogue, label = folds.attrs["catalogue"], weights.label(pretrained)
    tables.write(table, args.output, catalogue, weights=label, modalities="image", title=params.title)
    tables.write_csv(history, args.history, catalogue)


if __name__ == "__main__":
    cli.run(main)
