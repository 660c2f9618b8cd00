"""Packages: one model with all that predicting from a raw title, description and picture takes, in a folder.

    package.json           what the model is, how raw products become its input, when to ask a person
    tokens.json            rules of tokens (aisle/catalogue/tokeniser.py), if its models read any
    models/<name>/         the model's folder, and of a fusion its members' (aisle/models/model_folder.py)
    pretrained/<weights>/  folders of models/pretrained/ that their encoders run
    manifest.json          SHA-256 of each file (aisle/deployment/manifest.py)

The models' files are copies, so the same models give the same bytes. Nothing is a pickle.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from math import inf, isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, FiniteFloat

from aisle.catalogue import picture_rows, tokeniser
from aisle.deployment import manifest
from aisle.models import model_folder
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section, check
from aisle.pretrained import description, status
from aisle.representations import recipes

if TYPE_CHECKING:
    import pandas as pd

FILE, MODELS, PRETRAINED, FUSIONS = "package.json", "models", "pretrained", "fusions"
TOKENS = "tokens.json"
RAW = ("title", "description", "specifications", "image")
"""Columns of raw products, a package's input."""
FIELDS = " + "
"""Between the fields of a set, in the order of `RAW`."""
RANKS = ("predicted", "second", "third")
"""Columns <rank>_category and <rank>_probability of a prediction."""
LIBRARIES = ("numpy", "scikit-learn", "scipy")
"""What every model calculates with: another version may give other figures."""
OF_TEXTS, OF_TEXT_VECTORS = ("ftfy", "nltk"), ("openvino", "tokenizers")
OF_PICTURES = ("openvino", "pillow", "scikit-image")
STRICT = "scikit-learn"
"""What a fitted estimator means is known to the minor version that wrote it alone: another is refused."""


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
        Label of its pretrained weights (aisle/pretrained/status.py), so that an untrained model says so.
    modalities
        `text`, `image` or both: what it reads of a product.
    categories
        In the order of the probabilities.
    text, images
        Sections of params.yaml: how a raw text and a raw picture are prepared.
    columns
        Of the catalogue that it learned from (section `catalogue.columns` of params.yaml): where a table of
        the same shop has what it reads.
    shared_pictures
        SHA-256 of each picture, as re-encoded, that is no product's own and counts as none.
    decision
        Row of reports/evaluation/decisions.csv: temperature, threshold and its promise (threshold and bound
        are None where no product may be decided without a person), target_error, and the coverage and error
        obtained out of fold; `threshold_depth_<d>`, of a tree, what a node of each depth must have;
        `by_fields`, what is promised of products that have certain fields alone
        (aisle/deployment/field_promises.py). Empty where the model was not evaluated: its probabilities are
        then as they come, and all go to a person.
    pretrained
        Name of each folder of pretrained/ to the digest of its models.
    unfitted
        Members that have learned nothing: of no product of the catalogue was there what they read.
    members
        Every model of the package: itself and, of a fusion, those that it combines, at any depth.
    aisle, libraries
        Versions that wrote it.
    form
        Of packages, see aisle/deployment/manifest.py.
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
    columns: dict[str, Any] = field(default_factory=dict)
    shared_pictures: list[str] = field(default_factory=list)
    decision: dict[str, Any] = field(default_factory=dict)
    pretrained: dict[str, str] = field(default_factory=dict)
    unfitted: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    aisle: str = ""
    libraries: dict[str, str] = field(default_factory=dict)
    form: int = manifest.FORM


class _Promise(BaseModel):
    """What a decision needs to be made: a threshold, None where no product may be decided."""

    threshold: FiniteFloat | None = None


class _Decision(_Promise):
    """What is calculated with of `Package.decision`; the rest of it is for people."""

    temperature: FiniteFloat = Field(gt=0)
    by_fields: dict[str, _Promise] = {}


