"""What a package may decide of products that lack fields: a promise for each set of fields that there may be.

A promise is made on products as the catalogue has them, and says nothing of one that comes with its name
alone. So fields are masked: the package's models are fitted anew on the training part of each fold, with all
that its products have, and predict its test part as if its products had certain fields and no others. On
these predictions the promise of that set is made (`aisle.evaluation.selective`), of one product of each
near-duplicate group; it is raised for the package, whose models learn from more, as any promise is.

Not everything is fitted anew: not the few weights of a fusion, nor the temperature, nor a neural network,
which would take minutes. With a network, or an encoder that has learned from the catalogue, nothing is
promised of masked products, and they go to a person.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from aisle.deployment import packaging
from aisle.deployment.predictor import Inputs, Predictor
from aisle.deployment.stored_products import StoredInputs
from aisle.evaluation import selective
from aisle.evaluation.calibration import scale
from aisle.models import cross_fitting
from aisle.models.model_folder import SavedModel
from aisle.models.predictions_table import TEST, repeats
from aisle.pipeline import tables
from aisle.representations import recipes

NETWORKS = ("aisle.models.heads.", "aisle.models.fusion_networks.")
"""Modules of estimators that are not fitted anew."""


class Masked:
    """Some of a catalogue's products, as if they had certain fields alone.

    Parameters
    ----------
    inputs
        The products of the catalogue.
    fields
        Of `packaging.RAW`.
    rows
        Which products, n of them, by their places.
    made
        Vectors that were made before, of all products.
    """

    def __init__(
        self, inputs: Inputs, fields: Collection[str], rows: np.ndarray, made: dict[str, np.ndarray]
    ) -> None:
        self._inputs = inputs
        self._fields = fields
        self._rows = rows
        self._made = made

    def __len__(self) -> int:
        """Return n."""
        return len(self._rows)

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return the texts of those of the fields that there are."""
        kept = [field for field in fields if field in self._fields]
        if not kept:
            return [""] * len(self)
        texts = self._inputs.texts(kept, form)
        return [texts[row] for row in self._rows]

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return what the recipe's encoder makes of what there is, NaN where there is nothing."""
        text = recipe.modality == "text"
        kept = [field for field in (recipe.fields if text else ["image"]) if field in self._fields]
        masked = recipe.model_copy(update={"fields": kept}) if text and kept else recipe
        key = masked.model_dump_json()
        if key not in self._made:
            self._made[key] = self._inputs.vectors(masked, folder)
        found = self._made[key][self._rows]
        return found if kept else np.full_like(found, np.nan)


def can_be_fitted(models: Mapping[str, SavedModel]) -> bool:
    """Return whether models can be fitted anew in a moment, on encodings that know no label."""
    for model in models.values():
        each = recipes.vectors(model.recipe) if model.recipe else []
        if any(recipe.learned or recipe.weights == recipes.OWN for recipe in each):
            return False
        if type(model.estimator).__module__.startswith(NETWORKS):
            return False
    return True


def fitted(predictor: Predictor, inputs: Inputs, y: np.ndarray, learn: np.ndarray) -> Predictor:
    """Return the package with its models, but for fusions, fitted on some of a catalogue's products.

    Parameters
    ----------
    predictor
        The package.
    inputs
        n products.
    y, learn
        Their categories, and whether to learn from each, boolean (n,).
    """
    models = {}
    for name, model in predictor.models.items():
        if model.recipe is not None and model.estimator is not None:
            X, used = predictor.inputs(name, model.recipe, inputs)
            rows = learn & np.logical_or.reduce(list(used.values()))
            several = len(np.unique(y[rows])) > 1
            model = replace(
                model, estimator=clone(model.estimator).fit(X[rows], y[rows]) if several else None
            )
        models[name] = model
    return predictor.with_models(models)


