"""The reference of all batches: what the champion learned from, as it was predicted out of fold."""

from pathlib import Path

import numpy as np
import pandas as pd

from aisle.catalogue import picture_rows
from aisle.deployment.predictor import Predictor
from aisle.deployment.stored_products import StoredInputs
from aisle.evaluation.calibration import scale
from aisle.models.predictions_table import categories, probabilities, test_rows
from aisle.monitoring import encodings
from aisle.monitoring.observed import QUALITY, Observed
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError

TEXTS = ("title", "description", "specifications")


def out_of_fold(predictor: Predictor, folder: str | Path) -> pd.DataFrame:
    """Return the packaged model's predictions of the catalogue, first repeat, calibrated as the package does.

    Parameters
    ----------
    predictor
        The package.
    folder
        predictions/.

    Raises
    ------
    AisleError
        If the folder has no predictions of the packaged model.
    """
    package = predictor.package
    name = package.model if package.seed is None else f"{package.model}-{package.seed}"
    found = sorted(Path(folder).glob(f"*/{name}.parquet"))
    if not found:
        raise AisleError(
            f"{folder} must have the predictions of {name}, which {predictor.folder} packages; it has none. "
            "`dvc repro` makes both from the same params."
        )
    rows = test_rows(tables.read(found[0]))
    rows = rows[(rows["protocol"] == "cv") & (rows["repeat"] == 0)].reset_index(drop=True)
    if categories(rows) != package.categories:
        raise AisleError(f"{found[0]} must have the categories of {predictor.folder}; run `dvc repro`")
    if package.decision:
        columns = [f"p_{name}" for name in package.categories]
        rows[columns] = scale(probabilities(rows), package.decision["temperature"])
    return rows


def read(
    predictor: Predictor, predictions: str, folds: str, texts: str, pictures: str, features: str
) -> Observed:
    """Return the reference.

    Parameters
    ----------
    predictor
        The champion's package.
    predictions, folds, texts, pictures, features
        Paths of the pipeline's outputs.
    """
    inputs = StoredInputs(texts, pictures, features)
    rows = out_of_fold(predictor, predictions)
    ids = rows[tables.KEY]
    place = pd.Series(range(len(inputs)), inputs.product_ids)[ids].to_numpy()
    group = tables.read(folds, [tables.KEY, "group"])
    group = group[group[tables.KEY].isin(ids)]
    first = picture_rows.first(tables.read(pictures, [tables.KEY, "problem", *QUALITY]))
    first = first[first[tables.KEY].isin(ids)]
    quality = tables.align(first, ids, pictures, predictions)
    present = {name: _written(inputs, name)[place] for name in TEXTS}
    present["image"] = quality["problem"].isna().to_numpy()
    return Observed(
        ids=ids.to_numpy(object),
        group=tables.align(group, ids, folds, predictions)["group"].to_numpy(),
        probabilities=probabilities(rows),
        categories=tuple(predictor.package.categories),
        vectors={name: each[place] for name, each in encodings.of(predictor, inputs).items()},
        quality=quality[[*QUALITY]].to_numpy(float),
        present=present,
        label=rows["category"].to_numpy(object),
        texts=np.array(inputs.texts(["description"], "clean"), object)[place],
    )


def _written(inputs: StoredInputs, field: str) -> np.ndarray:
    """Return which products have a field of text."""
    return np.array([bool(text) for text in inputs.texts([field], "clean")], bool)