def decisions(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """Return the rows of reports/evaluation/decisions.csv as plain values, by model."""
    return {
        str(row["model"]): {str(key): value for key, value in row.items() if key != "model"}
        for row in table.to_dict(orient="records")
    }


def seeds(name: str, models: Path) -> dict[int, Path]:
    """Return the folders of a model trained with several seeds, by seed, the first seed first."""
    folders = models.glob(f"*/*/{name}-*/{model_folder.DESCRIPTION}")  # heads/<backbone>/, networks/<name>/
    numbered = {path.parent.name.removeprefix(f"{name}-"): path.parent for path in folders}
    return {int(seed): numbered[seed] for seed in sorted(filter(str.isdecimal, numbered), key=int)}


def _single(name: str, models: Path) -> Path | None:
    """Return the folder of a model without seeds."""
    places = (models / name, models / FUSIONS / name)
    return next((path for path in places if (path / model_folder.DESCRIPTION).is_file()), None)


def folder(name: str, models: Path, seed: int | None = None) -> tuple[Path, int | None]:
    """Return a model's folder and its seed: of a model with several, the first unless one is named.

    Raises
    ------
    AisleError
        If there is none.
    """
    if single := _single(name, models):
        return single, None
    each = seeds(name, models)
    if not each or (seed is not None and seed not in each):
        raise AisleError(f"{models} must have a folder of the model {name!r}; it does not. Run `dvc repro`.")
    chosen = next(iter(each)) if seed is None else seed
    return each[chosen], chosen


def exists(name: str, models: Path) -> bool:
    """Return whether a model has a folder: what is chosen by prompts alone has none."""
    return _single(name, models) is not None or bool(seeds(name, models))


def family(name: str, models: Path, seed: int | None = None) -> dict[str, Path]:
    """Return the folders of a model and, of a fusion, of its members at any depth, by name."""
    found = {name: folder(name, models, seed)[0]}
    for member in model_folder.read(found[name], fitted=False).members:
        found |= family(member, models)
    return found


def own_weights(model: Path, recipe: recipes.VectorRecipe) -> Path | None:
    """Return where a model keeps its encoder's weights itself (a fine-tuned one), None if it does not.

    They are a folder of the recipe's name inside the model's folder, or lie beside the model's description.
    """
    inside = model / recipe.weights
    return next((path for path in (inside, model) if (path / description.FILE).is_file()), None)


def vectors(models: dict[str, Path]) -> list[tuple[Path, recipes.VectorRecipe]]:
    """Return the encoders with weights that models need, each with the folder of its model."""
    found = []
    for path in models.values():
        recipe = model_folder.read(path, fitted=False).recipe
        found += [(path, each) for each in (recipes.vectors(recipe) if recipe else [])]
    return [(path, each) for path, each in found if each.weights != status.NONE]


def modalities(models: dict[str, Path]) -> list[str]:
    """Return what of a product these models read."""
    each = [model_folder.read(path, fitted=False).recipe for path in models.values()]
    return sorted({kind for recipe in each if recipe for kind in recipes.modalities(recipe)})


def token_forms(models: dict[str, Path]) -> set[str]:
    """Return which of the forms that are made of tokens these models read."""
    found = [model_folder.read(path, fitted=False).recipe for path in models.values()]
    plain = {recipe.form for recipe in found if isinstance(recipe, recipes.TextRecipe)}
    each = [one for recipe in found if recipe for one in recipes.vectors(recipe)]
    return (plain | {one.form for one in each if one.modality == "text"}) & {*tokeniser.FORMS}


def pretrained_names(models: dict[str, Path]) -> list[str]:
    """Return the folders of models/pretrained/ that models need.

    A fine-tuned model whose weights are not available has neither own ones nor any there.
    """
    needed = [each.weights for path, each in vectors(models) if not own_weights(path, each)]
    return sorted({*needed} - {recipes.OWN})


def contents(name: str, models: Path, pretrained: Path, seed: int | None = None) -> dict[str, Path]:
    """Return the files of a model's package but package.json and tokens.json: place to where it is now."""
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


def sizes(names: Iterable[str], models: Path, pretrained: Path) -> dict[str, int]:
    """Return the bytes of the packages of those models that have a folder."""
    return {name: n_bytes(name, models, pretrained) for name in names if exists(name, models)}


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
    columns: dict[str, Any] | None = None,
    shared_pictures: Sequence[str] = (),
) -> Package:
    """Write a model's package into a folder, and return its description.

    Parameters
    ----------
    name
        Of the model.
    models, pretrained
        Folders models/ and models/pretrained/.
    target
        Folder to write. It is made beside its place and then renamed, so that what is there is whole.
    catalogue
        Label of the catalogue.
    text, images
        Sections of params.yaml.
    decision
        The model's row of reports/evaluation/decisions.csv.
    seed
        Of a model with several; the first by default.
    weightless
        Leave pretrained/ out: the package then needs these folders from elsewhere
        (aisle/deployment/predictor.py).
    columns
        See `Package`.
    shared_pictures
        Digests of pictures that count as none.

    Raises
    ------
    AisleError
        If the model or a part of it is missing, or its weights are not available.
    """
    kin = family(name, models, seed)
    model = model_folder.read(kin[name], fitted=False)
    if model.weights == status.ABSENT:
        raise AisleError(f"the weights of {name!r} must be available to package it; they are not")
    files = contents(name, models, pretrained, seed)
    given = (decision or {}).items()  # JSON has neither infinity nor NaN
    decision = {key: None if isinstance(each, float) and not isfinite(each) else each for key, each in given}
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
        columns=columns or {},
        shared_pictures=sorted(shared_pictures),
        decision=decision,
        pretrained={each: description.read(pretrained / each).model for each in pretrained_names(kin)},
        unfitted=sorted(
            member for member, path in kin.items() if not (path / model_folder.ESTIMATOR).is_file()
        ),
        members=sorted(kin),
        aisle=version("aisle"),
        libraries={library: version(library) for library in libraries(kin)},
    )
    with _replacing(target) as made:
        for place, source in files.items():
            if not (weightless and place.startswith(f"{PRETRAINED}/")):
                (made / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, made / place)
        _describe(package, token_forms(kin), made)
    return package


