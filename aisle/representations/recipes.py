"""Recipes: how a model's input is made of a raw product, written into feature files and model folders.

A stage writes what it did to the products; `aisle/deployment/predictor.py` does the same to a new one.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from aisle.pipeline.params import Section

OWN = "own"
"""`weights` of an encoder whose exported model lies in the model's own folder: it was fine-tuned."""


class TextRecipe(Section):
    """Fields of data/text.parquet in one form, as they are."""

    kind: Literal["text"] = "text"
    fields: list[str]
    form: str


class VectorRecipe(Section):
    """Vectors of one encoder.

    Attributes
    ----------
    modality, encoder, weights, options
        As in params.yaml: encoders.<modality>.<name>; `weights` names a folder of
        models/pretrained/, or is OWN.
    fields, form
        The text that a text encoder reads (aisle/catalogue/text_selection.py).
    learned
        The encoder was fitted on all products: its vectors have seen every test fold.
    """

    kind: Literal["vector"] = "vector"
    modality: Literal["text", "image"]
    encoder: str
    weights: str
    options: dict[str, Any] = Field(default_factory=dict)
    fields: list[str] = Field(default_factory=list)
    form: str = "raw"
    learned: bool


class FusedRecipe(Section):
    """A text encoder's vectors beside a picture encoder's (aisle/representations/concatenation.py)."""

    kind: Literal["fused"] = "fused"
    text: VectorRecipe
    picture: VectorRecipe
    picture_weight: float


Recipe = TextRecipe | VectorRecipe | FusedRecipe
_ADAPTER: TypeAdapter[Recipe] = TypeAdapter(Annotated[Recipe, Field(discriminator="kind")])


def loads(text: str) -> Recipe:
    """Return the recipe of a JSON text."""
    return _ADAPTER.validate_json(text)


def vectors(recipe: Recipe) -> list[VectorRecipe]:
    """Return the encoders that a recipe needs."""
    if isinstance(recipe, FusedRecipe):
        return [recipe.text, recipe.picture]
    return [recipe] if isinstance(recipe, VectorRecipe) else []


def modalities(recipe: Recipe) -> set[str]:
    """Return what of a product a recipe reads: `text`, `image` or both."""
    return {encoder.modality for encoder in vectors(recipe)} or {"text"}
