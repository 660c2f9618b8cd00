"""stages/thumbnails.py: small pictures of the products that have one, or of a stratified sample."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisle import tables, thumbnails


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


def test_a_sample_keeps_the_categories_shares_and_a_seed():
    products = pd.DataFrame(
        {"product_id": [f"p{i:03d}" for i in range(300)], "category": ["A"] * 200 + ["B"] * 90 + ["C"] * 10}
    )
    chosen = thumbnails.choose(products, 30, 0)
    shares = products.set_index("product_id").loc[chosen, "category"].value_counts().to_dict()
    assert shares == {"A": 20, "B": 9, "C": 1}
    assert chosen == sorted(chosen) == thumbnails.choose(products.sample(frac=1, random_state=3), 30, 0)
    assert chosen != thumbnails.choose(products, 30, 1)
    assert thumbnails.choose(products, 300, 0) == thumbnails.choose(products, 999, 5)
    assert len(thumbnails.choose(products, 999, 0)) == 300


def test_every_readable_picture_has_one_and_the_others_have_none(make_workspace, tmp_path):
    workspace = make_workspace(lambda rows: rows[3].update(image=""))
    (workspace.images / "p05.png").write_text("text")
    for name in ("ingest", "prepare_images", "thumbnails"):
        workspace.run(name)
    table = tables.read(workspace.root / "data/thumbnails.parquet")
    assert list(table["product_id"]) == [f"p{i:02d}" for i in range(60) if i not in (3, 5)]
    assert table.attrs["catalogue"] == "tiny" and {size(data) for data in table["jpeg"]} == {(48, 40)}
    colours = [Image.open(io.BytesIO(data)).resize((1, 1)).getpixel((0, 0)) for data in table["jpeg"]]
    assert [int(np.argmax(colour)) for colour in colours] == [0] * 18 + [1] * 20 + [2] * 20

    workspace.run("thumbnails", output=tmp_path / "again.parquet")
    again = (tmp_path / "again.parquet").read_bytes()
    assert again == (workspace.root / "data/thumbnails.parquet").read_bytes()

    few = workspace.with_params(tmp_path, lambda params: params["thumbnails"].update(max_products=6, side=16))
    few.run("thumbnails", output=tmp_path / "few.parquet")
    sample = tables.read(tmp_path / "few.parquet")
    assert sample["product_id"].str[1].map({"0": 0, "1": 0, "2": 1, "3": 1, "4": 2, "5": 2}).tolist() == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert {size(data) for data in sample["jpeg"]} == {(16, 13)}


def test_a_catalogue_without_pictures_has_an_empty_table(make_workspace):
    workspace = make_workspace(pictures=False)
    for name in ("ingest", "prepare_images", "thumbnails"):
        workspace.run(name)
    table = tables.read(workspace.root / "data/thumbnails.parquet")
    assert table.empty and list(table) == ["product_id", "jpeg"]
