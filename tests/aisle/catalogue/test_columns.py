"""catalogue/columns.py: the source's columns become those of data/products.parquet."""

import numpy as np
import pytest
from pydantic import ValidationError

from aisle.catalogue.columns import CatalogueParams, map_columns
from aisle.catalogue.formats.records import Records
from aisle.catalogue.ingestion import counts
from aisle.catalogue.validation import validate
from aisle.pipeline.errors import AisleError
from tests.aisle.catalogue.shop import COLUMNS, LENIENT, ingest, parameters, shop_rows, source


def test_all_columns_are_mapped():
    products, rejects = ingest([row | {"specs": "Colour: red; steel"} for row in shop_rows()])
    assert list(products.columns) == [
        "product_id", "title", "description", "category", "category_path", "pictures", "brand", "price",
        "specifications", "date", "_bytes",
    ]  # fmt: skip
    assert rejects.empty
    assert products.loc[1].to_dict() == {
        "product_id": "s1",
        "title": "thing 1",
        "description": "words, quoted",
        "category": "Garden",
        "category_path": "Garden >> sub1",
        "pictures": ["1.jpg"],
        "brand": "Acme",
        "price": 1.5,
        "specifications": '[["Colour", "red"], ["", "steel"]]',
        "date": None,
        "_bytes": [],
    }


def test_only_id_and_title_are_needed():
    table = source(shop_rows()).table[["sku", "name", "path"]]
    params = parameters({"id": "sku", "title": "name"})
    products, _ = validate(map_columns(Records(table), params), LENIENT, params.category)
    assert len(products) == 12
    assert products["description"].eq("").all() and products["specifications"].eq("[]").all()
    assert products[["brand", "price", "date"]].isna().all(axis=None)
    assert not products["pictures"].map(len).any()


@pytest.mark.parametrize(
    ("level", "categories"),
    [
        (1, ["Garden", "Kitchen"]),
        (2, ["Garden >> sub1", "Garden >> sub3", "Kitchen >> sub0", "Kitchen >> sub2"]),
    ],
)
def test_the_level_chooses_the_category(level, categories):
    products, _ = ingest(shop_rows(24), parameters(level=level))
    assert sorted(products["category"].unique()) == categories


def test_without_separator_the_column_is_the_category():
    rows = [row | {"path": row["path"].split(" > ")[0] + " & more"} for row in shop_rows()]
    products, _ = ingest(rows, parameters(separator=None))
    assert set(products["category"]) == {"Garden & more", "Kitchen & more"}
    assert (products["category"] == products["category_path"]).all()


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12", 12.0),
        ("12.50", 12.5),
        ("Rs. 1,299.50", 1299.5),
        ("Rs.999", 999.0),
        ("₹1,299", 1299.0),
        ("$ 5.-", 5.0),
        ("1299.0 INR", 1299.0),
        ("", np.nan),
        ("on request", np.nan),
    ],
)
def test_prices(text, price):
    rows = shop_rows()
    rows[3]["cost"] = text
    products, _ = ingest(rows)
    found = products.set_index("product_id")["price"]["s3"]
    assert found == pytest.approx(price, nan_ok=True)


def test_unreadable_specifications_cost_themselves_only(tmp_path):
    rows = shop_rows()
    rows[3]["specs"] = "{broken"
    rows[4]["specs"] = "[" * 100_000
    mapped = map_columns(source(rows), parameters())
    products, rejects = validate(mapped, LENIENT, parameters().category)
    assert len(products) == 12
    assert list(products.set_index("product_id")["specifications"][["s3", "s4"]]) == ["[]", "[]"]
    assert counts(mapped, products, rejects, tmp_path)["specifications_unreadable"] == 2


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (parameters(COLUMNS | {"title": "titel"}), ["titel", "sku", "catalogue.columns"]),
        (parameters(column="pfad"), ["pfad", "catalogue.category"]),
        (parameters(separator="|"), ["separator '|'", "Kitchen > sub0", "catalogue.category.separator"]),
    ],
)
def test_a_wrong_mapping_is_a_clear_error(params, told):
    with pytest.raises(AisleError) as error:
        map_columns(source(shop_rows()), params)
    assert all(part in str(error.value) for part in told), str(error.value)
    assert "_problem" not in str(error.value)


def test_a_header_without_rows_is_a_clear_error():
    with pytest.raises(AisleError, match="a header and no row"):
        map_columns(source([]), parameters())


def test_the_category_column_feeds_nothing_else():
    with pytest.raises(ValidationError, match="must feed nothing else"):
        parameters(COLUMNS | {"description": "path"})


def test_level_tree_takes_the_deepest_node_with_enough_products_and_refuses_none():
    rows = shop_rows(24)  # six products of each of four nodes at the second level
    rows += [row | {"sku": f"{row['sku']}b", "path": "Garden > rare"} for row in rows[:5]]
    rows += [row | {"sku": f"{row['sku']}c", "path": "Attic > old"} for row in rows[:2]]
    products, rejects = ingest(rows, parameters(level="tree"))
    assert rejects.empty
    assert products["category"].value_counts(dropna=False).to_dict() == {
        **dict.fromkeys(["Garden >> sub1", "Garden >> sub3", "Kitchen >> sub0", "Kitchen >> sub2"], 6),
        "Garden >> rare": 5,
        None: 2,
    }
    assert products["category_path"].str.contains("Attic >> old").sum() == 2


@pytest.mark.parametrize("level", [0, -1, "all", 1.5])
def test_a_level_is_a_number_from_1_or_the_tree(level):
    with pytest.raises(ValidationError, match="level"):
        parameters(level=level)


def test_what_cannot_be_read_of_dates_and_prices_is_told():
    rows = [row | {"cost": "2 for 5" if i == 3 else "5"} for i, row in enumerate(shop_rows())]
    notes = map_columns(source(rows), parameters()).notes
    assert any(
        note.startswith(f"1 of {len(rows)} prices cannot be read, such as '2 for 5'") for note in notes
    )


def test_parts_of_one_column_may_hold_the_category_and_the_title():
    shop = {"name": "shop", "table": "t", "images": "i", "category": {"column": "product.category"}}
    CatalogueParams(**shop, columns={"id": "id", "title": "product.title"})
    for title in ("product", "product.category", "Product.category.name"):
        with pytest.raises(ValueError, match="must feed nothing else"):
            CatalogueParams(**shop, columns={"id": "id", "title": title})
