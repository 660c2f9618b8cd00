"""stages/preprocess_text.py: the text table, its statistics, and no category path in it."""

import json

import pandas as pd

from aisle.pipeline import tables


def test_the_category_path_reaches_no_text(built):
    """Every product has a word, leafNNtoken, that stands in its category path alone."""
    products = tables.read(built.root / "data/products.parquet")
    assert products["category_path"].str.fullmatch(r"\w+ >> leaf\d\dtoken").all()
    table = tables.read(built.root / "data/text.parquet")
    assert list(table["product_id"]) == list(products["product_id"])
    for column in table.columns:
        assert not table[column].str.contains("leaf").any(), column
        assert column == "product_id" or not table[column].str.contains("clocks|lamps|mugs").any(), column


def test_the_files_agree(built):
    table = tables.read(built.root / "data/text.parquet")
    statistics = pd.read_csv(built.root / "data/text_statistics.csv")
    metrics = json.loads((built.root / "metrics/text.json").read_text())
    for field in ("title", "description", "specifications"):
        after = statistics.loc[statistics["field"] == field, "words_after"]
        assert after.tolist() == table[f"{field}_tokens"].str.split().str.len().tolist()
        assert metrics[f"{field}_words_after"] == after.sum()
    assert (
        metrics["title_words_before"]
        == json.loads((built.root / "metrics/ingest.json").read_text())["name_words"]
    )
