"""stages/explore.py: the tables that the report's exploration is drawn from."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisle.pipeline import tables
from aisle.report.data.results import EXPLORATION, read_exploration

DATA = ("ingest", "prepare_images", "preprocess_text", "make_folds", "explore")


def explored(workspace):
    for name in DATA:
        workspace.run(name)
    return read_exploration(workspace.root / "reports/exploration")


@pytest.fixture(scope="module")
def found(make_workspace):
    return explored(make_workspace())


def test_each_table_is_there_and_knows_its_catalogue(found):
    assert set(found) == set(EXPLORATION)
    assert {table.attrs["catalogue"] for table in found.values()} == {"tiny"}
    assert not any(table.empty for table in found.values())


def test_the_counts_are_the_catalogues(found):
    keys = found["specification_keys"]
    assert keys["key"].tolist() == ["Colour", "Weight"] and keys["count"].tolist() == [60, 60]
    values = found["specification_values"]
    assert values["count"].sum() == 120 and values.groupby("key")["share"].sum().tolist() == [1, 1]
    tree = found["category_tree"]
    assert tree["level"].value_counts().to_dict() == {1: 3, 2: 60} and (tree["category"] != "").all()
    assert found["brands"]["count"].tolist() == [15] * 4
    assert found["missing"]["missing"].sum() == 0
    prices = found["distributions"].query("measure == 'price'").set_index("category")
    assert prices.loc["", "n"] == 60 and prices.loc["Clocks", "median"] == 20  # 10.5 to 29.5
    assert found["picture_sizes"].to_numpy().tolist() == [[64, 32, 60]]  # 48 x 40


def test_the_terms_are_those_of_the_texts(found):
    terms = found["terms"]
    assert set(terms["category"]) == {"", "Clocks", "Lamps", "Mugs"}
    clocks = terms.query("category == 'Clocks' and rank_tfidf <= 10")["term"]
    own = {"dial", "quartz", "alarm", "pendulum", "minute", "hour", "battery", "wall", "chime", "digital"}
    assert len(own & set(clocks)) >= 6  # of 44 words
    clouds = found["word_clouds"]
    assert len(clouds.groupby(["category", "kind"])) == 8
    assert found["term_frequencies"]["count"].is_monotonic_decreasing


def test_the_pair_that_shares_a_description_and_the_pictures_that_look_alike(found):
    pairs = found["near_duplicates"].set_index("kind")
    assert pairs.loc["text", ["product_id_left", "product_id_right"]].tolist() == ["p00", "p01"]
    assert pairs.loc["picture", ["product_id_left", "product_id_right"]].tolist() == ["p20", "p21"]
    pictures = found["pictures"]
    assert pictures["category"].value_counts().to_dict() == {"Clocks": 4, "Lamps": 4, "Mugs": 4}
    assert pairs.loc["text", "jpeg"] is None
    assert Image.open(io.BytesIO(pairs.loc["picture", "jpeg"])).size == (48 + 8 + 48, 48)
    for jpeg in pictures["jpeg"]:
        assert Image.open(io.BytesIO(jpeg)).size == (48, 48)  # 48 x 40, on a square


def test_the_same_bytes_again(make_workspace, tmp_path):
    workspace = make_workspace()
    explored(workspace)
    workspace.run("explore", output=tmp_path, thumbnails=tmp_path / "again.parquet")
    again = (tmp_path / "again.parquet").read_bytes()
    assert again == (workspace.root / "data/thumbnails.parquet").read_bytes()
    for name in EXPLORATION:
        first = (workspace.root / f"reports/exploration/{name}.parquet").read_bytes()
        assert first == (tmp_path / f"{name}.parquet").read_bytes(), name


def poor(rows):
    for row in rows:
        row.update(description="", specifications="", brand="", price="", image="", title="the " + row["id"])


def test_a_catalogue_of_names_alone(make_workspace):
    found = explored(make_workspace(poor, pictures=False))
    empty = {name for name, table in found.items() if table.empty}
    assert {"specification_keys", "specification_values", "brands", "pictures", "picture_sizes"} <= empty
    assert found["missing"].set_index("column")["share"].eq(1).all()
    assert "price" not in set(found["distributions"]["measure"])
    assert found["preprocessing"]["field"].unique() == ["title"]
    # every text is one number, which is its own term
    assert len(found["terms"].query("category == ''")) == 60


def test_texts_of_which_no_word_is_left(make_workspace):
    def wordless(rows):
        for i, row in enumerate(rows):
            letters = [chr(97 + n % 26) for n in (i, i // 26 + 7 * i, 11 * i + 5)]  # each is too short
            row.update(title=" ".join(letters), description="", specifications="")

    found = explored(make_workspace(wordless, pictures=False))
    for name in ("terms", "term_frequencies", "word_clouds", "preprocessing"):
        assert found[name].empty, name
    assert found["distributions"].query("measure == 'title_before' and category == ''")["maximum"].item() == 3


def test_tables_of_different_products_are_an_error(make_workspace, capsys):
    workspace = make_workspace()
    explored(workspace)
    texts = workspace.root / "data/text.parquet"
    tables.write(pd.read_parquet(texts).iloc[1:], texts, "tiny")
    with pytest.raises(SystemExit):
        workspace.run("explore")
    assert "p00" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------- small pictures


def size(jpeg):
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.size


def test_every_readable_picture_has_a_small_one_and_the_others_have_none(make_workspace, tmp_path):
    workspace = make_workspace(lambda rows: rows[3].update(image=""))
    (workspace.images / "p05.png").write_text("text")
    explored(workspace)
    table = tables.read(workspace.root / "data/thumbnails.parquet")
    assert list(table["product_id"]) == [f"p{i:02d}" for i in range(60) if i not in (3, 5)]
    assert table.attrs["catalogue"] == "tiny" and {size(data) for data in table["jpeg"]} == {(48, 40)}
    colours = [Image.open(io.BytesIO(data)).resize((1, 1)).getpixel((0, 0)) for data in table["jpeg"]]
    assert [int(np.argmax(colour)) for colour in colours] == [0] * 18 + [1] * 20 + [2] * 20

    few = workspace.with_params(tmp_path, lambda params: params["thumbnails"].update(max_products=6, side=16))
    few.run("explore", output=tmp_path / "tables", thumbnails=tmp_path / "few.parquet")
    sample = tables.read(tmp_path / "few.parquet")
    assert sample["product_id"].str[1].map({"0": 0, "1": 0, "2": 1, "3": 1, "4": 2, "5": 2}).tolist() == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert {size(data) for data in sample["jpeg"]} == {(16, 13)}


def test_a_catalogue_without_pictures_has_no_small_one(make_workspace):
    workspace = make_workspace(pictures=False)
    explored(workspace)
    table = tables.read(workspace.root / "data/thumbnails.parquet")
    assert table.empty and list(table) == ["product_id", "jpeg"]
