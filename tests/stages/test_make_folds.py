"""stages/make_folds.py: folds, pairs and group statistics of one catalogue."""

import json

import pandas as pd
import pytest

from aisle.pipeline import tables


@pytest.fixture(scope="module")
def folds(built):
    return tables.read(built.root / "data/folds.parquet")


def test_every_product_has_its_place(built, folds):
    products = tables.read(built.root / "data/products.parquet")
    assert list(folds.columns) == ["product_id", "category", "group", "split", "cv_0", "cv_1"]
    pd.testing.assert_frame_equal(folds[["product_id", "category"]], products[["product_id", "category"]])
    assert folds["split"].value_counts().to_dict() == {"train": 36, "validation": 12, "test": 12}
    assert pd.crosstab(folds["cv_0"], folds["category"]).eq(4).all(axis=None)


def test_the_planted_pairs_are_the_pairs(built):
    pairs = tables.read_csv(built.root / "data/near_duplicates.csv")
    assert list(pairs.columns) == ["product_id_left", "product_id_right", "kind", "value"]
    assert pairs.to_numpy().tolist() == [["p00", "p01", "text", 1], ["p20", "p21", "picture", 0]]


def test_a_pair_is_never_split(folds):
    rows = folds.set_index("product_id")
    for left, right in (("p00", "p01"), ("p20", "p21")):
        assert rows.loc[left, ["group", "split", "cv_0", "cv_1"]].equals(
            rows.loc[right, ["group", "split", "cv_0", "cv_1"]]
        )
    assert folds["group"].nunique() == 58


def test_the_group_statistics(built):
    metrics = json.loads((built.root / "metrics/folds.json").read_text())
    expected = {
        "groups": 58,
        "groups_of_several": 2,
        "products_in_groups_of_several": 4,
        "largest_group": 2,
        "groups_across_categories": 0,
        "text_pairs": 1,
        "picture_pairs": 1,
        "train_share": 0.6,
    }
    assert expected.items() <= metrics.items()


def test_a_category_that_cannot_be_in_every_fold_is_a_clear_error(make_workspace, capsys):
    def edit(rows):
        for row in rows[:17]:
            row["description"] = rows[0]["description"]

    workspace = make_workspace(edit)
    workspace.run("ingest")
    workspace.run("prepare_images")
    with pytest.raises(SystemExit) as stop:
        workspace.run("make_folds")
    assert stop.value.code == 2
    assert "'Clocks' has 4" in capsys.readouterr().err
