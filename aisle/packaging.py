"""Packages: one model with all that predicting from a raw title, description and picture takes, in a folder.

    package.json           what the model is, how raw products become its input, when to ask a person
    models/<name>/         the model's folder, and of a fusion its members' (aisle/saved_models.py)
    pretrained/<weights>/  folders of models/pretrained/ that their encoders run

The files are copies, so the same models give the same bytes.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle import recipes, saved_models, weights
from aisle.errors import AisleError, some

if TYPE_CHECKING:
    import pandas as pd

FILE, MODELS, PRETRAINED, SEEDS = "package.json", "models", "pretrained", "seeds"
RAW = ("title", "description", "specifications", "image")
"""Columns of raw products, a package's input."""
RANKS = ("predicted", "second", "third")
"""Columns <rank>_category and <rank>_probability of a prediction."""
LIBRARIES = ("numpy", "scikit-learn", "scipy")
"""What is inside `estimator.joblib`: another version may not read it."""


@dataclass(frozen=True)
class Package:
    """What `package.json` says.

    Attributes
    ----------
    model, title
        As in params.yaml.
    seed
        Of a model trained with several seeds: whose folder this is; None for any other.
    catalogue
        Label of the catalogue that it learned from.
    weights
        Label of its pretrained weights (aisle/weights.py), so that an untrained model says so.
    modalities
        `text`, `image` or both: what it reads of a product.
    categories
        In the order of the probabilities.
    text, images
        Sections of params.yaml: how a raw text and a raw picture are prepared.
    decision
        Row of reports/evaluation/decisions.csv: temperature, threshold (None: no product may be decided
        without a person), target_error, and the coverage and error obtained out of fold. Empty where the
        model was not evaluated: its probabilities are then as they come, and all go to a person.
    pretrained
        Name of each folder of pretrained/ to the digest of its models.
    unfitted
        Members that have learned nothing: of no product of the catalogue was there what they read.
    aisle, libraries
        Versions that wrote it.
    """

    model: str
    title: str
    seed: int | None
    catalogue: str
    weights: str
    modalities: list[str]
    categories: list[str]
    text: dict[str, Any]
    images: dict[str, Any]
    decision: dict[str, Any] = field(default_factory=dict)
    pretrained: dict[str, str] = field(default_factory=dict)
    unfitted: list[str] = field(default_factory=list)
    aisle: str = ""
    libraries: dict[str, str] = field(default_factory=dict)


