"""Model folders, models/<name>/: a fitted estimator or fusion, and how its input is made.

`model.json` describes, `estimator.npz` is what was fitted on all products (aisle/models/estimator_file.py).
Encoders' weights stay in models/pretrained/ until a model is packaged (aisle/deployment/packaging.py).
"""

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError
from aisle.pretrained.status import ABSENT
from aisle.representations import recipes

DESCRIPTION, ESTIMATOR = "model.json", "estimator.npz"
PICKLE = "estimator.joblib"
"""What model folders had before: reading it would run what it says."""


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
        Label of its pretrained weights (aisle/pretrained/status.py). If ABSENT there is no estimator.
    recipe
        How its input is made; None for a fusion.
    members
        Names of the models that a fusion combines.
    params
        Section of params.yaml to the model's entry in it: what it was made with.
    estimator
        Fitted: `predict_proba` and `classes_`, or a combination of aisle/models/decision_fusion.py.
    """

    name: str
    title: str
    categories: list[str]
    prior: list[float]
    weights: str
    recipe: recipes.Recipe | None = None
    members: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    estimator: Any = None

    @property
    def available(self) -> bool:
        """Whether it can predict."""
        return self.weights != ABSENT and self.estimator is not None


def write(model: SavedModel, folder: str | Path) -> None:
    """Write a model folder; nothing of an older model stays in it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in (ESTIMATOR, PICKLE):
        (folder / left).unlink(missing_ok=True)
    names = [each.name for each in fields(model) if each.name not in ("estimator", "recipe")]
    facts = {name: getattr(model, name) for name in names}
    facts["recipe"] = model.recipe.model_dump() if model.recipe else None
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    if model.estimator is not None:
        from aisle.models import estimator_file

        atomic.write_bytes(folder / ESTIMATOR, estimator_file.dumps(model.estimator))
    atomic.write_text(folder / DESCRIPTION, text + "\n")  # last: it is what makes the folder a model's


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
    folder = Path(folder)
    try:
        description = (folder / DESCRIPTION).read_bytes()
    except FileNotFoundError:
        raise AisleError(
            f"{folder} must be a model folder; it has no {DESCRIPTION}. `dvc repro` makes it."
        ) from None
    if (folder / PICKLE).is_file():
        raise AisleError(
            f"{folder} must have {ESTIMATOR}; it has {PICKLE} of an older version, a pickle, which can run "
            "code and is not read. `dvc repro` makes the model anew."
        )
    path = folder / ESTIMATOR
    return loads(folder, description, path.read_bytes() if fitted and path.is_file() else None)


def loads(folder: str | Path, description: bytes, estimator: bytes | None) -> SavedModel:
    """Return the model of a folder whose files have been read.

    Parameters
    ----------
    folder
        What it is called in an error.
    description, estimator
        Content of `model.json` and of `estimator.npz`, None where the estimator is not to be had.

    Raises
    ------
    AisleError
        If one is not as this version writes it.
    """
    try:
        facts = json.loads(description)
        recipe = facts.pop("recipe")
        made = recipes.loads(json.dumps(recipe)) if recipe else None
        model = SavedModel(**facts, recipe=made)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AisleError(
            f"{folder}/{DESCRIPTION} must be as this version of aisle writes it ({error}). "
            "`dvc repro` makes it."
        ) from None
    if estimator is None:
        return model
    from aisle.models import estimator_file

    return replace(model, estimator=estimator_file.loads(estimator, f"{folder}/{ESTIMATOR}"))
