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
from dataclasses import dataclass, replace
from itertools import chain, combinations
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
from aisle.pipeline.cores import in_processes
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
        self.rows = rows
        self._made = made

    def __len__(self) -> int:
        """Return n."""
        return len(self.rows)

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return the texts of those of the fields that there are."""
        kept = [field for field in fields if field in self._fields]
        if not kept:
            return [""] * len(self)
        texts = self._inputs.texts(kept, form)
        return [texts[row] for row in self.rows]

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return what the recipe's encoder makes of what there is, NaN where there is nothing."""
        text = recipe.modality == "text"
        kept = [field for field in (recipe.fields if text else ["image"]) if field in self._fields]
        masked = recipe.model_copy(update={"fields": kept}) if text and kept else recipe
        key = masked.model_dump_json()
        if key not in self._made:
            self._made[key] = self._inputs.vectors(masked, folder)
        found = self._made[key][self.rows]
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


def fitted(
    predictor: Predictor, inputs: Inputs, y: np.ndarray, learn: np.ndarray, known: dict[str, Any]
) -> Predictor:
    """Return the package with its models, but for fusions, fitted on some of a catalogue's products.

    Parameters
    ----------
    predictor
        The package.
    inputs
        n products.
    y, learn
        Their categories, and whether to learn from each, boolean (n,).
    known
        Estimators that were fitted on the same products, by the model's name; what is fitted here is added.
    """
    models = {}
    for name, model in predictor.models.items():
        if model.recipe is not None and model.estimator is not None:
            if name not in known:
                X, used = predictor.inputs(name, model.recipe, inputs)
                rows = learn & np.logical_or.reduce(list(used.values()))
                several = len(np.unique(y[rows])) > 1
                known[name] = clone(model.estimator).fit(X[rows], y[rows]) if several else None
            model = replace(model, estimator=known[name])
        models[name] = model
    return predictor.with_models(models)


def goal(predictor: Predictor) -> tuple[float, float]:
    """Return the target error and the confidence of a package's decision."""
    decision = predictor.package.decision
    return decision["target_error"], decision["confidence"]


@dataclass(frozen=True)
class Asked:
    """A package, and what its models are asked of products that they have not learned from.

    Attributes
    ----------
    predictor
        The package, with its decision.
    there
        Of each field that it reads, which products have it, boolean (n,).
    """

    predictor: Predictor
    there: dict[str, np.ndarray]

    @property
    def sets(self) -> list[tuple[str, ...]]:
        """Every set of the fields."""
        sizes = range(1, len(self.there) + 1)
        return [each for size in sizes for each in combinations(self.there, size)]

    def answers(
        self, models: Predictor, masked: Masked, fields: tuple[str, ...], folds: pd.DataFrame
    ) -> pd.DataFrame:
        """Return of products with these fields their key, the confidence, and whether it is wrong.

        Parameters
        ----------
        models
            The package with models that have not learned from the products.
        masked
            The products, as if they had these fields alone.
        fields
            Which.
        folds
            Of all products.
        """
        package, rows = self.predictor.package, masked.rows
        values, available, _ = models.probabilities(package.model, masked)
        scaled = scale(values, package.decision["temperature"])
        table = pd.DataFrame({tables.KEY: folds[tables.KEY].iloc[rows], "confidence": scaled.max(axis=1)})
        right = folds["category"].to_numpy(object)[rows]
        table["wrong"] = np.array(package.categories)[scaled.argmax(axis=1)] != right
        return table[np.logical_and.reduce([available, *(self.there[field][rows] for field in fields)])]


Part = tuple[str, tuple[str, ...], bool]
"""A package, a set of fields, and whether the models learned from all other folds, not from one fewer."""


def masked_answers(
    asked: Mapping[str, Asked], inputs: Inputs, folds: pd.DataFrame
) -> Iterator[tuple[Part, pd.DataFrame]]:
    """Yield what models that have not learned from products say of them, by package and set of fields.

    Fits run side by side, but for the first, which makes the vectors of every set: encoders are not for
    processes that were forked.

    Parameters
    ----------
    asked
        Packages by name; models of one name are the same in each, and fitted once.
    inputs, folds
        See `promises`.
    """
    y, known = folds["category"].to_numpy(object), np.flatnonzero(folds["category"].notna())
    made: dict[str, np.ndarray] = {}
    columns = ["product_id", "category", "split", repeats(folds)[0]]
    plan = [
        fit
        for fit in cross_fitting.plan(folds.iloc[known][columns])
        if any(of_cv(each) for each in fit.targets)
    ]

    def answered(number: int) -> list[tuple[Part, pd.DataFrame]]:
        fit, found, estimators = plan[number], [], dict[str, Any]()
        learn = np.zeros(len(folds), bool)
        learn[known[fit.train]] = True
        for name, each in asked.items():
            models = fitted(each.predictor, inputs, y, learn, estimators)
            for (*_, inner), mask in filter(of_cv, fit.targets):
                for fields in each.sets:
                    masked = Masked(inputs, fields, known[mask], made)
                    part = name, fields, inner == TEST
                    found.append((part, each.answers(models, masked, fields, folds)))
        return found

    for found in chain(map(answered, [0]), in_processes(answered, range(1, len(plan)))):
        yield from found


def of_cv(target: tuple[tuple[Any, ...], np.ndarray]) -> bool:
    """Return whether a target of `cross_fitting.Fit` is one of the cross-validation."""
    return target[0][0] == "cv"


def promises(
    packages: Mapping[str, Predictor], inputs: Inputs, folds: pd.DataFrame
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what is promised of products with each set of the fields that a package reads.

    Parameters
    ----------
    packages
        By name, with their decisions; what they share is fitted once.
    inputs
        The catalogue's products.
    folds
        data/folds.parquet of the same products in the same order; those without a category count for nothing.

    Returns
    -------
    dict
        Of each package, fields, joined by `packaging.FIELDS`, to a promise of their own, at the decision's
        target error and confidence: threshold and guaranteed_bound (None if no product may be decided),
        guaranteed_coverage, calibrated_on. Sets of which too few products have all fields are left out; empty
        if there are too few at all, or the models are not fitted anew.
    """
    groups = folds.loc[folds["category"].notna(), "group"].nunique()
    asked = {
        name: Asked(predictor, predictor.presence(inputs))
        for name, predictor in packages.items()
        if predictor.package.decision and can_be_fitted(predictor.models)
        if groups >= selective.needed(*goal(predictor))
    }
    parts: dict[Part, list[pd.DataFrame]] = defaultdict(list)
    for part, answers in masked_answers(asked, inputs, folds) if asked else ():
        parts[part].append(answers)
    group = folds.set_index(tables.KEY)["group"]
    result: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in packages}
    for name, each in asked.items():
        for fields in each.sets:
            fewer, more = (
                selective.one_of_each(pd.concat(parts[name, fields, all_others]), group)
                for all_others in (False, True)
            )
            if len(more) >= selective.needed(*goal(each.predictor)):
                sure = more["confidence"].to_numpy()
                promise = selective.promise(sure, more["wrong"].to_numpy(bool), *goal(each.predictor))
                threshold = selective.matched(promise.threshold, fewer["confidence"].to_numpy(), sure)
                result[name][packaging.FIELDS.join(fields)] = entry(promise, threshold)
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
    packages = {each: Predictor(each) for each in folders if (Path(each) / packaging.FILE).is_file()}
    found = promises(packages, inputs, table)
    for folder, promised in found.items():
        packaging.promise(Path(folder), promised)
    return found
