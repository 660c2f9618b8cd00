"""representations/picture_vectors.py: a vector per product, of all of its pictures that can be read."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from aisle.pipeline import tables
from aisle.pretrained import description, status
from aisle.representations import picture_vectors, vectors_file
from aisle.representations.encoders.pictures import Pictures
from aisle.representations.encoders.registry import EncoderParams, create

PARAMS = EncoderParams(encoder="descriptors", weights="none", options={"side": 32, "blocks": ["colour"]})


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((64, 64)).save(file, "JPEG")
    return file.getvalue()


def file_of(folder, products):
    """Write data/images.parquet of products: lists of pictures."""
    rows = [
        {"product_id": f"p{i:03d}", "place": place, "picture": each}
        for i, own in enumerate(products)
        for place, each in enumerate(own or [None])
    ]
    tables.write(pd.DataFrame(rows), folder / "images.parquet", "tiny")
    return folder / "images.parquet"


@pytest.fixture
def weightless(tmp_path):
    """Return the folder of an encoder that has no weights."""
    (tmp_path / "none").mkdir()
    description.write(description.Weights(status.NONE, status.NONE), tmp_path / "none")
    return tmp_path / "none"


@pytest.mark.parametrize("batch", [1, 2, 3, 64])
def test_whole_products_come_together_whatever_the_batch(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(picture_vectors, "BATCH", batch)
    products = [[b"a"], [b"b", b"c", None, b"d"], [], [None, b"e"], [b"f", b"g"]]
    file = pq.ParquetFile(file_of(tmp_path, products))
    found = [pair for ids, own in picture_vectors.batches(file, "x") for pair in zip(ids, own, strict=True)]
    assert [key for key, _ in found] == [f"p{i:03d}" for i in range(5)]
    assert [own for _, own in found] == [[b"a"], [b"b", b"c", b"d"], [], [b"e"], [b"f", b"g"]]


@pytest.mark.parametrize("batch", [2, 64])
def test_a_products_vector_is_the_mean_of_its_pictures(tmp_path, weightless, monkeypatch, batch):
    monkeypatch.setattr(picture_vectors, "BATCH", batch)
    one, two, three = map(picture, range(3))
    products = [[one], [one, two, three], [three, None, two, one], [], [None], [two]]
    path = file_of(tmp_path, products)
    picture_vectors.write(path, "descriptors", PARAMS, weightless, tmp_path / "features.parquet")
    found = vectors_file.read(tmp_path / "features.parquet")
    each = create("image", PARAMS, "").transform(Pictures([one, two, three]))
    assert found.product_ids == [f"p{i:03d}" for i in range(6)]
    np.testing.assert_array_equal(found.vectors[[0, 5]], each[[0, 1]])
    np.testing.assert_array_equal(found.vectors[1], found.vectors[2])
    np.testing.assert_allclose(found.vectors[1], each.mean(0), rtol=1e-5, atol=1e-6)
    assert found.available.tolist() == [True, True, True, False, False, True]
