"""Model folders, models/<name>/: a fitted estimator or fusion, and how its input is made.

`model.json` describes, `estimator.joblib` is what was fitted on all products. Encoders' weights stay in
models/pretrained/ until a model is packaged (aisle/packaging.py).
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import joblib

from aisle import recipes
from aisle.errors import AisleError
from aisle.weights import ABSENT

DESCRIPTION, ESTIMATOR = "model.json", "estimator.joblib"


@dataclass(frozen=True)
class SavedModel:
    """A model fitted on every product of the catalogue.

    Attributes
    ----------
    name, title
        As in params.yaml.
    categories
        k names, in the order of the probabilities.
    prior
        k shares of the categories: what is predicted for a product without input.
    weights
        Label of its pretrained weights (aisle/weights.py). If ABSENT there is no estimator.
    recipe
        How its input is made; None for a fusion.
    members
        Names of the models that a fusion combines.
    estimator
        Fitted: `predict_proba` and `classes_`, or a combination of aisle/fusion.py.
    """

    name: str
    title: str
    categories: list[str]
    prior: list[float]
    weights: str
    recipe: recipes.Recipe | None = None
    members: list[str] = field(default_factory=list)
    estimator: Any = None

    @property
    def available(self) -> bool:
        """Whether it can predict."""
        return self.weights != ABSENT and self.estimator is not None


def write(model: SavedModel, folder: str | Path) -> None:
    """Write a model folder; nothing of an older model stays in it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ESTIMATOR).unlink(missing_ok=True)
    names = [each.name for each in fields(model) if each.name not in ("estimator", "recipe")]
    facts = {name: getattr(model, name) for name in names}
    facts["recipe"] = model.recipe.model_dump() if model.recipe else None
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    if model.estimator is not None:
        joblib.dump(model.estimator, folder / ESTIMATOR)


def read(folder: str | Path, fitted: bool = True) -> SavedModel:
    """Read a model folder.

    Parameters
    ----------
    folder
        models/<name>/, or its copy in a package.
    fitted
        False leaves the estimator where it is: what describes a model is read without scikit-learn.

    Raises
    ------
    AisleError
        If there is none.
    """
    try:
        facts = json.loads((Path(folder) / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AisleError(
            f"{folder} must be a model folder; it has no {DESCRIPTION}. `dvc repro` makes it."
        ) from None
    recipe = facts.pop("recipe")
    path = Path(folder) / ESTIMATOR
    return SavedModel(
        **facts,
        recipe=recipes.loads(json.dumps(recipe)) if recipe else None,
        estimator=joblib.load(path) if fitted and path.is_file() else None,
    )
