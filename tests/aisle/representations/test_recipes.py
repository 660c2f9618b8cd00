"""representations/recipes.py: how an input is made of a product, as text and back."""

import pytest
from pydantic import ValidationError

from aisle.representations import recipes

TEXT = recipes.VectorRecipe(
    modality="text", encoder="transformer", weights="minilm", fields=["title"], form="raw", learned=False
)
PICTURE = recipes.VectorRecipe(
    modality="image", encoder="descriptors", weights="none", options={"side": 128}, learned=False
)
FUSED = recipes.FusedRecipe(text=TEXT, picture=PICTURE, picture_weight=0.5)
WORDS = recipes.TextRecipe(fields=["title", "specifications"], form="stems")


@pytest.mark.parametrize(
    ("recipe", "vectors", "modalities"),
    [
        (WORDS, [], {"text"}),
        (TEXT, [TEXT], {"text"}),
        (PICTURE, [PICTURE], {"image"}),
        (FUSED, [TEXT, PICTURE], {"text", "image"}),
    ],
    ids=["words", "text", "picture", "fused"],
)
def test_a_recipe_survives_and_says_what_it_reads(recipe, vectors, modalities):
    assert recipes.loads(recipe.model_dump_json()) == recipe
    assert recipes.vectors(recipe) == vectors
    assert recipes.modalities(recipe) == modalities


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": "sound"}',
        '{"kind": "text", "fields": ["title"]}',
        '{"fields": ["title"], "form": "raw"}',
        "{}",
    ],
)
def test_what_is_no_recipe_is_refused(text):
    with pytest.raises(ValidationError):
        recipes.loads(text)
