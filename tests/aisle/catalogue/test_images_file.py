"""catalogue/images_file.py: rows in batches of any size, with fixed types, counted by what is wrong."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisle.catalogue import images_file, picture_rows
from aisle.catalogue.images import ImagesParams
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params


@pytest.mark.parametrize("batch", [1, 5, 10, 11])
def test_rows_survive_any_batch_size(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(images_file, "BATCH", batch)
    rows = [{"product_id": f"p{i}", "place": 0, "width": i, "picture": bytes([i])} for i in range(10)]
    summary = images_file.write_rows(iter(rows), tmp_path / "new" / "images.parquet", "tiny")
    table = pd.read_parquet(tmp_path / "new" / "images.parquet")
    assert list(table["width"]) == list(range(10)) and table["picture"][9] == b"\x09"
    assert summary == [{"product_id": f"p{i}", "place": 0, "width": i} for i in range(10)]


def test_no_product_gives_an_empty_file_of_the_same_columns(tmp_path):
    assert images_file.write_rows(iter([]), tmp_path / "images.parquet", "tiny") == []
    assert "phash" in pd.read_parquet(tmp_path / "images.parquet").columns


def test_the_counts_are_of_reasons_and_of_readable_pictures():
    figures = dict.fromkeys(images_file.FIGURES, 1.0)
    rows = [
        {"product_id": "a", "phash": "00", **figures},
        {"product_id": "b", "phash": None, **figures, "width": 4.0},
        {"product_id": "c", "problem": "damaged: the end is missing"},
        {"product_id": "d", "problem": "too large: 200 megapixels"},
        {"product_id": "e", "problem": "no picture named"},
    ]
    found = images_file.counts(rows)
    assert (found["readable"], found["blank"], found["median_width"]) == (2, 1, 2.5)
    assert (found["damaged"], found["too_large"], found["no_picture_named"], found["file_missing"]) == (
        1,
        1,
        1,
        0,
    )
    assert "median_width" not in images_file.counts(rows[2:])


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST)


def encoded(seed):
    file = io.BytesIO()
    picture(seed).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def prepared(tmp_path, repo):
    """Return a function that prepares products with these pictures, and these from inside the table."""
    params = load_params(repo / "params.yaml", "images", ImagesParams)
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(40):
        picture(i).save(folder / f"{i}.png")

    def prepare(pictures, inside=(), **changes):
        products = pd.DataFrame(
            {"product_id": [f"p{i:02d}" for i in range(len(pictures))], "pictures": pictures}
        )
        products = products.assign(category=[("a", "b", "c")[i % 3] for i in range(len(products))])
        products.attrs["catalogue"] = "tiny"
        embedded = pd.DataFrame(sorted(inside), columns=["product_id", "place", "picture"])
        tables.write(embedded, tmp_path / "embedded.parquet", "tiny")
        files = tmp_path / "embedded.parquet", folder, tmp_path / "images.parquet"
        figures, warnings = images_file.prepare_images(products, *files, params.model_copy(update=changes))
        return tables.read(files[-1]), figures, warnings

    return prepare


def test_a_row_for_each_picture_of_each_product(prepared):
    table, figures, warnings = prepared(
        [["0.png", "https://x.org/1.png?v=1"], [], ["2.png", "none.png"], ["3.png"]]
    )
    keys = [("p00", 0), ("p00", 1), ("p01", 0), ("p02", 0), ("p02", 1), ("p03", 0)]
    assert list(zip(table["product_id"], table["place"], strict=True)) == keys
    assert table["problem"].tolist() == [None, None, "no picture named", None, "file missing", None]
    assert table["picture"].isna().equals(table["problem"].notna())
    assert (figures["readable"], figures["pictures"], figures["file_missing"]) == (3, 4, 1)
    assert warnings == ["1 pictures of products that have others cannot be used, such as of p02"]


def test_pictures_from_inside_the_table_follow_those_that_are_named(prepared):
    inside = [("p02", 1, encoded(31)), ("p00", 5, encoded(30)), ("p02", 0, b"broken")]
    table, figures, _ = prepared([["0.png"], ["1.png"], []], inside)
    keys = [("p00", 0), ("p00", 1), ("p01", 0), ("p02", 0), ("p02", 1)]
    assert list(zip(table["product_id"], table["place"], strict=True)) == keys
    assert table["problem"].tolist() == [None] * 3 + ["not a picture in a known format", None]
    assert figures["readable"] == 3 and table.attrs["catalogue"] == "tiny"
    named, _, _ = prepared([["30.png"]])
    assert named["sha256"][0] == table["sha256"][1]


def test_pictures_of_no_product_are_an_error(prepared):
    with pytest.raises(AisleError, match="p77 is none of them or out of order"):
        prepared([["0.png"]], [("p77", 0, encoded(1))])


def test_a_placeholder_counts_as_no_picture(prepared):
    pictures = [["0.png"] if i % 5 < 2 else [f"{i}.png"] for i in range(30)] + [
        ["30.png", "0.png"],
        ["31.png"] * 3,
    ]
    table, figures, warnings = prepared(pictures)
    gone = table[table["problem"].notna()]
    assert set(gone["problem"]) == {"shared by 13 products of 3 categories"} and len(gone) == 13
    assert gone.drop(columns=["product_id", "place", "problem", "sha256"]).isna().all(axis=None)
    assert (figures["shared"], figures["readable"], figures["pictures"]) == (13, 20, 22)
    assert "13 pictures of 32 products count as none" in warnings[-1]
    kept = table[table["problem"].isna()]
    assert all(Image.open(io.BytesIO(data)).size == (64, 64) for data in kept["picture"])
    assert picture_rows.shared(table) == sorted(set(gone["sha256"])) and len(set(gone["sha256"])) == 1
    first = picture_rows.first(table).set_index("product_id")
    assert first.loc["p30", "sha256"] == kept.set_index("product_id").loc["p30", "sha256"]


def test_three_products_that_share_a_picture_keep_it(prepared):
    table, figures, warnings = prepared([["0.png"]] * 3 + [[f"{i}.png"] for i in range(1, 20)])
    assert figures["shared"] == 0 and not warnings and table["phash"].value_counts().iloc[0] == 3


@pytest.mark.parametrize(("limit", "fine"), [(0.5, True), (0.49, False)])
def test_a_share_of_missing_pictures_above_the_limit_stops_with_examples(prepared, limit, fine):
    pictures = [["0.png"], ["x/lost.png"], ["1.png", "gone.jpg"], []]
    if fine:
        assert prepared(pictures, max_missing_share=limit)[1]["file_missing"] == 2
        return
    with pytest.raises(AisleError) as error:
        prepared(pictures, max_missing_share=limit)
    said = "2 of 4 are. Asked for: x/lost.png, gone.jpg. In "
    assert said in str(error.value) and ": 0.png, 1.png, 10.png" in str(error.value)


def test_no_picture_named_is_no_picture_missing(prepared):
    assert prepared([[], []], max_missing_share=0)[1]["no_picture_named"] == 2


def test_the_first_readable_picture_of_each_product():
    table = pd.DataFrame(
        {"product_id": list("bbaac"), "place": [0, 1, 0, 1, 0], "picture": [None, b"1", b"2", b"3", None]}
    )
    assert picture_rows.first(table).set_index("product_id")["place"].to_dict() == {"a": 0, "b": 1, "c": 0}
    assert picture_rows.readable(table, list("abc")) == [[b"2", b"3"], [b"1"], []]
    with pytest.raises(AisleError, match="lacks d"):
        picture_rows.readable(table, list("abcd"))