def depth_thresholds(decision: Mapping[str, Any]) -> list[float]:
    """Return what probability a node of each depth must have, from 1 on; [] where categories are no tree."""
    found: list[float] = []
    while (key := f"threshold_depth_{len(found) + 1}") in decision:
        found.append(inf if decision[key] is None else float(decision[key]))
    return found


def promise(folder: Path, by_fields: dict[str, dict[str, Any]]) -> None:
    """Write into a package what is promised of products that have certain fields alone (`Package`)."""
    package = read(folder)
    _write(replace(package, decision=package.decision | {"by_fields": by_fields}), folder)


def _describe(package: Package, forms: set[str], target: Path) -> None:
    """Write what a package has beside its models: the rules of tokens, the description and the manifest."""
    if forms:
        from aisle.catalogue import preprocessing  # spaCy

        rules = json.dumps(preprocessing.rules("lemmas" in forms), indent=0, ensure_ascii=False)
        (target / TOKENS).write_text(rules + "\n", encoding="utf-8")
    _write(package, target)


def _write(package: Package, target: Path) -> None:
    """Write the description, and last the manifest."""
    written = json.dumps(asdict(package), indent=2, ensure_ascii=False, allow_nan=False)
    (target / FILE).write_text(written + "\n", encoding="utf-8")
    manifest.write(target)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its place when all is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", suffix=".part", dir=target.parent) as place:
        made = Path(place, "made")
        made.mkdir()
        yield made
        if target.exists():
            target.rename(Path(place, "before"))
        made.rename(target)


def libraries(models: dict[str, Path]) -> list[str]:
    """Return the libraries whose versions change what these models predict."""
    forms = {each.modality for _, each in vectors(models)}
    found = {*LIBRARIES}
    found |= {*OF_TEXTS} if "text" in (kinds := modalities(models)) else {*()}
    found |= {*OF_TEXT_VECTORS} if "text" in forms else {*()}
    found |= {*OF_PICTURES} if "image" in kinds else {*()}
    return sorted(found)


