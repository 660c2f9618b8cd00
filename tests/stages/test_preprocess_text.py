"""stages/preprocess_text.py: the text table, its statistics, and no category path in it."""

import json

import pandas as pd
import pytest

from aisle import specifications, tables, text
from stages import preprocess_text

PARAMS = text.TextParams(keep_numbers=True, min_token_length=2)


@pytest.fixture(scope="module")
def ran():
    products = pd.DataFrame(
        {
            "product_id": ["p1", "p2", "p3"],
            "title": ["The Red Mugs", "Clock", "A"],
            "description": ["<p>Two mugs &amp; a box.</p>", "", "of the"],
            "specifications": [specifications.dumps([("Colour", "red"), ("", "steel")]), "[]", "[]"],
            "category_path": ["Kitchen >> secret"] * 3,
        }
    )
    return preprocess_text.run(products, PARAMS)


def test_the_text_table(ran):
    table, _, _ = ran
    fields, forms = ("title", "description", "specifications"), ("raw", "clean", "tokens", "lemmas", "stems")
    assert list(table.columns) == ["product_id", *(f"{field}_{form}" for field in fields for form in forms)]
    first = table.iloc[0]
    assert first["title_raw"] == "The Red Mugs" and first["description_raw"] == "Two mugs & a box."
    assert first["specifications_raw"] == "Colour red . steel"
    assert first["title_clean"] == "the red mugs" and first["title_lemmas"] == "red mug"
    assert first["description_clean"] == "two mugs a box" and first["description_lemmas"] == "mug box"
    assert first["specifications_clean"] == "colour red steel"
    assert list(table.loc[1:, "description_tokens"]) == ["", ""]


def test_the_statistics_table(ran):
    _, statistics, _ = ran
    assert list(statistics.columns) == ["product_id", "field", "words_before", "words_after", "reduction"]
    rows = statistics.set_index(["product_id", "field"])
    assert len(rows) == 9 and rows.index.is_monotonic_increasing
    assert rows.loc[("p1", "title")].tolist() == [3, 2, pytest.approx(1 / 3)]
    assert rows.loc[("p2", "description")].tolist() == [0, 0, 0]
    assert rows.loc[("p3", "description")].tolist() == [2, 0, 1]


def test_the_totals(ran):
    metrics = ran[2]
    assert (metrics["title_words_before"], metrics["title_words_after"]) == (5, 3)
    assert metrics["title_reduction"] == pytest.approx(0.4)
    assert metrics["title_vocabulary"] == 3  # red, mug, clock
    assert metrics["specifications_words_after"] == 3


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
