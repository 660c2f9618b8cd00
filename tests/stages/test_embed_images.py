"""stages/embed_images.py: one vector per product, whatever the batches, NaN without a picture."""

import io
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aisle.pipeline import item_cache, tables
from aisle.pipeline.errors import AisleError
from aisle.representations import picture_vectors, recipes, vectors_file
from aisle.representations.encoders.image import visual_words
from aisle.representations.encoders.image.descriptors import Descriptors
from aisle.representations.encoders.registry import EncoderParams, learns

REPO = Path(__file__).parents[2]
TWINS = 1  # products of the built catalogue whose picture is another's
PARAMS = EncoderParams(encoder="descriptors", weights="none", options={"blocks": ["colour", "lbp"]})


@pytest.fixture
def pictures(built, tmp_path):
    """Return the path of a pictures table in which two products have none."""
    table = tables.read(built.root / "data/images.parquet", ["product_id", "picture"])
    table.loc[[0, 33], "picture"] = None
    tables.write(table, tmp_path / "images.parquet", "tiny")
    return tmp_path / "images.parquet"


@pytest.fixture
def encode(no_weights):
    """Return the stage's work for encoders without pretrained weights."""

    def encode(pictures, params):
        batches = list(picture_vectors.encode_pictures(pictures, params, no_weights))
        return [name for ids, _ in batches for name in ids], np.concatenate([rows for _, rows in batches])

    return encode


@pytest.mark.parametrize("batch", [1, 7, 60, 64])
def test_row_i_is_of_picture_i_in_any_batches(pictures, monkeypatch, batch, encode):
    monkeypatch.setattr(picture_vectors, "BATCH", batch)
    ids, vectors = encode(pictures, PARAMS)
    table = tables.read(pictures)
    assert ids == list(table["product_id"]) and vectors.shape == (60, 42)
    assert list(np.flatnonzero(np.isnan(vectors).any(axis=1))) == [0, 33]
    assert np.isnan(vectors[[0, 33]]).all()
    encoder = Descriptors(blocks=["colour", "lbp"])
    for i in (1, 34, 59):
        decoded = np.asarray(Image.open(io.BytesIO(table["picture"][i])))
        np.testing.assert_array_equal(vectors[i], encoder.transform([decoded])[0])


@pytest.mark.parametrize("batch", [7, 64])
def test_an_encoder_that_learns_is_fitted_on_the_pictures_there_are(
    pictures, monkeypatch, store, batch, encode
):
    monkeypatch.setattr(picture_vectors, "BATCH", batch)
    options = {"n_words": 4, "max_keypoints": 20, "side": 96}
    ids, vectors = encode(pictures, EncoderParams(encoder="visual_words", weights="none", options=options))
    table = tables.read(pictures)
    present = [i for i in range(60) if i not in (0, 33)]
    assert ids == list(table["product_id"]) and vectors.shape == (60, 8)
    assert list(np.flatnonzero(np.isnan(vectors).any(axis=1))) == [0, 33]
    decoded = [np.asarray(Image.open(io.BytesIO(table["picture"][i]))) for i in present]
    np.testing.assert_array_equal(
        vectors[present], visual_words.VisualWords(**options).fit_transform(decoded)
    )


def test_what_an_encoder_learns_from_is_kept_and_found_once(pictures, encode, store, monkeypatch):
    params = EncoderParams(
        encoder="visual_words", weights="none", options={"n_words": 4, "max_keypoints": 20}
    )
    seen = []
    original = visual_words.LocalFeatures.transform
    monkeypatch.setattr(
        visual_words.LocalFeatures, "transform", lambda self, X: (seen.extend(X), original(self, X))[1]
    )
    first = encode(pictures, params)[1]
    assert len(seen) == 58 - TWINS and store.exists()
    np.testing.assert_array_equal(encode(pictures, params)[1], first)
    assert len(seen) == 58 - TWINS
    monkeypatch.setenv("AISLE_CACHE", "off")
    np.testing.assert_array_equal(encode(pictures, params)[1], first)


