"""Predict products with a package (aisle/packaging.py): from raw input, or from what the pipeline made of it.

Nothing here reads params.yaml, a folder of the pipeline or the network: the package says how a raw product
becomes the model's input, and what is done is what the stages do. Libraries are imported when the model
needs them, so that a text model answers at once.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from aisle import packaging, recipes, saved_models, specifications, text_fields, weights
from aisle.errors import AisleError, some
from aisle.packaging import RANKS
from aisle.params import check
from aisle.picture_files import picture_file
from aisle.predictions import PREFIX

if TYPE_CHECKING:
    from aisle.images import ImagesParams

BATCH = 64
"""Products in memory at a time."""


class Inputs(Protocol):
    """Where a model's input comes from."""

    def __len__(self) -> int:
        """Return how many products there are, n."""

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return n texts, "" where a product has none."""

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
    from aisle.encoders import registry

    params = registry.EncoderParams(encoder=recipe.encoder, weights=recipe.weights, options=recipe.options)
    if registry.learns(recipe.modality, params):
        raise AisleError(f"a model must read an encoder that learns nothing, not {recipe.encoder!r}")
    return registry.create(recipe.modality, params, folder or "")


def encode(encoder: Any, recipe: recipes.VectorRecipe, items: Sequence[Any]) -> np.ndarray:
    """Return float32 (n, dimension) of n texts or encoded pictures, NaN for one that is empty or None."""
    from aisle.encoders.image import Pictures

    vectors = np.full((len(items), len(encoder.get_feature_names_out())), np.nan, np.float32)
    if present := [i for i, item in enumerate(items) if item]:
        there = [items[i] for i in present]
        vectors[present] = encoder.transform(there if recipe.modality == "text" else Pictures(there))
    return vectors


class RawProducts:
    """Products as a shop has them, prepared as the pipeline prepares those that it learns from.

    Parameters
    ----------
    table
        n rows; columns of `packaging.RAW`, each may be left out. `image` is a path, the bytes of a file, or
        empty.
    package
        How texts and pictures are prepared.
    images
        Folder that pictures given by name must lie in; None takes a path as it is.
    encoders
        Encoders made before, kept from batch to batch.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        package: packaging.Package,
        images: Path | None = None,
        encoders: dict[Any, Any] | None = None,
    ) -> None:
        self._table = table
        self._package = package
        self._images = images
        self._encoders = {} if encoders is None else encoders
        self._forms: dict[str, list[str]] = {}
        self._vectors: dict[Any, np.ndarray] = {}
        self._pictures: list[bytes | None] | None = None
        self.problems: dict[int, str] = {}
        """Row to what is wrong with its picture, in words."""

    def __len__(self) -> int:
        """Return n."""
        return len(self._table)

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return the named fields in one form, joined, as of data/text.parquet."""
        names = [f"{field}_{form}" for field in fields]
        for field, name in zip(fields, names, strict=True):
            if name not in self._forms and field in text_fields.FIELDS:
                self._forms[name] = self._form(self._raw(field), form)
        return text_fields.compose(
            pd.DataFrame({name: self._forms.get(name) for name in names}), fields, form
        )

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
        from aisle import text

        simple = {"raw": text.strip_html, "clean": text.clean}
        if form in simple:  # no need of spaCy, which takes a second to import
            return [simple[form](value) for value in values]
        params = check(self._package.text, text.TextParams, f"{packaging.FILE}: text")
        return [each[form] for each in text.preprocess(values, params)]

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return what the recipe's encoder makes of the texts or pictures."""
        key = recipe.model_dump_json(), folder
        if key not in self._encoders:
            self._encoders[key] = encoder(recipe, folder)
        if key not in self._vectors:
            text = recipe.modality == "text"
            items = self.texts(recipe.fields, recipe.form) if text else self.pictures()
            self._vectors[key] = encode(self._encoders[key], recipe, items)
        return self._vectors[key]

    def pictures(self) -> list[bytes | None]:
        """Return the pictures re-encoded as in data/images.parquet, None where there is none to be read."""
        if self._pictures is None:
            from aisle.images import ImagesParams

            params = check(self._package.images, ImagesParams, f"{packaging.FILE}: images")
            column = self._table["image"] if "image" in self._table else [None] * len(self)
            with ThreadPoolExecutor(2) as pool:  # as in the stage: Pillow releases the interpreter's lock
                found = list(pool.map(lambda image: self._picture(image, params), column))
            self._pictures = [picture for picture, _ in found]
            self.problems = {i: problem for i, (_, problem) in enumerate(found) if problem}
        return self._pictures

    def _picture(self, image: Any, params: "ImagesParams") -> tuple[bytes | None, str | None]:
        from aisle.images import UnreadablePictureError, decode, encode

        source: Path | BytesIO | None
        if image is None or (isinstance(image, float) and np.isnan(image)) or not image:
            return None, None
        if isinstance(image, bytes):
            source = BytesIO(image)
        elif self._images is not None:
            source = picture_file(self._images, str(image).strip())
        else:
            source = Path(image) if Path(image).is_file() else None
        if source is None:
            where = f" in {self._images}" if self._images is not None else ""
            return None, f"picture {image}: file missing{where}"
        try:
            picture, _ = decode(source, params.max_side, params.max_megapixels)
        except UnreadablePictureError as error:
            return None, f"picture{'' if isinstance(image, bytes) else f' {image}'}: {error}"
        return encode(picture, params.quality), None