def other_versions(package: Package) -> list[str]:
    """Return what of the libraries that made a package is here in another version, in words.

    Raises
    ------
    AisleError
        If it is one of which another version may read the models as something else.
    """
    found = []
    for library, made in package.libraries.items():
        try:
            here = version(library)
        except PackageNotFoundError:
            here = "none"
        if here == made:
            continue
        found.append(f"{library} {here}, not {made}")
        if library == STRICT and here.split(".")[:2] != made.split(".")[:2]:
            raise AisleError(
                f"the package of {package.model!r} must be used with {library} {made}, which made its "
                f"models; there is {here}. Install that version, or make the package anew with this one: "
                "`dvc repro --force champion`."
            )
    if package.aisle != (here := version("aisle")):
        found.append(f"aisle {here}, not {package.aisle}")
    return found


@dataclass(frozen=True)
class Source:
    """Where the models are, and what their packages need beside them (`assemble`)."""

    models: Path
    catalogue: str
    text: dict[str, Any]
    images: dict[str, Any]
    columns: dict[str, Any]
    decisions: dict[str, dict[str, Any]]
    shared_pictures: list[str]

    @classmethod
    def of(
        cls,
        models: Path,
        evaluation: Path,
        catalogue: str,
        sections: Sequence[Section],
        pictures: str | Path,
    ) -> "Source":
        """Return the source, with the decisions of the evaluation's tables.

        `sections` are text, images and catalogue.columns of params.yaml; `pictures` is the path of
        data/images.parquet, which knows the pictures that count as none.
        """
        rows = decisions(tables.read_csv(evaluation / "decisions.csv"))
        shared = picture_rows.shared(tables.read(pictures, ["sha256", "problem"]))
        text, images, columns = (section.model_dump(exclude_none=True) for section in sections)
        return cls(models, catalogue, text, images, columns, rows, shared)

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Return the bytes of the packages of those models that have a folder."""
        return sizes(names, self.models, self.pretrained)

    @property
    def pretrained(self) -> Path:
        """Folder of pretrained models."""
        return self.models / PRETRAINED

    def assemble(self, name: str, target: Path, seed: int | None = None, weightless: bool = False) -> Package:
        """Write the package of a model."""
        about = self.models, self.pretrained, target, self.catalogue, self.text, self.images
        more = self.decisions.get(name), seed, weightless, self.columns, self.shared_pictures
        return assemble(name, *about, *more)

    def publish(self, places: dict[str | None, str]) -> None:
        """Write the package of each model into its folder, which is left empty where there is no model."""
        for name, target in places.items():
            shutil.rmtree(target, ignore_errors=True)
            Path(target).mkdir(parents=True)
            if name:
                self.assemble(name, Path(target))


def read(path: str | Path) -> Package:
    """Read a package's description.

    Raises
    ------
    AisleError
        If the folder is no package, or one of another version's form.
    """
    try:
        data = (Path(path) / FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise AisleError(
            f"{path} must be a package, a folder with {FILE}; it is not. `dvc repro champion` makes "
            "packages/champion and packages/challenger."
        ) from None
    return loads(data, f"{path}/{FILE}")


def loads(data: bytes, name: str) -> Package:
    """Return a package's description from the bytes of its file, which an error calls `name`.

    Raises
    ------
    AisleError
        If it is not as this version writes it.
    """
    try:
        facts = json.loads(data)
        found = facts.get("form", 1)
        package = Package(**facts)
    except (ValueError, TypeError, AttributeError) as error:
        raise AisleError(
            f"{name} must be as this version of aisle writes it: {error}. {manifest.ANEW}"
        ) from None
    if found != manifest.FORM:
        raise AisleError(f"{name} must be of form {manifest.FORM}, not {found!r}. {manifest.ANEW}")
    check(facts, Package, name)
    if package.decision:
        check(package.decision, _Decision, f"{name}: decision")
    if not package.modalities:
        raise AisleError(f"{name}: modalities must name what the model reads; it is empty")
    return package


def token_rules(contents: manifest.Contents) -> tokeniser.Rules | None:
    """Return the rules of tokens of a package, None where its models read no tokens."""
    if TOKENS not in contents.places:
        return None
    return check(json.loads(contents.read(TOKENS)), tokeniser.Rules, str(contents.folder / TOKENS))


def load_models(contents: manifest.Contents, package: Package) -> dict[str, model_folder.SavedModel]:
    """Return the models of a package, by name.

    Raises
    ------
    AisleError
        If they are not those that its description names, with its categories in its order.
    """
    names = sorted(place.split("/")[1] for place in contents.places if _is_description(place))
    where = contents.folder / FILE
    if names != package.members or package.model not in names:
        raise AisleError(
            f"{where} must name the models of the package, {some(names)}; it names {package.members}"
        )
    models = {}
    for name in names:
        folder = f"{MODELS}/{name}"
        fitted = f"{folder}/{model_folder.ESTIMATOR}"
        estimator = contents.read(fitted) if fitted in contents.places else None
        about = contents.read(f"{folder}/{model_folder.DESCRIPTION}")
        models[name] = model_folder.loads(contents.folder / folder, about, estimator)
    for name, model in models.items():
        _check_model(where, package, name, model, names)
    return models


def _is_description(place: str) -> bool:
    parts = place.split("/")
    return len(parts) == 3 and parts[0] == MODELS and parts[2] == model_folder.DESCRIPTION


def _check_model(
    where: Path, package: Package, name: str, model: model_folder.SavedModel, names: list[str]
) -> None:
    """See that one model of a package is what the package says."""
    if model.categories != package.categories or len(model.prior) != len(model.categories):
        expected, found = some(package.categories, 99), some(model.categories, 99)
        raise AisleError(
            f"{where}: each model must have the package's categories in its order, {expected}; "
            f"{name!r} has {found}"
        )
    learned = getattr(model.estimator, "classes_", [])
    if odd := sorted({*map(str, learned)} - {*model.categories}):
        raise AisleError(
            f"{where}: {name!r} must have learned the package's categories; it also has {some(odd)}"
        )
    if not all(isinstance(share, int | float) and isfinite(share) for share in model.prior):
        raise AisleError(f"{where}: the shares of {name!r} must be numbers; they are {some(model.prior)}")
    if lacking := sorted({*model.members} - {*names}):
        raise AisleError(f"{where}: {name!r} must find its members in the package; it lacks {some(lacking)}")
    if (model.estimator is None) != (name in package.unfitted):
        told = "learned nothing" if name in package.unfitted else f"{MODELS}/{name}/{model_folder.ESTIMATOR}"
        raise AisleError(f"{where} must be true: of {name!r} it says {told}, and it is not so")


def find(name: str | Path, packages: Path = Path("packages")) -> Path:
    """Return the folder of a package: a path, or a name below `packages`.

    What has no separator is a name, so that a folder that happens to lie in the working directory is not
    taken for the package of that name.

    Raises
    ------
    AisleError
        If there is no such package.
    """
    text = str(name)
    is_path = Path(text).is_absolute() or any(mark in text for mark in ("/", os.sep)) or text in (".", "..")
    path = Path(text) if is_path else packages / text
    if (path / FILE).is_file():
        return path
    known = sorted(each.parent.name for each in packages.glob(f"*/{FILE}"))
    here = not is_path and (Path(text) / FILE).is_file()
    hint = f"There is a folder {text} here: to use it, write ./{text}. " if here else ""
    raise AisleError(
        f"the model must be the folder of a package, written with a /, or a name below {packages} "
        f"({some(known) or 'none'}); {name} is neither. {hint}`dvc repro champion` makes "
        "packages/champion and packages/challenger."
    )