@pytest.mark.parametrize(
    ("encoder", "options", "told"),
    [
        ("descriptor", {}, "'descriptor'"),
        ("descriptors", {"blocks": ["hog"]}, "hog"),
        ("descriptors", {"colours": 3}, "colours"),
    ],
)
def test_wrong_params_are_a_clear_error(pictures, encoder, options, told, encode):
    with pytest.raises(AisleError, match=told):
        encode(pictures, EncoderParams(encoder=encoder, weights="none", options=options))


def test_the_feature_file(built):
    data = vectors_file.read(built.root / "features/image/descriptors.parquet")
    assert data.vectors.shape == (60, 194) and data.available.all()
    assert {"encoder": "descriptors", "weights": "none", "catalogue": "tiny"}.items() <= data.metadata.items()
    entry = built.params["encoders"]["image"]["descriptors"]
    recipe = recipes.loads(data.metadata["recipe"])
    assert recipe == recipes.VectorRecipe(modality="image", learned=False, **entry)
    assert recipes.modalities(recipe) == {"image"}
    assert learns("image", EncoderParams(encoder="visual_words", weights="none"))


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Return the file of an empty item cache."""
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))
    return tmp_path / "items" / item_cache.FILE


@pytest.fixture
def encoded(monkeypatch):
    """Return the list of pictures that are really encoded from now on."""
    seen = []
    transform = Descriptors.transform
    monkeypatch.setattr(Descriptors, "transform", lambda self, X: (seen.extend(X), transform(self, X))[1])
    return seen


def stage(built, pictures, output):
    """Run the stage as its command does; return the bytes of its output."""
    built.run("embed_images", "descriptors", pictures=pictures, output=output)
    return output.read_bytes()


def test_ten_new_products_cost_ten_encodings_and_give_the_bytes_of_a_cold_run(
    built, tmp_path, monkeypatch, store, encoded
):
    everything = built.root / "data/images.parquet"
    table = tables.read(everything)
    few = tmp_path / "few.parquet"
    tables.write(table.drop(range(4, 60, 6)), few, table.attrs["catalogue"])
    stage(built, few, tmp_path / "few")
    assert len(encoded) == 50 - TWINS
    encoded.clear()
    warm = stage(built, everything, tmp_path / "warm")
    assert len(encoded) == 10
    encoded.clear()
    assert stage(built, everything, tmp_path / "again") == warm and encoded == []
    monkeypatch.setenv("AISLE_CACHE", "off")
    assert stage(built, everything, tmp_path / "cold") == warm
    assert warm == (built.root / "features/image/descriptors.parquet").read_bytes()


KILLED = """
import time
from aisle.pipeline import cli
from aisle.representations import picture_vectors
from aisle.representations.encoders.image.descriptors import Descriptors
from stages import embed_images

picture_vectors.BATCH = 4
transform = Descriptors.transform
Descriptors.transform = lambda self, X: (time.sleep(0.2), transform(self, X))[1]
cli.run(embed_images.main)
"""


def test_a_killed_run_loses_at_most_one_batch(built, tmp_path, store, encoded):
    """Killed without warning after some batches; the next run encodes only the rest."""
    pictures = built.root / "data/images.parquet"
    arguments = built.arguments("embed_images", "descriptors", output=tmp_path / "killed")
    run = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], cwd=REPO)
    deadline = time.monotonic() + 120
    while kept(store) < 8 and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    run.kill()
    assert run.wait() == -signal.SIGKILL and not (tmp_path / "killed").exists()
    before = kept(store)
    assert 8 <= before < 40
    warm = stage(built, pictures, tmp_path / "warm")
    assert len(encoded) == 60 - TWINS - before
    assert warm == (built.root / "features/image/descriptors.parquet").read_bytes()


def kept(store):
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT COUNT(*) FROM item").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0
