"""stages/classify.py: the predictions contract, from texts and from features."""

import numpy as np
import pandas as pd
import pytest

from aisle import predictions, tables


@pytest.mark.parametrize("name", ["text_floor", "descriptors"])
def test_the_predictions_file(built, name):
    table = tables.read(built.root / f"predictions/{name}.parquet")
    folds = tables.read(built.root / "data/folds.parquet").set_index("product_id")
    assert table.attrs["catalogue"] == "tiny"
    assert list(table.columns) == [
        "protocol", "repeat", "fold", "product_id", "category", "available", "p_Clocks", "p_Lamps", "p_Mugs"
    ]  # fmt: skip
    assert table.groupby(["protocol", "repeat"]).size().to_dict() == {
        ("cv", 0): 60,
        ("cv", 1): 60,
        ("holdout", 0): 12,
    }
    assert (folds.loc[table["product_id"], "category"].to_numpy() == table["category"]).all()
    holdout = table[table["protocol"] == "holdout"]
    assert set(folds.loc[holdout["product_id"], "split"]) == {"test"}
    probabilities = predictions.probabilities(table)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    names = np.array(predictions.categories(table))
    assert (names[probabilities.argmax(axis=1)] == table["category"]).mean() > 0.55  # 1/3 by chance


@pytest.mark.parametrize("name", ["text_floor", "descriptors"])
def test_the_same_bytes_again(built, tmp_path, name):
    built.run("classify", name, output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (built.root / f"predictions/{name}.parquet").read_bytes()


def test_labels_matter_only_where_they_are_learned_from(built, tmp_path):
    """Another label for a product changes no prediction in the fold in which that product is tested."""
    folds = tables.read(built.root / "data/folds.parquet")
    folds.loc[folds["product_id"] == "p10", "category"] = "Mugs"
    tables.write(folds, tmp_path / "folds.parquet", "tiny")
    built.run("classify", "text_floor", folds=tmp_path / "folds.parquet", output=tmp_path / "new.parquet")
    old, new = (
        table[(table["protocol"] == "cv") & (table["repeat"] == 0)].set_index("product_id")
        for table in (
            tables.read(built.root / "predictions/text_floor.parquet"),
            tables.read(tmp_path / "new.parquet"),
        )
    )
    columns = ["p_Clocks", "p_Lamps", "p_Mugs"]
    same = old["fold"] == old.loc["p10", "fold"]
    pd.testing.assert_frame_equal(old.loc[same, columns], new.loc[same, columns])
    assert not np.allclose(old.loc[~same, columns], new.loc[~same, columns], atol=1e-4)


@pytest.mark.parametrize(
    ("item", "change", "told"),
    [
        ("floor", {}, "classifiers.floor"),
        ("text_floor", {"classifier": "text_liner"}, "'text_liner'"),
        ("text_floor", {"options": {"fields": ["brand"], "form": "clean"}}, "brand_clean"),
        ("text_floor", {"options": {"fields": ["title"], "form": "clean", "min_df": 70}}, "min_df"),
        ("text_floor", {"options": {"fields": ["title"], "form": "clean", "C": 0}}, "C"),
        ("descriptors", {"options": {"n_components": 0}}, "n_components"),
        ("descriptors", {"options": {"components": 5}}, "components"),
    ],
)
def test_wrong_params_are_a_clear_error(built, tmp_path, capsys, item, change, told):
    workspace = built.with_params(tmp_path, lambda params: params["classifiers"].get(item, {}).update(change))
    with pytest.raises(SystemExit) as stop:
        workspace.run("classify", item, output=tmp_path / "out.parquet")
    written = capsys.readouterr().err
    assert stop.value.code == 2
    assert written.startswith("error: ") and len(written.splitlines()) == 1
    assert told in written
    assert not (tmp_path / "out.parquet").exists()
