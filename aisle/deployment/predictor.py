"""Predict products with a package (packaging.py): from raw input, or from what the pipeline made of it.

Nothing here reads params.yaml, a folder of the pipeline or the network: the package says how a raw product
becomes the model's input, and what is done is what the stages do. Libraries are imported when the model
needs them, so that a text model answers at once.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from aisle.catalogue import specifications, text_forms, text_selection, tokeniser
from aisle.catalogue.picture_files import PictureFolder
from aisle.deployment import manifest, packaging
from aisle.deployment.packaging import RANKS
from aisle.models import model_folder
from aisle.models.predictions_table import PREFIX
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import check
from aisle.pretrained import description, status
from aisle.representations import recipes

if TYPE_CHECKING:
    from aisle.catalogue.images import ImagesParams

BATCH = 64
"""Products in memory at a time."""


class Inputs(Protocol):
    """Where a model's input comes from."""

    def __len__(self) -> int:
        """Return how many products there are, n."""

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return n texts, their fields apart (`text_selection.apart`); "" where a product has none."""

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return float32 (n, dimension), NaN where a product has no input.

        `folder` has the encoder's weights, None for an encoder without any.
        """


def encoder(recipe: recipes.VectorRecipe, folder: Path | None) -> Any:
    """Return a recipe's encoder, with its weights of `folder`.

    Raises
    ------
    AisleError
        If it learns: no model may read such a one.
    """
    from aisle.representations.encoders import registry

    params = registry.EncoderParams(encoder=recipe.encoder, weights=recipe.weights, options=recipe.options)
    if registry.learns(recipe.modality, params):
        raise AisleError(f"a model must read an encoder that learns nothing, not {recipe.encoder!r}")
    return registry.create(recipe.modality, params, folder or "")


def encode(encoder: Any, recipe: recipes.VectorRecipe, items: Sequence[Any]) -> np.ndarray:
    """Return float32 (n, dimension) of the n texts, or lists of encoded pictures, of n products.

    NaN for an empty one; the mean of several pictures.
    """
    from aisle.representations.encoders.pictures import Pictures
    from aisle.representations.picture_means import by_product

    text = recipe.modality == "text"
    each = [[item] * bool(item) for item in items] if text else items
    every = [item for own in each for item in own]
    vectors = np.empty((0, len(encoder.get_feature_names_out())), np.float32)
    if every:
        vectors = encoder.transform(every if text else Pictures(every))
    return by_product(vectors, np.repeat(np.arange(len(items)), [len(own) for own in each]), len(items))


