"""stages/fuse_features.py and aisle/feature_fusion.py: text and picture side by side."""

import numpy as np
import pytest

from aisle import features, recipes
from aisle.errors import AisleError
from aisle.weights import combined
from stages import fuse_features

NAN = np.nan


def recipe(encoder="e", modality="text"):
    return recipes.VectorRecipe(
        modality=modality, encoder=encoder, weights="none", options={"n": 3}, learned=False
    )


def made(ids, vectors, weights="none", encoder="e", modality="text"):
    metadata = {"encoder": encoder, "weights": weights, "catalogue": "tiny"}
    metadata["recipe"] = recipe(encoder, modality).model_dump_json()
    return features.Features(ids, np.array(vectors, np.float32), metadata)


@pytest.fixture
def text():
    return made(["a", "b", "c", "d"], [[3, 4], [0, 2], [NAN, NAN], [NAN, NAN]], encoder="words")


@pytest.fixture
def picture():
    """Return pictures of the same products in another order."""
    return made(["d", "c", "b", "a"], [[NAN] * 3, [0, 0, 5], [NAN] * 3, [0, 7, 0]], "none", "pixels", "image")


def run(text, picture, weight):
    params = fuse_features.FusedSetParams(text="t", picture="p", picture_weight=weight)
    return fuse_features.run(text, picture, params)


def test_by_hand(text, picture):
    fused = run(text, picture, 0.36)
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
    fused = run(made(ids, T), made(ids, P), weight).vectors
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
    fused = run(text, made(text.product_ids, [[NAN]] * 4, "not available"), 0.5)
    assert fused.vectors.shape == (4, 1) and not fused.available.any()
    assert fused.metadata["weights"] == "not available"


def test_other_products_are_named(text, picture):
    other = made(["d", "c", "b", "zz9"], picture.vectors)
    with pytest.raises(AisleError, match=r"picture features.*lacks.*a.*alone has.*zz9"):
        run(text, other, 0.5)


def test_the_file(built, tmp_path):
    path = built.root / "features/fused/text_picture.parquet"
    fused = features.read(path)
    tfidf = features.read(built.root / "features/text/tfidf.parquet")
    assert fused.product_ids == tfidf.product_ids and fused.available.all()
    assert fused.metadata["encoder"] == "tfidf+descriptors" and fused.metadata["catalogue"] == "tiny"
    np.testing.assert_allclose(np.linalg.norm(fused.vectors, axis=1), 1, rtol=1e-5)
    made_of = recipes.loads(fused.metadata["recipe"])
    assert made_of.text == recipes.loads(tfidf.metadata["recipe"]) and made_of.text.learned
    assert made_of.picture.encoder == "descriptors" and not made_of.picture.learned
    assert made_of.picture_weight == built.params["fused_sets"]["text_picture"]["picture_weight"]
    assert recipes.modalities(made_of) == {"text", "image"}
    built.run("fuse_features", "text_picture", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_weight_beyond_0_and_1_is_a_clear_error(built, tmp_path, capsys, weight):
    def edit(params):
        params["fused_sets"]["text_picture"]["picture_weight"] = weight

    with pytest.raises(SystemExit) as stop:
        built.with_params(tmp_path, edit).run("fuse_features", "text_picture", output=tmp_path / "never")
    assert stop.value.code == 2 and "picture_weight" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()
