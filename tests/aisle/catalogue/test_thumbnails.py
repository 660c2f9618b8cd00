"""catalogue/thumbnails.py: small pictures of the products that have one, or of a stratified sample."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisle.catalogue import thumbnails
from aisle.pipeline import tables


def size(jpeg):
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return image.size


def jpeg(width, height, mode="RGB"):
    encoded = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(encoded, "JPEG")
    return encoded.getvalue()


def solid(width, height, colour):
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(encoded, "JPEG", quality=95)
    return encoded.getvalue()


@pytest.mark.parametrize(
    ("given", "wanted"), [((512, 256), (96, 48)), ((100, 500), (19, 96)), ((48, 40), (48, 40))]
)
def test_the_longest_side_is_bounded_and_nothing_is_enlarged(given, wanted):
    assert size(thumbnails.thumbnail(jpeg(*given), 96, 70)) == wanted


def test_grey_pictures_too():
    assert size(thumbnails.thumbnail(jpeg(200, 100, "L"), 50, 70)) == (50, 25)


def test_pictures_beside_each_other_are_each_in_the_middle_of_a_square():
    both = Image.open(io.BytesIO(thumbnails.beside([solid(20, 40, "red"), solid(40, 10, "blue")], 90)))
    assert both.size == (40 + 8 + 40, 40)
    inked, white = [(20, 1), (20, 38), (68, 20)], [(3, 20), (44, 20), (68, 3)]
    assert [int(np.argmax(both.getpixel(place))) for place in inked] == [0, 0, 2]
    assert all(min(both.getpixel(place)) > 240 for place in white)
    assert Image.open(io.BytesIO(thumbnails.beside([solid(30, 10, "red")], 90))).size == (30, 30)


@pytest.fixture
def pictures(tmp_path):
    """Return the path of five pictures; c has none."""
    rows = [{"product_id": key, "picture": None if key == "c" else solid(48, 40, "red")} for key in "abcde"]
    tables.write(pd.DataFrame(rows), tmp_path / "images.parquet", "tiny")
    return tmp_path / "images.parquet"


def test_the_table_has_a_row_per_chosen_product(pictures):
    params = thumbnails.ThumbnailsParams(side=24, quality=70, max_products=9, seed=0)
    products = pd.DataFrame({"product_id": list("ebad"), "category": list("xyxy")})
    found = thumbnails.table(products, pictures, params)
    assert list(found["product_id"]) == list("abde") and {size(data) for data in found["jpeg"]} == {(24, 20)}
    few = thumbnails.table(products, pictures, params.model_copy(update={"max_products": 2}))
    assert few["product_id"].isin(list("ea")).sum() == 1 and len(few) == 2
    nothing = thumbnails.table(products[:0], pictures, params)
    assert nothing.empty and list(nothing) == ["product_id", "jpeg"]