class RawProducts:
    """Products as a shop has them, prepared as the pipeline prepares those that it learns from.

    Parameters
    ----------
    table
        n rows; columns of `packaging.RAW`, each may be left out. `image` is a path, the bytes of a file, a
        list of these, or empty. A mapping of columns does as well.
    package
        How texts and pictures are prepared.
    rules
        Of tokens, for models that read them.
    images
        Folder that pictures given by name must lie in, found as the pipeline finds them; None takes a path as
        it is.
    encoders
        Encoders made before, kept from batch to batch.
    """

    def __init__(
        self,
        table: pd.DataFrame | Mapping[str, Sequence[Any]],
        package: packaging.Package,
        rules: tokeniser.Rules | None = None,
        images: PictureFolder | None = None,
        encoders: dict[Any, Any] | None = None,
    ) -> None:
        self._table = table
        self._n = len(table) if isinstance(table, pd.DataFrame) else max(map(len, table.values()), default=0)
        self._package = package
        self._rules = rules
        self._images = images
        self._encoders = {} if encoders is None else encoders
        self._forms: dict[str, list[str]] = {}
        self._vectors: dict[Any, np.ndarray] = {}
        self._pictures: list[list[bytes]] | None = None
        self.problems: dict[int, str] = {}
        """Row to what is wrong with its picture, in words."""

    def __len__(self) -> int:
        """Return n."""
        return self._n

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return the named fields in one form, apart, as of data/text.parquet."""
        names = [f"{field}_{form}" for field in fields]
        for field, name in zip(fields, names, strict=True):
            if name not in self._forms and field in text_selection.FIELDS:
                self._forms[name] = self._form(self._raw(field), form)
        if all(name in self._forms for name in names):
            return text_selection.side_by_side([self._forms[name] for name in names])
        return text_selection.apart(pd.DataFrame(self._forms), fields, form)  # says which there is not

    def _raw(self, field: str) -> list[str]:
        if field not in self._table:
            return [""] * len(self)
        values = [("" if pd.isna(value) else str(value)).strip() for value in self._table[field]]
        return [self._specifications(value) for value in values] if field == "specifications" else values

    @staticmethod
    def _specifications(text: str) -> str:
        try:
            return specifications.as_text(specifications.dumps(specifications.parse(text)))
        except ValueError:  # as in the ingest stage, unreadable ones are none
            return ""

    def _form(self, values: list[str], form: str) -> list[str]:
        simple = {"raw": text_forms.strip_html, "clean": text_forms.clean}
        if form in simple:
            return [simple[form](value) for value in values]
        params = check(self._package.text, text_forms.TextParams, f"{packaging.FILE}: text")
        if self._rules is None:
            raise AisleError(
                f"the package of {self._package.model!r} must have {packaging.TOKENS}, for {form}, "
                "and has not. `dvc repro champion` makes packages anew."
            )
        return [tokeniser.apply(value, form, params, self._rules) for value in values]

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return what the recipe's encoder makes of the texts or pictures."""
        key = recipe.model_dump_json(), folder
        if key not in self._encoders:
            self._encoders[key] = encoder(recipe, folder)
        if key not in self._vectors:
            text = recipe.modality == "text"
            fields = recipe.fields, recipe.form
            items = text_selection.together(self.texts(*fields)) if text else self.pictures()
            self._vectors[key] = encode(self._encoders[key], recipe, items)
        return self._vectors[key]

    def pictures(self) -> list[list[bytes]]:
        """Return each product's pictures that can be read, re-encoded as in data/images.parquet."""
        if self._pictures is None:
            from aisle.catalogue.images import ImagesParams

            params = check(self._package.images, ImagesParams, f"{packaging.FILE}: images")
            column = self._table["image"] if "image" in self._table else [None] * len(self)
            with ThreadPoolExecutor(2) as pool:  # as in the stage: Pillow releases the interpreter's lock
                found = list(pool.map(lambda image: self._own(image, params), column))
            self._pictures = [[picture for picture, _ in own if picture] for own in found]
            problems = ["; ".join(problem for _, problem in own if problem) for own in found]
            self.problems = {i: problem for i, problem in enumerate(problems) if problem}
        return self._pictures

    def _own(self, images: Any, params: "ImagesParams") -> list[tuple[bytes | None, str | None]]:
        several = isinstance(images, list | tuple | np.ndarray)
        return [self._picture(image, params) for image in (images if several else [images])]

    def _picture(self, image: Any, params: "ImagesParams") -> tuple[bytes | None, str | None]:
        from aisle.catalogue.images import UnreadablePictureError, decode, encode

        source: Path | BytesIO | None
        if image is None or (isinstance(image, float) and np.isnan(image)) or not image:
            return None, None
        problem: str | None = "file missing"
        if isinstance(image, bytes):
            source = BytesIO(image)
        elif self._images is not None:
            source, problem = self._images.find(str(image))
            problem = f"{problem} in {self._images.path}"
        else:
            source = Path(image) if Path(image).is_file() else None
        if source is None:
            return None, f"picture {image}: {problem}"
        try:
            picture, _ = decode(source, params.max_side, params.max_megapixels)
        except UnreadablePictureError as error:
            return None, f"picture{'' if isinstance(image, bytes) else f' {image}'}: {error}"
        encoded = encode(picture, params.quality)
        if sha256(encoded).hexdigest() in self._package.shared_pictures:
            given = "" if isinstance(image, bytes) else f" {image}"
            return None, f"picture{given}: many products of the catalogue have it; it counts as none"
        return encoded, None


