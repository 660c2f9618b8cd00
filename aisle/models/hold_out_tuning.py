"""Fine-tune a backbone on the hold-out: its predictions, its history, its model folder."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisle.catalogue import picture_rows
from aisle.catalogue.labelled import labelled
from aisle.models import holdout, model_folder
from aisle.models.fine_tuning import base as tuners
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description, download, sources, status
from aisle.representations import recipes
from aisle.representations.encoders import registry
from aisle.representations.encoders.pictures import Pictures
from aisle.representations.picture_means import by_product


def fine_tune(
    pictures: pd.DataFrame,
    folds: pd.DataFrame,
    name: str,
    params: tuners.FineTuneParams,
    pretrained: sources.WeightsParams,
    folder: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the model into an empty folder; return the predictions and the history.

    It learns from each product's first readable picture, and predicts by the mean of all of them.
    """
    wanted, ids = folds["category"].notna().to_numpy(), folds[tables.KEY]
    pictures = pictures[~pictures[tables.KEY].isin(ids[~wanted])].reset_index(drop=True)
    folds = labelled(folds)
    every = picture_rows.readable(pictures, list(folds[tables.KEY]))
    pictures = tables.align(
        picture_rows.first(pictures), folds[tables.KEY], "data/images.parquet", "data/folds.parquet"
    )
    label, shares = sources.label(pretrained), holdout.prior(folds)
    available = pictures["picture"].notna().to_numpy() & (label != status.ABSENT)
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
        own = [every[i] for i in np.flatnonzero(asked)]
        encoded = Pictures([picture for each in own for picture in each])
        owners = np.repeat(np.arange(len(own)), [len(each) for each in own])
        known = shares.index.isin(head.classes_)
        probabilities[np.ix_(asked, known)] = head.predict_proba(
            by_product(registry.create("image", entry, folder).transform(encoded), owners, len(own))
        )
    facts = [str(each) for each in shares.index], [float(each) for each in shares], label, recipe
    about = {"fine_tunes": params.model_dump(mode="json")}
    model = model_folder.SavedModel(name, params.title, *facts, params=about, estimator=head)
    model_folder.write(model, folder)
    return holdout.table(folds, available, probabilities), history


def tune(
    tuner: tuners.Model,
    pictures: pd.Series,
    folds: pd.DataFrame,
    params: tuners.FineTuneParams,
    pretrained: sources.WeightsParams,
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
    files = download.find(params.weights, pretrained)
    seed = pretrained.seed if pretrained.source == "random" else None
    source = pretrained.options, files, seed
    tuned = tuner.tune(*source, train, validation, params.training, folder)
    description.write(description.describe(pretrained, tuned.facts, folder), folder)
    return tuned