def decisions(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """Return the rows of reports/evaluation/decisions.csv as plain values, by model."""
    return {
        str(row["model"]): {str(key): value for key, value in row.items() if key != "model"}
        for row in table.to_dict(orient="records")
    }


def seeds(name: str, models: Path) -> dict[int, Path]:
    """Return the folders of a model trained with several seeds, by seed, the first seed first."""
    folders = (models / SEEDS).glob(f"{name}-*/{saved_models.DESCRIPTION}")
    numbered = {path.parent.name.removeprefix(f"{name}-"): path.parent for path in folders}
    return {int(seed): numbered[seed] for seed in sorted(filter(str.isdecimal, numbered), key=int)}


def folder(name: str, models: Path, seed: int | None = None) -> tuple[Path, int | None]:
    """Return a model's folder and its seed: of a model with several, the first unless one is named.

    Raises
    ------
    AisleError
        If there is none.
    """
    if (models / name / saved_models.DESCRIPTION).is_file():
        return models / name, None
    each = seeds(name, models)
    if not each or (seed is not None and seed not in each):
        raise AisleError(f"{models} must have a folder of the model {name!r}; it does not. Run `dvc repro`.")
    chosen = next(iter(each)) if seed is None else seed
    return each[chosen], chosen


def exists(name: str, models: Path) -> bool:
    """Return whether a model has a folder: what is chosen by prompts alone has none."""
    return (models / name / saved_models.DESCRIPTION).is_file() or bool(seeds(name, models))


def family(name: str, models: Path, seed: int | None = None) -> dict[str, Path]:
    """Return the folders of a model and, of a fusion, of its members at any depth, by name."""
    found = {name: folder(name, models, seed)[0]}
    for member in saved_models.read(found[name], fitted=False).members:
        found |= family(member, models)
    return found


def own_weights(model: Path, recipe: recipes.VectorRecipe) -> Path | None:
    """Return where a model keeps its encoder's weights itself (a fine-tuned one), None if it does not.

    They are a folder of the recipe's name inside the model's folder, or lie beside the model's description.
    """
    inside = model / recipe.weights
    return next((path for path in (inside, model) if (path / weights.FILE).is_file()), None)


def vectors(models: dict[str, Path]) -> list[tuple[Path, recipes.VectorRecipe]]:
    """Return the encoders with weights that models need, each with the folder of its model."""
    found = []
    for path in models.values():
        recipe = saved_models.read(path, fitted=False).recipe
        found += [(path, each) for each in (recipes.vectors(recipe) if recipe else [])]
    return [(path, each) for path, each in found if each.weights != weights.NONE]


def modalities(models: dict[str, Path]) -> list[str]:
    """Return what of a product these models read."""
    each = [saved_models.read(path, fitted=False).recipe for path in models.values()]
    return sorted({kind for recipe in each if recipe for kind in recipes.modalities(recipe)})


def pretrained_names(models: dict[str, Path]) -> list[str]:
    """Return the folders of models/pretrained/ that models need.

    A fine-tuned model whose weights are not available has neither own ones nor any there.
    """
    needed = [each.weights for path, each in vectors(models) if not own_weights(path, each)]
    return sorted({*needed} - {recipes.OWN})


def contents(name: str, models: Path, pretrained: Path, seed: int | None = None) -> dict[str, Path]:
    """Return the files of a model's package but `package.json`: place in the package to where it is now."""
    kin = family(name, models, seed)
    folders = {f"{MODELS}/{member}": path for member, path in kin.items()}
    folders |= {f"{PRETRAINED}/{each}": pretrained / each for each in pretrained_names(kin)}
    for path in folders.values():
        if not path.is_dir():
            raise AisleError(f"{path} must be there for {name!r}; it is not. `dvc repro` makes it.")
    return {
        f"{place}/{file.relative_to(path).as_posix()}": file
        for place, path in sorted(folders.items())
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


def n_bytes(name: str, models: Path, pretrained: Path) -> int:
    """Return the bytes of a model's package, without `package.json`: what it costs to ship and to hold."""
    return sum(file.stat().st_size for file in contents(name, models, pretrained).values())


def assemble(
    name: str,
    models: Path,
    pretrained: Path,
    target: Path,
    catalogue: str,
    text: dict[str, Any],
    images: dict[str, Any],
    decision: dict[str, Any] | None = None,
    seed: int | None = None,
    weightless: bool = False,
) -> Package:
    """Write a model's package into a folder, and return its description.

    Parameters
    ----------
    name
        Of the model.
    models, pretrained
        Folders models/ and models/pretrained/.
    target
        Folder to write, emptied first.
    catalogue
        Label of the catalogue.
    text, images
        Sections of params.yaml.
    decision
        The model's row of reports/evaluation/decisions.csv.
    seed
        Of a model with several; the first by default.
    weightless
        Leave pretrained/ out: the package then needs these folders from elsewhere (aisle/predictor.py).

    Raises
    ------
    AisleError
        If the model or a part of it is missing, or its weights are not available.
    """
    kin = family(name, models, seed)
    model = saved_models.read(kin[name], fitted=False)
    if model.weights == weights.ABSENT:
        raise AisleError(f"the weights of {name!r} must be available to package it; they are not")
    files = contents(name, models, pretrained, seed)
    shutil.rmtree(target, ignore_errors=True)
    for place, source in files.items():
        if not (weightless and place.startswith(f"{PRETRAINED}/")):
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / place)
    decision = dict(decision or {})
    if decision.get("threshold") == float("inf"):  # JSON has no infinity
        decision["threshold"] = None
    package = Package(
        model=name,
        title=model.title,
        seed=folder(name, models, seed)[1],
        catalogue=catalogue,
        weights=model.weights,
        modalities=modalities(kin),
        categories=model.categories,
        text=text,
        images=images,
        decision=decision,
        pretrained={each: weights.read(pretrained / each).model for each in pretrained_names(kin)},
        unfitted=sorted(
            member for member, path in kin.items() if not (path / saved_models.ESTIMATOR).is_file()
        ),
        aisle=version("aisle"),
        libraries={library: version(library) for library in LIBRARIES},
    )
    target.mkdir(parents=True, exist_ok=True)
    written = json.dumps(asdict(package), indent=2, ensure_ascii=False, allow_nan=False)
    (target / FILE).write_text(written + "\n", encoding="utf-8")
    return package


def read(path: str | Path) -> Package:
    """Read a package's description.

    Raises
    ------
    AisleError
        If the folder is no package, or one of another version's form.
    """
    try:
        facts = json.loads((Path(path) / FILE).read_text(encoding="utf-8"))
        return Package(**facts)
    except (FileNotFoundError, NotADirectoryError):
        raise AisleError(
            f"{path} must be a package, a folder with {FILE}; it is not. `dvc repro champion` makes "
            "packages/champion and packages/challenger."
        ) from None
    except (json.JSONDecodeError, TypeError) as error:
        raise AisleError(f"{path}/{FILE} must be as this version of aisle writes it: {error}") from None


def find(name: str | Path, packages: Path = Path("packages")) -> Path:
    """Return the folder of a package: a path, or a name below `packages`.

    Raises
    ------
    AisleError
        If there is neither.
    """
    for path in (Path(name), packages / name):
        if (path / FILE).is_file():
            return path
    known = sorted(path.parent.name for path in packages.glob(f"*/{FILE}"))
    raise AisleError(
        f"the model must be the folder of a package or a name below {packages} ({some(known) or 'none'}); "
        f"{name} is neither. `dvc repro champion` makes packages/champion and packages/challenger."
    )
