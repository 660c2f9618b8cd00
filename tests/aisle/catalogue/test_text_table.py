"""catalogue/text_table.py: the text table, its statistics and their totals."""

import pandas as pd
import pytest

from aisle.catalogue import specifications, text_forms, text_table
from aisle.pipeline import table_batches, tables

PARAMS = text_forms.TextParams(keep_numbers=True, min_token_length=2)


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
    return everything(products)


def everything(products):
    part = text_table.preprocess(products, PARAMS)
    return part.texts, part.statistics, *text_table.totals([(part.counts, part.letters)])


def test_the_text_table(ran):
    table, *_ = ran
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
    _, statistics, *_ = ran
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


def test_the_scripts_and_the_letters_that_are_left(ran):
    metrics, warnings = ran[2:]
    assert metrics["script_latin_share"] == 1 and metrics["script_other_share"] == 0
    # of "The Red Mugs", "Clock" and "A": the and a are lost; "of the" is lost as a whole
    assert metrics["title_letters_lost_share"] == pytest.approx(4 / 16)
    assert (metrics["title_mostly_lost"], metrics["description_mostly_lost"]) == (1, 1)
    assert len(warnings) == 2  # a third and a half of the texts: far more than a catalogue has
    assert warnings[0].startswith(
        "preprocessing loses 25% of the letters of the title, and most of those of 1 of 3 texts"
    )


def rows(titles):
    table = {"product_id": [str(i) for i in range(len(titles))], "title": titles}
    return pd.DataFrame(table).assign(description="", specifications="[]")


def test_words_of_other_languages_lose_no_letter():
    titles = ["बड़ा जूता 12", "手机壳红色", "เสื้อยืดสีแดง", "كِتَابٌ جَدِيد", "Кожаные ботинки", "red mugs"]
    *_, metrics, warnings = everything(rows(titles))
    assert metrics["title_letters_lost_share"] == metrics["title_mostly_lost"] == 0 and not warnings
    shares = {name for name in metrics if name.startswith("script_")}
    written = {"arabic", "cyrillic", "devanagari", "han", "latin", "other", "thai"}
    assert shares == {f"script_{name}_share" for name in written}
    assert sum(metrics[name] for name in shares) == pytest.approx(1)


def test_a_language_whose_words_are_lost_is_told():
    titles = ["l'huile d'olive", "l'eau d'orange", "l'habit d'hiver", "l'arbre d'ornement"]
    *_, metrics, warnings = everything(rows(titles))
    assert metrics["title_letters_lost_share"] > 0.9 and metrics["title_mostly_lost"] == 4
    assert len(warnings) == 1 and "most of those of 4 of 4 texts" in warnings[0]


def test_parts_make_what_the_whole_makes(tmp_path):
    n = 60
    products = pd.DataFrame(
        {
            "product_id": [f"p{i:02}" for i in range(n)],
            "title": [f"Red Mugs {i % 7}" for i in range(n)],
            "description": [f"<p>Two mugs &amp; box {i % 11}.</p>" if i % 3 else "" for i in range(n)],
            "specifications": [specifications.dumps([("Colour", f"red {i}")]) for i in range(n)],
        }
    )
    written, told = {}, []
    for name, rows_of_a_part in (("whole", 4096), ("parts", 7)):
        folder = tmp_path / name
        tables.write_groups(products, folder / "products.parquet", "label", {}, rows_of_a_part)
        texts, statistics = folder / "text.parquet", folder / "statistics.csv"
        told.append(text_table.write(folder / "products.parquet", PARAMS, texts, statistics))
        written[name] = tables.read(texts), statistics.read_bytes()
        assert table_batches.parts(texts) == -(-n // rows_of_a_part)
    assert told[0] == told[1] and told[0][2] == "label"
    pd.testing.assert_frame_equal(written["whole"][0], written["parts"][0])
    assert written["whole"][1] == written["parts"][1]
    part = text_table.preprocess(products, PARAMS)
    tables.write(part.texts, tmp_path / "text.parquet", "label")
    assert (tmp_path / "text.parquet").read_bytes() == (tmp_path / "whole" / "text.parquet").read_bytes()
    tables.write_csv(part.statistics, tmp_path / "statistics.csv", "label")
    assert (tmp_path / "statistics.csv").read_bytes() == written["parts"][1]
