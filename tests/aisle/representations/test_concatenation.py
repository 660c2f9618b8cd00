"""representations/concatenation.py: text and picture side by side."""

import numpy as np
import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained.status import combined
from aisle.representations import recipes, vectors_file
from aisle.representations.concatenation import fuse

NAN = np.nan


def recipe(encoder="e", modality="text"):
    return recipes.VectorRecipe(
        modality=modality, encoder=encoder, weights="none", options={"n": 3}, learned=False
    )


def made(ids, vectors, weights="none", encoder="e", modality="text"):
    metadata = {"encoder": encoder, "weights": weights, "catalogue": "tiny"}
    metadata["recipe"] = recipe(encoder, modality).model_dump_json()
    return vectors_file.Features(ids, np.array(vectors, np.float32), metadata)


@pytest.fixture
def text():
    return made(["a", "b", "c", "d"], [[3, 4], [0, 2], [NAN, NAN], [NAN, NAN]], encoder="words")


@pytest.fixture
def picture():
    """Return pictures of the same products in another order."""
    return made(["d", "c", "b", "a"], [[NAN] * 3, [0, 0, 5], [NAN] * 3, [0, 7, 0]], "none", "pixels", "image")


def test_by_hand(text, picture):
    fused = fuse(text, picture, 0.36)
    expected = [
        [0.8 * 0.6, 0.8 * 0.8, 0, 0.6, 0],
        [0, 0.8, 0, 0, 0],  # no picture
        [0, 0, 0, 0, 0.6],  # no text
        [NAN] * 5,
    ]
    np.testing.assert_allclose(fused.vectors, expected, rtol=1e-6)
    assert fused.product_ids == ["a", "b", "c", "d"] and fused.vectors.dtype == np.float32
    expected_recipe = recipes.FusedRecipe(
        text=recipe("words"), picture=recipe("pixels", "image"), picture_weight=0.36
    )
    assert recipes.loads(fused.metadata.pop("recipe")) == expected_recipe
    assert fused.metadata == {
        "encoder": "words+pixels",
        "weights": "none",
        "catalogue": "tiny",
        "parts": "2,3",
    }


@pytest.mark.parametrize("weight", [0, 0.25, 1])
def test_a_squared_distance_is_the_weighted_mean_of_both(weight):
    rng = np.random.default_rng(0)
    ids, T, P = list("xyz"), rng.normal(size=(3, 4)), rng.normal(size=(3, 6))
    fused = fuse(made(ids, T), made(ids, P), weight).vectors
    T, P = (X / np.linalg.norm(X, axis=1, keepdims=True) for X in (T, P))
    for i, j in ((0, 1), (1, 2)):
        mixed = (1 - weight) * ((T[i] - T[j]) ** 2).sum() + weight * ((P[i] - P[j]) ** 2).sum()
        assert ((fused[i] - fused[j]) ** 2).sum() == pytest.approx(mixed, rel=1e-5)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["none", "none"], "none"),
        (["none", "12ab"], "12ab"),
        (["12ab", "34cd"], "12ab+34cd"),
        (["12ab", "12ab"], "12ab"),
        (["12ab", "untrained"], "untrained"),
        (["untrained", "not available"], "not available"),
    ],
)
def test_the_weights_are_the_worst_of_the_parts(parts, expected):
    assert combined(parts) == combined(parts[::-1]).replace("34cd+12ab", "12ab+34cd") == expected


def test_without_the_weights_of_one_there_is_no_vector(text):
    fused = fuse(text, made(text.product_ids, [[NAN]] * 4, "not available"), 0.5)
    assert fused.vectors.shape == (4, 1) and not fused.available.any()
    assert fused.metadata["weights"] == "not available"


def test_other_products_are_named(text, picture):
    other = made(["d", "c", "b", "zz9"], picture.vectors)
    with pytest.raises(AisleError, match=r"picture features.*lacks.*a.*alone has.*zz9"):
        fuse(text, other, 0.5)