class Predictor:
    """A package, ready to predict; models and encoders are loaded when they are first used.

    Parameters
    ----------
    folder
        The package.
    pretrained
        Folders of pretrained models by name, for a package made without them.

    Raises
    ------
    AisleError
        If the folder is no package, or a pretrained model is not there or not the one that it was made with.
    """

    def __init__(self, folder: str | Path, pretrained: Mapping[str, str | Path] | None = None) -> None:
        self.folder = Path(folder)
        self.package = packaging.read(folder)
        within = self.folder / packaging.PRETRAINED
        given = {name: Path(path) for name, path in (pretrained or {}).items()}
        self._pretrained = {name: given.get(name, within / name) for name in self.package.pretrained}
        for name, path in self._pretrained.items():
            if weights.read(path).model != self.package.pretrained[name]:
                raise AisleError(f"{path} must be the {name} that {folder} was made with; it is another")
        self._models: dict[str, saved_models.SavedModel] = {}
        self._encoders: dict[Any, Any] = {}

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
        parts = []
        for start in progress(range(0, len(products), BATCH)):
            batch = products.iloc[start : start + BATCH].reset_index(drop=True)
            raw = RawProducts(batch, self.package, images, self._encoders)
            table = self.decide(raw)
            table.insert(list(table).index("used_image") + 1, "warning", self._warnings(raw, table))
            parts.append(table)
        return pd.concat(parts, ignore_index=True)

    def _warnings(self, raw: RawProducts, table: pd.DataFrame) -> list[str]:
        reads, problems = self.package.modalities, raw.problems
        used = table[[f"used_{each}" for each in reads]].any(axis=1)
        words = {"text": "text", "image": "picture"}
        lacking = (
            f"the model reads the {' and the '.join(words[each] for each in reads)} only, and there is none"
        )
        if len(reads) > 1:
            lacking = "there is neither text nor picture"
        none = f"{lacking}: the probabilities are the categories' shares"
        return [
            "; ".join(filter(None, [problems.get(i), "" if there else none])) for i, there in enumerate(used)
        ]

    def decide(self, inputs: Inputs) -> pd.DataFrame:
        """Predict products from their inputs.

        Returns
        -------
        pandas.DataFrame
            One row per product: predicted_category, predicted_probability, the same of the second and third,
            send_to_person (the probability is below the package's threshold, or the model had no input),
            used_text, used_image, and the calibrated probability of each category, p_<category>.
        """
        from aisle.calibration import scale

        names, decision = self.package.categories, self.package.decision
        values, available, used = self.probabilities(self.package.model, inputs)
        if decision:
            values = scale(values, decision["temperature"])
        order = np.argsort(-values, axis=1, kind="stable")
        columns: dict[str, Any] = {}
        for place, rank in zip(range(len(names)), RANKS, strict=False):
            columns[f"{rank}_category"] = np.array(names, dtype=object)[order[:, place]]
            columns[f"{rank}_probability"] = np.take_along_axis(values, order[:, [place]], axis=1)[:, 0]
        threshold = decision.get("threshold")
        sure = values.max(axis=1) >= (np.inf if threshold is None else threshold)
        columns["send_to_person"] = ~(sure & available)
        for kind in ("text", "image"):
            columns[f"used_{kind}"] = used.get(kind, np.zeros(len(inputs), bool))
        columns |= {PREFIX + name: values[:, i] for i, name in enumerate(names)}
        return pd.DataFrame(columns)

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
        model = self._model(name)
        if model.recipe is None:
            return self._fused(model, inputs)
        values = np.tile(np.array(model.prior, float), (len(inputs), 1))
        if model.estimator is None:  # it knows nothing of what it reads, as if the product had none
            nothing = np.zeros(len(inputs), bool)
            return values, nothing, {kind: nothing for kind in recipes.modalities(model.recipe)}
        X, used = self._inputs(name, model.recipe, inputs)
        available = np.logical_or.reduce(list(used.values()))
        if available.any():
            known = np.zeros((available.sum(), len(model.categories)))
            places = [model.categories.index(each) for each in model.estimator.classes_]
            known[:, places] = model.estimator.predict_proba(X[available])
            values[available] = known
        return values, available, used

    def _fused(
        self, model: saved_models.SavedModel, inputs: Inputs
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        each = [self.probabilities(member, inputs) for member in model.members]
        available = np.stack([member[1] for member in each], axis=1)
        values = model.estimator.combine(np.stack([member[0] for member in each], axis=1), available)
        used: dict[str, np.ndarray] = {}
        for _, _, kinds in each:
            for kind, there in kinds.items():
                used[kind] = used.get(kind, np.zeros(len(inputs), bool)) | there
        return values, np.asarray(available.any(axis=1)), used

    def _model(self, name: str) -> saved_models.SavedModel:
        if name not in self._models:
            folder = self.folder / packaging.MODELS / name
            model = saved_models.read(folder)
            if model.estimator is None and name not in self.package.unfitted:
                raise AisleError(f"{folder} must have {saved_models.ESTIMATOR}; it has not")
            self._models[name] = model
        return self._models[name]

    def _inputs(
        self, name: str, recipe: recipes.Recipe, inputs: Inputs
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return X (n, ...) and for each modality whether the product had it, (n,)."""
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
        if recipe.weights == weights.NONE:
            return inputs.vectors(recipe, None)
        own = packaging.own_weights(self.folder / packaging.MODELS / name, recipe)
        folder = own or self._pretrained.get(recipe.weights)
        if folder is None:
            known = some(self._pretrained) or "none"
            raise AisleError(f"{self.folder} must have the weights {recipe.weights!r}; it has {known}")
        return inputs.vectors(recipe, folder)

    @staticmethod
    def _side_by_side(recipe: recipes.FusedRecipe, each: dict[str, np.ndarray]) -> np.ndarray:
        from aisle.feature_fusion import fuse
        from aisle.features import Features

        ids = [str(i) for i in range(len(each["text"]))]
        about = {"weights": weights.NONE, "catalogue": "", "encoder": ""}
        text, picture = (
            Features(ids, each[kind], about | {"recipe": part.model_dump_json()})
            for kind, part in (("text", recipe.text), ("image", recipe.picture))
        )
        return fuse(text, picture, recipe.picture_weight).vectors


def as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions as plain values, one dict per product; `top3` and `probabilities` are nested."""
    names = [column for column in table.columns if column.startswith(PREFIX)]
    ranks = [rank for rank in RANKS if f"{rank}_category" in table]
    return [
        {
            "category": row["predicted_category"],
            "probability": row["predicted_probability"],
            "send_to_person": row["send_to_person"],
            "top3": [
                {"category": row[f"{rank}_category"], "probability": row[f"{rank}_probability"]}
                for rank in ranks
            ],
            "used": {"text": row["used_text"], "image": row["used_image"]},
            "warning": row["warning"],
            "probabilities": {name.removeprefix(PREFIX): row[name] for name in names},
        }
        for row in json.loads(table.to_json(orient="records", double_precision=15))
    ]
