"""stages/prepare_images.py: one row per product, in batches, counted by what is wrong."""

import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from aisle.catalogue import images_file
from aisle.pipeline import tables


@pytest.fixture(scope="module")
def spoiled(make_workspace):
    """Return a workspace with one picture of each kind of problem, prepared in batches of 7."""

    def edit(rows):
        rows[3]["image"] = ""
        rows[4]["image"] = "elsewhere.png"

    workspace = make_workspace(edit)
    (workspace.images / "p05.png").write_bytes((workspace.images / "p05.png").read_bytes()[:200])
    (workspace.images / "p06.png").write_text("text")
    Image.new("RGB", (48, 40), (9, 9, 9)).save(workspace.images / "p07.png")
    Image.new("1", (2000, 1500)).save(workspace.images / "p08.png")
    workspace.params["images"]["max_megapixels"] = 1
    workspace.write_params(workspace.params)
    workspace.run("ingest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images_file, "BATCH", 7)
        workspace.run("prepare_images")
    return workspace


def test_every_product_has_a_row_in_order(spoiled):
    table = tables.read(spoiled.root / "data/images.parquet")
    assert list(table["product_id"]) == [f"p{i:02d}" for i in range(60)]
    assert table.attrs["catalogue"] == "tiny"
    problems = table.set_index("product_id")["problem"].dropna()
    assert problems.str.partition(":")[0].to_dict() == {
        "p03": "no picture named",
        "p04": "file missing",
        "p05": "damaged",
        "p06": "not a picture in a known format",
        "p08": "too large",
    }
    assert (table["picture"].isna() == table["problem"].notna()).all()
    assert list(table.loc[table["phash"].isna() & table["problem"].isna(), "product_id"]) == ["p07"]


def test_the_file_is_written_in_batches_with_fixed_types(spoiled):
    file = pq.ParquetFile(spoiled.root / "data/images.parquet")
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sum(sizes) == 60 and max(sizes) == 7
    assert str(file.schema_arrow.field("picture").type) == "binary"


def test_the_counts(spoiled):
    counts = json.loads((spoiled.root / "metrics/images.json").read_text())
    names = [
        "no_picture_named",
        "file_missing",
        "not_a_picture_in_a_known_format",
        "damaged",
        "too_large",
        "blank",
    ]
    assert counts["readable"] == 55 and [counts[name] for name in names] == [1] * 6
    assert (counts["median_width"], counts["median_height"]) == (48, 40)


def test_the_stored_picture_is_the_products(built):
    table = tables.read(built.root / "data/images.parquet")
    pixels = [Image.open(io.BytesIO(data)).resize((1, 1)).getpixel((0, 0)) for data in table["picture"]]
    assert [int(np.argmax(pixel)) for pixel in pixels] == [0] * 20 + [1] * 20 + [2] * 20
