"""exploration: counts to the digit, trees to any depth, terms, word clouds, what is shown of them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from aisle.catalogue.exploration import (
    catalogue_counts,
    distributions,
    examples,
    overview,
    terms,
    word_clouds,
)
from aisle.pipeline import tables

REAL = Path(__file__).parents[3] / ".studies/flipkart1050/data/products.parquet"


@pytest.fixture(scope="module")
def products():
    rows = [
        ("p1", "A >> x >> deep", "Acme", 5.0, [["Type", "Analog"], ["", "loose"]], "one"),
        ("p2", "A >> x", "Acme", np.nan, [["Type", "Analog"]], ""),
        ("p3", "A >> y", None, 1.0, [["Type", "Digital"], ["Colour", "Red"]], "two"),
        ("p4", "B >> x", "Bolt", 2.0, [], "three"),
    ]
    names = ["product_id", "category_path", "brand", "price", "specifications", "description"]
    table = pd.DataFrame(rows, columns=names)
    table["category"] = table["category_path"].str[0]
    table["specifications"] = table["specifications"].map(json.dumps)
    return table.assign(pictures=[["1.png"], [], ["3.png"], ["4.png"]], title=table["product_id"])


def test_specifications_are_counted_within_their_key(products):
    pairs = catalogue_counts.specification_pairs(products)
    values = catalogue_counts.specification_values(pairs).set_index(["key", "value"])
    assert values.loc[("Type", "Analog")].to_dict() == {"count": 2, "share": 2 / 3, "total": 3}
    assert values.loc[("", "loose"), "share"] == 1
    keys = catalogue_counts.specification_keys(pairs)
    assert keys.to_dict("list") == {
        "key": ["Type", "", "Colour"],
        "count": [3, 1, 1],
        "share": [0.6, 0.2, 0.2],
        "total": [5, 5, 5],
    }


@pytest.mark.skipif(not REAL.is_file(), reason="needs the real catalogue: make study CATALOGUE=flipkart1050")
def test_the_published_studys_table_to_the_digit():
    pairs = catalogue_counts.specification_pairs(tables.read(REAL))
    row = catalogue_counts.specification_values(pairs).set_index(["key", "value"]).loc[("Type", "Analog")]
    assert (row["count"], row["total"], f"{row['share']:.2%}") == (123, 728, "16.90%")


def test_no_specification_brand_or_product(products):
    bare = products.assign(specifications="[]", brand=None)
    pairs = catalogue_counts.specification_pairs(bare)
    for table in (
        catalogue_counts.specification_keys(pairs),
        catalogue_counts.specification_values(pairs),
        catalogue_counts.brands(bare),
        catalogue_counts.category_tree(bare[:0]),
    ):
        assert table.empty and "count" in table


def test_the_tree_has_every_level_and_keeps_like_named_nodes_apart(products):
    tree = catalogue_counts.category_tree(products).set_index("path")
    assert tree["count"].to_dict() == {
        "A": 3, "B": 1, "A >> x": 2, "A >> y": 1, "B >> x": 1, "A >> x >> deep": 1,
    }  # fmt: skip
    assert tree.loc["A >> x >> deep", ["parent", "segment", "level"]].tolist() == ["A >> x", "deep", 3]
    assert tree.loc["A", "parent"] == ""


def test_a_node_of_several_categories_belongs_to_none(products):
    """Where the category is the second level."""
    by_second = products.assign(category=products["category_path"].str.split(" >> ").str[1])
    tree = catalogue_counts.category_tree(by_second).set_index("path")["category"]
    assert tree["A"] == "" and tree["A >> x"] == "x"


def test_missing_values_are_counted_as_what_they_are(products):
    table = catalogue_counts.missing(products, pd.Series([True, False, False, True])).set_index("column")
    assert table["missing"].to_dict() == {
        "description": 1,
        "brand": 1,
        "price": 1,
        "specifications": 1,
        "picture named": 1,
        "readable picture": 2,
    }
    assert table.loc["readable picture", "share"] == 0.5 and (table["total"] == 4).all()


def test_distributions_leave_out_what_is_missing(products):
    table = distributions.summary(products[["price"]], products["category"]).set_index("category")
    assert table.loc["", ["n", "minimum", "median", "maximum"]].tolist() == [3, 1, 2, 5]
    assert table.loc["A", "n"] == 2 and table.loc["A", "mean"] == 3
    nothing = products[["price"]].assign(price=np.nan)
    assert distributions.summary(nothing, products["category"]).empty


@pytest.mark.parametrize("top", [0, 1, 9, 59, 60, 61, 1000])
def test_histograms_hold_every_value_once(top):
    measures = pd.DataFrame({"one": [0, top, top], "other": [0, 0, 0]})
    table = distributions.histograms(measures, 60)
    assert table.groupby("measure")["count"].sum().tolist() == [3, 3]
    assert table["measure"].eq("one").sum() <= 62 and (table["right"] > table["left"]).all()
    last = table[table["measure"].eq("one") & table["count"].gt(0)].iloc[-1]
    assert last["left"] <= top < last["right"]


def test_sizes_are_rounded_and_counted():
    sizes = pd.DataFrame({"width": [100, 97, np.nan, 3], "height": [64, 65, np.nan, 500]})
    table = distributions.picture_sizes(sizes, 32)
    assert table.to_numpy().tolist() == [[32, 512, 1], [96, 64, 2]]


TEXTS = ["a a a common", "b common", "b common", ""]


def test_terms_by_count_and_by_tfidf():
    counts, names = terms.bag(TEXTS)
    assert list(names) == ["a", "b", "common"]
    found = terms.table(counts, names, pd.Series(["x", "y", "y", "y"]), 2)
    overall = found[found["category"].eq("")].set_index("term")
    assert overall["count"].to_dict() == {"a": 3, "common": 3, "b": 2}
    assert overall["products"].to_dict() == {"a": 1, "common": 3, "b": 2}
    assert overall["rank_count"].to_dict() == {"a": 1, "common": 2, "b": 3}
    assert overall.loc["b", "rank_tfidf"] == 1  # in two of four texts, beside a word of three
    own = found[found["category"].eq("x")].set_index("term")
    assert list(own.index) == ["a", "common"] and own["tfidf"]["a"] > 0.9
    assert np.hypot(*own["tfidf"]) == pytest.approx(1)


def test_the_means_are_those_of_all_products_of_the_category():
    counts, names = terms.bag(["b", ""])
    found = terms.table(counts, names, pd.Series(["x", "x"]), 5)
    assert found["tfidf"].tolist() == [0.5, 0.5]


def test_no_term_at_all():
    counts, names = terms.bag(["", ""])
    assert counts.shape == (2, 0)
    assert terms.table(counts, names, pd.Series(["x", "y"]), 5).empty
    assert terms.frequencies(counts, names, 10).empty


def test_frequencies_fall_from_the_first_to_the_last_rank():
    texts = [" ".join(f"w{i:04d}" for i in range(n)) for n in range(1, 1000)]
    counts, names = terms.bag(texts)
    table = terms.frequencies(counts, names, 50)
    assert table["rank"].iloc[0] == 1 and table["rank"].iloc[-1] == 999 and 30 < len(table) <= 50
    assert (table["count"] == 1000 - table["rank"]).all()  # w0000 is in all of them
    assert table["term"].iloc[0] == "w0000"


def test_a_word_cloud_is_the_same_each_time_and_grows_with_the_weight():
    weights = {f"word{i}": 1 / (i + 1) for i in range(40)}
    cloud = word_clouds.layout(weights, 20, 0)
    assert list(cloud["word"][:3]) == ["word0", "word1", "word2"] and len(cloud) <= 20
    assert cloud["size"].is_monotonic_decreasing and cloud["size"].iloc[0] > cloud["size"].iloc[-1]
    pd.testing.assert_frame_equal(cloud, word_clouds.layout(dict(reversed(weights.items())), 20, 0))
    assert not cloud.equals(word_clouds.layout(weights, 20, 1))


def test_the_words_of_a_cloud_do_not_meet():
    weights = {f"{'gypq' if i % 2 else 'Ähl'}{i}": 40 - i for i in range(40)}
    cloud = word_clouds.layout(weights, 40, 3)
    assert cloud["vertical"].any() and not cloud["vertical"].all()
    area = np.zeros((word_clouds.HEIGHT, word_clouds.WIDTH), int)
    for row in cloud.itertuples():
        font = ImageFont.truetype(str(word_clouds.font_file()), row.size)
        left, top, right, bottom = font.getbbox(row.word, anchor="ls")
        assert row.length == pytest.approx(font.getlength(row.word), abs=0.1)
        ink = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(ink).text((-left, -top), row.word, 255, font, anchor="ls")
        pixels = np.asarray(ink) > 128
        if row.vertical:  # the page turns the word around where its baseline begins
            pixels, y, x = np.rot90(pixels), row.y - right, row.x + top
        else:
            y, x = row.y + top, row.x + left
        assert min(x, y) >= 0
        height, width = pixels.shape
        assert y + height <= word_clouds.HEIGHT and x + width <= word_clouds.WIDTH
        area[y : y + height, x : x + width] += pixels
    assert area.max() == 1


def test_a_cloud_of_nothing():
    assert word_clouds.layout({}, 10, 0).empty


def texts_table(**columns):
    table = pd.DataFrame({"product_id": [f"p{i}" for i in range(len(next(iter(columns.values()))))]})
    for field in ("title", "description"):
        for form in ("raw", "clean", "tokens", "lemmas", "stems"):
            table[f"{field}_{form}"] = columns.get(f"{field}_{form}", [""] * len(table))
    return table


def test_the_example_is_the_one_that_changes_most_then_the_nearest_in_length():
    table = texts_table(
        description_raw=["The cats ran.", "Same", "All the many cats ran.", ""],
        description_clean=["the cats ran", "same", "all the many cats ran", ""],
        description_tokens=["cats ran", "same", "cats ran", ""],
        description_lemmas=["cat run", "same", "cat run", ""],
        description_stems=["cat ran", "same", "cat ran", ""],
    )
    assert examples.preprocessing(table, 3)["product_id"].unique() == ["p0"]
    found = examples.preprocessing(table[::-1], 5)
    assert found["product_id"].unique() == ["p2"] and found["field"].unique() == ["description"]
    assert found["form"].tolist() == ["raw", "clean", "tokens", "lemmas", "stems"]
    assert found["words"].tolist() == [5, 5, 2, 2, 2] and found["text"].iloc[3] == "cat run"


def test_the_example_is_a_title_where_no_product_has_a_description():
    forms = {f"title_{form}": ["x", "word"] for form in ("raw", "clean", "tokens", "lemmas", "stems")}
    forms["title_tokens"] = ["", "word"]  # nothing is left of p0's
    found = examples.preprocessing(texts_table(**forms), 1)
    assert found["field"].unique() == ["title"] and found["product_id"].unique() == ["p1"]
    assert examples.preprocessing(texts_table(title_raw=["x"]), 1).empty


def test_near_duplicates_are_the_most_alike_one_of_each_group_across_categories_first(products):
    ids = ["p1", "p2", "p3", "p4"]
    pairs = pd.DataFrame(
        [
            ("p1", "p2", "text", 0.99),
            ("p1", "p3", "text", 0.98),
            ("p3", "p4", "picture", 20),
            ("p1", "p1", "picture", 0),
            ("p1", "p2", "picture", 4),
        ],
        columns=["product_id_left", "product_id_right", "kind", "value"],
    )
    groups = pd.Series([0, 0, 0, 1], ids)
    found = examples.near_duplicates(pairs, products.assign(description="long text"), groups, 5, 6)
    shown = found[["kind", "value", "product_id_left", "product_id_right"]].to_numpy().tolist()
    # p3 and p4 are in two categories, and of p3's group; p1 with itself is no pair
    assert shown == [["text", 0.99, "p1", "p2"], ["picture", 20, "p3", "p4"]]
    assert found["similarity"].tolist() == [0.99, 1 - 20 / 256]
    assert found["text_left"].unique() == ["long t…"] and found["category_right"].tolist() == ["A", "B"]
    apart = examples.near_duplicates(pairs, products, pd.Series(range(4), ids), 1, 6)
    assert apart["kind"].tolist() == ["text", "picture"]
    assert examples.near_duplicates(pairs[:0], products, groups, 5, 6).empty


def test_samples_are_of_every_category_and_of_a_seed():
    many = pd.DataFrame(
        {"product_id": [f"p{i:02d}" for i in range(30)], "category": ["A"] * 20 + ["B"] * 9 + ["C"]}
    )
    found = examples.sample(many, 3, 0)
    assert found["category"].tolist() == ["A"] * 3 + ["B"] * 3 + ["C"]
    pd.testing.assert_frame_equal(found, examples.sample(many[::-1], 3, 0))
    assert not found.equals(examples.sample(many, 3, 1))
    assert examples.sample(many, 0, 0).empty


def test_the_largest_categories_are_shown_one_by_one():
    names = pd.Series(["b"] * 3 + ["a"] * 2 + ["c"] * 2 + ["d"])
    assert overview.largest(names, 2) == ["a", "b"] and overview.largest(names, 9) == list("abcd")
    counts, words = terms.bag(["x"] * 8)
    assert set(terms.table(counts, words, names, 5, ["a", "b"])["category"]) == {"", "a", "b"}
    measured = distributions.summary(pd.DataFrame({"price": range(8)}), names, ["d"])
    assert list(measured["category"]) == ["", "d"]
