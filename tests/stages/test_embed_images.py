"""stages/embed_images.py: one vector per product, whatever the batches, NaN without a picture."""

import io

import numpy as np
import pytest
from PIL import Image

from aisle import features, tables
from aisle.encoders.image.descriptors import Encoder
from aisle.encoders.registry import EncoderParams
from aisle.errors import AisleError
from stages import embed_images

PARAMS = EncoderParams(encoder="descriptors", options={"blocks": ["colour", "lbp"]})


@pytest.fixture
def pictures(built, tmp_path):
    """Return the path of a pictures table in which two products have none."""
    table = tables.read(built.root / "data/images.parquet", ["product_id", "picture"])
    table.loc[[0, 33], "picture"] = None
    tables.write(table, tmp_path / "images.parquet", "tiny")
    return tmp_path / "images.parquet"


@pytest.mark.parametrize("batch", [1, 7, 60, 64])
def test_row_i_is_of_picture_i_in_any_batches(pictures, monkeypatch, batch):
    monkeypatch.setattr(embed_images, "BATCH", batch)
    ids, vectors = embed_images.run(pictures, PARAMS)
    table = tables.read(pictures)
    assert ids == list(table["product_id"]) and vectors.shape == (60, 42)
    assert list(np.flatnonzero(np.isnan(vectors).any(axis=1))) == [0, 33]
    assert np.isnan(vectors[[0, 33]]).all()
    encoder = Encoder(blocks=["colour", "lbp"])
    for i in (1, 34, 59):
        decoded = np.asarray(Image.open(io.BytesIO(table["picture"][i])))
        np.testing.assert_array_equal(vectors[i], encoder.transform([decoded])[0])


@pytest.mark.parametrize(
    ("encoder", "options", "told"),
    [
        ("descriptor", {}, "'descriptor'"),
        ("descriptors", {"blocks": ["hog"]}, "hog"),
        ("descriptors", {"colours": 3}, "colours"),
    ],
)
def test_wrong_params_are_a_clear_error(pictures, encoder, options, told):
    with pytest.raises(AisleError, match=told):
        embed_images.run(pictures, EncoderParams(encoder=encoder, options=options))


def test_the_feature_file(built):
    data = features.read(built.root / "features/image/descriptors.parquet")
    assert data.vectors.shape == (60, 194) and data.available.all()
    assert {"encoder": "descriptors", "weights": "none", "catalogue": "tiny"}.items() <= data.metadata.items()