def masked_predictions(
    predictor: Predictor, inputs: Inputs, folds: pd.DataFrame, sets: Iterable[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], bool, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield what models that have not learned from products say of them, by set of fields.

    Parameters
    ----------
    predictor, inputs, folds
        See `promises`.
    sets
        Of fields.

    Yields
    ------
    tuple
        The set; whether the models learned from all other folds, not from one fewer; the products, by their
        places; their probabilities; whether the models had input.
    """
    y, known = folds["category"].to_numpy(object), np.flatnonzero(folds["category"].notna())
    made: dict[str, np.ndarray] = {}
    columns = ["product_id", "category", "split", repeats(folds)[0]]
    for fit in cross_fitting.plan(folds.iloc[known][columns]):
        targets = [(where, mask) for where, mask in fit.targets if where[0] == "cv"]
        if not targets:
            continue
        learn = np.zeros(len(folds), bool)
        learn[known[fit.train]] = True
        models = fitted(predictor, inputs, y, learn)
        for (*_, inner), mask in targets:
            rows = known[mask]
            for each in sets:
                masked = Masked(inputs, each, rows, made)
                values, available, _ = models.probabilities(predictor.package.model, masked)
                yield each, inner == TEST, rows, values, available


def promises(predictor: Predictor, inputs: Inputs, folds: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what is promised of products with each set of the fields that a package reads.

    Parameters
    ----------
    predictor
        The package, with its decision.
    inputs
        The catalogue's products.
    folds
        data/folds.parquet of the same products in the same order; those without a category count for nothing.

    Returns
    -------
    dict
        Fields, joined by `packaging.FIELDS`, to a promise of their own, at the decision's target error and
        confidence: threshold and guaranteed_bound (None if no product may be decided), guaranteed_coverage,
        calibrated_on. Sets of which too few products have all fields are left out; empty if there are too
        few at all, or the models are not fitted anew.
    """
    decision = predictor.package.decision
    if not decision or not can_be_fitted(predictor.models):
        return {}
    goal = decision["target_error"], decision["confidence"]
    if folds.loc[folds["category"].notna(), "group"].nunique() < selective.needed(*goal):
        return {}
    there = predictor.presence(inputs)
    sets = [each for size in range(1, len(there) + 1) for each in combinations(there, size)]
    names, y = np.array(predictor.package.categories), folds["category"].to_numpy(object)
    parts: dict[tuple[tuple[str, ...], bool], list[pd.DataFrame]] = defaultdict(list)
    for each, all_others, rows, values, available in masked_predictions(predictor, inputs, folds, sets):
        scaled = scale(values, decision["temperature"])
        table = pd.DataFrame({tables.KEY: folds[tables.KEY].iloc[rows], "confidence": scaled.max(axis=1)})
        table["wrong"] = names[scaled.argmax(axis=1)] != y[rows]
        has = np.logical_and.reduce([available, *(there[field][rows] for field in each)])
        parts[each, all_others].append(table[has])
    group = folds.set_index(tables.KEY)["group"]
    result = {}
    for each in sets:
        fewer, more = (
            selective.one_of_each(pd.concat(parts[each, all_others]), group) for all_others in (False, True)
        )
        if len(more) >= selective.needed(*goal):
            sure = more["confidence"].to_numpy()
            promise = selective.promise(sure, more["wrong"].to_numpy(bool), *goal)
            threshold = selective.matched(promise.threshold, fewer["confidence"].to_numpy(), sure)
            result[packaging.FIELDS.join(each)] = entry(promise, threshold)
    return result


def entry(promise: selective.Promise, threshold: float) -> dict[str, Any]:
    """Return what is kept of a set's promise and its matched threshold: no promise where that is infinite."""
    decides = np.isfinite(threshold)
    return {
        "threshold": threshold if decides else None,
        "guaranteed_coverage": promise.coverage if decides else 0.0,
        "guaranteed_bound": promise.bound if decides else None,
        "calibrated_on": promise.calibrated_on,
    }


def add(
    folders: Iterable[str], inputs: StoredInputs, folds: str | Path
) -> dict[str, dict[str, dict[str, Any]]]:
    """Write into each package what is promised of sets of fields; a folder without one is left as it is.

    Parameters
    ----------
    folders
        Of packages.
    inputs
        All products of the catalogue.
    folds
        Path of data/folds.parquet.

    Returns
    -------
    dict
        Folder to what `promises` returns of its package.
    """
    table = tables.align(tables.read(folds), inputs.product_ids, str(folds), "data/text.parquet")
    found = {}
    for folder in folders:
        if (Path(folder) / packaging.FILE).is_file():
            found[folder] = promises(Predictor(folder), inputs, table)
            packaging.promise(Path(folder), found[folder])
    return found