class Predictor:
    """A package, ready to predict. Its files are those of its manifest, from the first to the last product.

    Models are loaded at once, encoders when they are first used.

    Parameters
    ----------
    folder
        The package.
    pretrained
        Folders of pretrained models by name, for a package made without them.

    Raises
    ------
    AisleError
        If the folder is no package, is not what its manifest says, was made with a library of another minor
        version whose estimators it has, or a pretrained model is not there or not the one that it was made
        with.
    """

    def __init__(self, folder: str | Path, pretrained: Mapping[str, str | Path] | None = None) -> None:
        self.folder = Path(folder)
        packaging.read(folder)  # what is no package is told as such
        self._contents = manifest.Contents(folder)
        self.package = packaging.loads(self._contents.read(packaging.FILE), f"{folder}/{packaging.FILE}")
        if other := packaging.other_versions(self.package):
            told = (
                f"{folder} was made with other versions, and may predict otherwise: here is {some(other, 9)}"
            )
            print(f"warning: {told}", file=sys.stderr)
        self._rules = packaging.token_rules(self._contents)
        self.models = packaging.load_models(self._contents, self.package)
        within = self.folder / packaging.PRETRAINED
        given = {name: Path(path) for name, path in (pretrained or {}).items()}
        self._pretrained = {name: given.get(name, within / name) for name in self.package.pretrained}
        for name, path in self._pretrained.items():
            expected = self.package.pretrained[name]
            if description.read(path).model != expected or (
                name in given and description.model_digest(path) != expected
            ):
                raise AisleError(f"{path} must be the {name} that {folder} was made with; it is another")
        self._encoders: dict[Any, Any] = {}

    def with_models(self, models: dict[str, model_folder.SavedModel]) -> "Predictor":
        """Return the same package with other models."""
        other = copy(self)
        other.models = models
        return other

    @property
    def _recipes(self) -> list[tuple[str, recipes.TextRecipe | recipes.VectorRecipe]]:
        """What the models read, each with the model's name."""
        found: list[tuple[str, recipes.TextRecipe | recipes.VectorRecipe]] = []
        for name, model in self.models.items():
            if isinstance(model.recipe, recipes.TextRecipe):
                found.append((name, model.recipe))
            elif model.recipe:
                found += [(name, each) for each in recipes.vectors(model.recipe)]
        return found

    def presence(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return which of the fields that the models read each product has: boolean (n,), in RAW's order.

        A text without a word, or a picture that cannot be read, is none.
        """
        read = {field for _, recipe in self._recipes for field in recipe.fields}
        found = {
            field: np.array([bool(text) for text in inputs.texts([field], "clean")], bool)
            for field in packaging.RAW
            if field in read
        }
        for name, recipe in self._recipes:
            if isinstance(recipe, recipes.VectorRecipe) and recipe.modality == "image":
                found["image"] = ~np.isnan(self._vectors(name, recipe, inputs)[:, 0])
                break
        return found

    def thresholds(self, there: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the probability from which on each product is decided, (n,); infinity where there is none.

        Parameters
        ----------
        there
            Of `presence`. A set of fields that nothing is promised of goes to a person.
        """
        decision = self.package.decision
        known = {packaging.FIELDS.join(there): decision.get("threshold")}  # as the catalogue's products are
        known |= {fields: each["threshold"] for fields, each in decision.get("by_fields", {}).items()}
        names = np.array([*there])
        sets = [packaging.FIELDS.join(names[row]) for row in np.column_stack([*there.values()])]
        found = [known.get(each) for each in sets]
        return np.array([np.inf if each is None else each for each in found], float)

    def limits(self, there: Mapping[str, np.ndarray], best: np.ndarray) -> np.ndarray:
        """Return `thresholds`, of a product that has all fields that of its category where each has its own.

        Parameters
        ----------
        there
            Of `presence`.
        best
            Number of each product's most probable category, (n,).
        """
        from aisle.evaluation.category_thresholds import category_thresholds

        if not (own := category_thresholds(self.package.decision)):
            return self.thresholds(there)
        whole = np.logical_and.reduce([*there.values()])
        return np.where(whole, np.array(own)[best], self.thresholds(there))

    def raw(
        self,
        products: pd.DataFrame,
        images: PictureFolder | None = None,
        other: "Predictor | None" = None,
    ) -> RawProducts:
        """Return raw products as the package's models read them; the encoders are kept from call to call.

        Parameters
        ----------
        products
            See `RawProducts`.
        images
            Folder of pictures given by name.
        other
            A package of the same catalogue that reads the same products: its rules of tokens are used where
            this one, whose models read none, has no rules.
        """
        rules = self._rules if self._rules is not None or other is None else other._rules
        return RawProducts(products, self.package, rules, images, self._encoders)

    def encodings(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return for each modality what the first of the encoders that the models read makes of the products.

        Returns
        -------
        dict
            `text` and `image`, where the models read an encoder of it, to float32 (n, dimension), NaN where a
            product has no such input.
        """
        found: dict[str, np.ndarray] = {}
        for name, recipe in self._recipes:
            if isinstance(recipe, recipes.VectorRecipe) and recipe.modality not in found:
                found[recipe.modality] = self._vectors(name, recipe, inputs)
        return found

    def predict(
        self,
        products: pd.DataFrame,
        images: Path | None = None,
        progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    ) -> pd.DataFrame:
        """Predict raw products.

        Parameters
        ----------
        products
            n rows, columns of `packaging.RAW`; see `RawProducts`.
        images
            Folder of pictures given by name.
        progress
            Wraps the numbers of the batches' first rows, to show progress.

        Returns
        -------
        pandas.DataFrame
            As of `decide`, and `warning`: what could not be read or used, in words, else "".
        """
        parts, folder = [], PictureFolder(images) if images else None
        for start in progress(range(0, len(products), BATCH)):
            batch = products.iloc[start : start + BATCH].reset_index(drop=True)
            raw = self.raw(batch, folder)
            table = self.decide(raw)
            table.insert(list(table).index("used_image") + 1, "warning", self._warnings(raw, table))
            parts.append(table)
        return pd.concat(parts, ignore_index=True)

    def _warnings(self, raw: RawProducts, decided: Mapping[Any, Any] | pd.DataFrame) -> list[str]:
        reads, problems = self.package.modalities, raw.problems
        used = np.logical_or.reduce([np.asarray(decided[f"used_{each}"], bool) for each in reads])
        words = {"text": "text", "image": "picture"}
        lacking = (
            f"the model reads the {' and the '.join(words[each] for each in reads)} only, and there is none"
        )
        if len(reads) > 1:
            lacking = "there is neither text nor picture"
        none = f"{lacking}: the probabilities are the categories' shares"
        fewer = self._unpromised(raw)
        return [
            "; ".join(filter(None, [problems.get(i), fewer[i] if there else none]))
            for i, there in enumerate(used)
        ]

    def _unpromised(self, raw: RawProducts) -> list[str]:
        """Return for each product which fields it lacks, where for that reason nothing is promised of it."""
        there = self.presence(raw)
        lacking = [[field for field in there if not there[field][i]] for i in range(len(raw))]
        told = [f"of a product without {some(each)} nothing is promised" for each in lacking]
        promised = self.package.decision.get("threshold") is not None
        silent = ~np.isinf(self.thresholds(there)) if promised else np.ones(len(raw), bool)
        return ["" if silent[i] or not lacking[i] else told[i] for i in range(len(raw))]

    def decide(self, inputs: Inputs) -> pd.DataFrame:
        """Predict products from their inputs.

        Returns
        -------
        pandas.DataFrame
            One row per product: predicted_category, predicted_probability, the same of the second and third,
            send_to_person (the probability is below the threshold of products with these fields, or nothing
            is promised of such, or the model had no input), used_text, used_image; where categories are nodes
            of a tree, what `certain` returns; and the calibrated probability of each category, p_<category>.
        """
        return pd.DataFrame(self.columns(inputs))

    def columns(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return the columns of `decide`, n values each: a table takes as long as predicting one product."""
        from aisle.evaluation.calibration import scale

        names, decision = self.package.categories, self.package.decision
        values, available, used = self.probabilities(self.package.model, inputs)
        if decision:
            values = scale(values, decision["temperature"])
        order = np.argsort(-values, axis=1, kind="stable")
        columns: dict[str, np.ndarray] = {}
        for place, rank in zip(range(len(names)), RANKS, strict=False):
            columns[f"{rank}_category"] = np.array(names, dtype=object)[order[:, place]]
            columns[f"{rank}_probability"] = np.take_along_axis(values, order[:, [place]], axis=1)[:, 0]
        there = self.presence(inputs)
        sure = values.max(axis=1) >= self.limits(there, values.argmax(axis=1))
        columns["send_to_person"] = ~(sure & available)
        for kind in ("text", "image"):
            columns[f"used_{kind}"] = used.get(kind, np.zeros(len(inputs), bool))
        columns |= self.certain(values, available, there)
        return columns | {PREFIX + name: values[:, i] for i, name in enumerate(names)}

    def certain(
        self, values: np.ndarray, available: np.ndarray, there: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the deepest node of the tree that is certain enough for each product to be put there.

        Parameters
        ----------
        values
            Calibrated probabilities (n, categories).
        available
            Whether the model had input, (n,).
        there
            Of `presence`. Thresholds of depths hold for products that have all fields.

        Returns
        -------
        dict
            certain_category, "" where no node is certain enough, and certain_probability, NaN there; empty
            where the package has no thresholds by depth: its categories are no tree.
        """
        if not (limits := packaging.depth_thresholds(self.package.decision)):
            return {}
        from aisle.catalogue.taxonomy import Tree
        from aisle.evaluation.tree_ways import decided_depth, ways

        tree = Tree(tuple(self.package.categories))
        found = ways(values, tree)
        whole = np.logical_and.reduce([available, *there.values()])
        depth = np.where(whole, decided_depth(found, np.array(limits)), 0)
        rows, level = np.arange(len(depth)), np.maximum(depth - 1, 0)
        names = np.array([*tree.nodes], object)[found.node[rows, level]]
        return {
            "certain_category": np.where(depth > 0, names, ""),
            "certain_probability": np.where(depth > 0, found.probability[rows, level], np.nan),
        }

    def probabilities(
        self, name: str, inputs: Inputs
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Return what the pipeline's stages make of the inputs of one model of the package.

        Returns
        -------
        probabilities : numpy.ndarray
            (n, k), as they come from the model; the categories' shares where it had no input.
        available : numpy.ndarray
            Boolean (n,): whether it had input.
        used : dict of str to numpy.ndarray
            Modality that it reads to boolean (n,): whether the product had it.
        """
        model = self.models[name]
        if model.recipe is None:
            return self._fused(model, inputs)
        values = np.tile(np.array(model.prior, float), (len(inputs), 1))
        if model.estimator is None:  # it knows nothing of what it reads, as if the product had none
            nothing = np.zeros(len(inputs), bool)
            return values, nothing, {kind: nothing for kind in recipes.modalities(model.recipe)}
        X, used = self.inputs(name, model.recipe, inputs)
        available = np.logical_or.reduce(list(used.values()))
        if available.any():
            known = np.zeros((available.sum(), len(model.categories)))
            places = [model.categories.index(each) for each in model.estimator.classes_]
            known[:, places] = model.estimator.predict_proba(X[available])
            values[available] = known
        return values, available, used

    def _fused(
        self, model: model_folder.SavedModel, inputs: Inputs
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        each = [self.probabilities(member, inputs) for member in model.members]
        available = np.stack([member[1] for member in each], axis=1)
        values = model.estimator.combine(np.stack([member[0] for member in each], axis=1), available)
        values[~available.any(axis=1)] = model.prior  # to the last digit, whatever the members' sums
        used: dict[str, np.ndarray] = {}
        for _, _, kinds in each:
            for kind, there in kinds.items():
                used[kind] = used.get(kind, np.zeros(len(inputs), bool)) | there
        return values, np.asarray(available.any(axis=1)), used

    def inputs(
        self, name: str, recipe: recipes.Recipe, inputs: Inputs
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return X (n, ...) of a model and its recipe; for each modality, whether a product had it, (n,)."""
        if isinstance(recipe, recipes.TextRecipe):
            texts = np.array(inputs.texts(recipe.fields, recipe.form), dtype=object)
            return texts, {"text": np.array([bool(item) for item in texts], dtype=bool)}
        each: dict[str, np.ndarray] = {
            one.modality: self._vectors(name, one, inputs) for one in recipes.vectors(recipe)
        }
        used = {kind: ~np.isnan(vectors[:, 0]) for kind, vectors in each.items()}
        if isinstance(recipe, recipes.VectorRecipe):
            return each[recipe.modality], used
        return self._side_by_side(recipe, each), used

    def _vectors(self, name: str, recipe: recipes.VectorRecipe, inputs: Inputs) -> np.ndarray:
        if recipe.weights == status.NONE:
            return inputs.vectors(recipe, None)
        own = packaging.own_weights(self.folder / packaging.MODELS / name, recipe)
        folder = own or self._pretrained.get(recipe.weights)
        if folder is None:
            known = some(self._pretrained) or "none"
            raise AisleError(f"{self.folder} must have the weights {recipe.weights!r}; it has {known}")
        if not folder.is_relative_to(self.folder):  # given, and compared when the package was opened
            return inputs.vectors(recipe, folder)
        within = f"{folder.relative_to(self.folder).as_posix()}/"
        self._contents.check(within)  # before and after: an encoder may read its files when it is first used
        vectors = inputs.vectors(recipe, folder)
        self._contents.check(within)
        return vectors

    @staticmethod
    def _side_by_side(recipe: recipes.FusedRecipe, each: dict[str, np.ndarray]) -> np.ndarray:
        from aisle.representations.concatenation import fuse
        from aisle.representations.vectors_file import Features

        ids = [str(i) for i in range(len(each["text"]))]
        about = {"weights": status.NONE, "catalogue": "", "encoder": ""}
        text, picture = (
            Features(ids, each[kind], about | {"recipe": part.model_dump_json()})
            for kind, part in (("text", recipe.text), ("image", recipe.picture))
        )
        return fuse(text, picture, recipe.picture_weight).vectors


def as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions as plain values, one dict per product; `top3` and `probabilities` are nested."""
    if table.empty:
        return []
    found = json.loads(table.to_json(orient="split", double_precision=15))
    return plain(dict(zip(found["columns"], zip(*found["data"], strict=True), strict=True)))


def plain(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the same of columns of plain values, n of each: those of `Predictor.predict`."""
    names = [column for column in columns if column.startswith(PREFIX)]
    categories = [name.removeprefix(PREFIX) for name in names]
    ranks = [rank for rank in RANKS if f"{rank}_category" in columns]
    top = [[*zip(columns[f"{rank}_category"], columns[f"{rank}_probability"], strict=True)] for rank in ranks]
    probabilities = [*zip(*(columns[name] for name in names), strict=True)]
    return [
        {
            "category": columns["predicted_category"][i],
            "probability": columns["predicted_probability"][i],
            "send_to_person": columns["send_to_person"][i],
            "top3": [{"category": rank[i][0], "probability": rank[i][1]} for rank in top],
            "used": {"text": columns["used_text"][i], "image": columns["used_image"][i]},
            **_certain(columns, i),
            "warning": columns["warning"][i],
            "probabilities": dict(zip(categories, probabilities[i], strict=True)),
        }
        for i in range(len(columns["predicted_category"]))
    ]


def _certain(columns: Mapping[str, Sequence[Any]], i: int) -> dict[str, Any]:
    if "certain_category" not in columns:
        return {}
    found = {"category": columns["certain_category"][i], "probability": columns["certain_probability"][i]}
    return {"certain": found if found["category"] else None}
