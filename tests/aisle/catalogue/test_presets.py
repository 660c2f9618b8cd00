"""catalogue/presets.py: an export of each shop is read by its name alone; renamed categories are counted."""

import csv

import pytest

from aisle.catalogue import presets
from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.ingestion import ingest, read_changes
from aisle.pipeline.errors import AisleError
from tests.aisle.catalogue.shop import LENIENT

PATHS = {
    "shopify": "{} > x",
    "woocommerce": "{} > x, Other > y",
    "google_merchant": "{} > x",
    "magento": "Default Category/{}/x,Default Category/{}/x/All",
    "prestashop": "{}/x,Other/y",
}


def write(folder, name, without=()):
    """Write an export of 12 products in two categories, with the preset's columns; return its params."""
    mapping = presets.PRESETS[name]
    columns = {**mapping["columns"], "category": mapping["category"]["column"]}
    rows = []
    for i in range(12):
        values = {
            "id": f"{i:03}",
            "title": f"thing {i}",
            "description": "words",
            "brand": "Acme",
            "price": "5",
        }
        values |= {"image": f"{i}.jpg", "category": PATHS[name].replace("{}", ("Cups", "Lamps")[i % 2])}
        row = {}
        for field, spec in columns.items():
            for column in [spec] if isinstance(spec, str) else spec:
                row[column] = values[field]
        rows.append({column: value for column, value in row.items() if column not in without})
    with (folder / "export.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return {"name": "shop", "preset": name, "table": str(folder / "export.csv"), "images": str(folder)}


@pytest.mark.parametrize("name", presets.PRESETS)
def test_an_export_is_read_by_its_shops_name(tmp_path, name):
    found = ingest(CatalogueParams(**write(tmp_path, name)), LENIENT)
    assert found.rejects.empty and list(found.products["product_id"]) == [f"{i:03}" for i in range(12)]
    assert set(found.products["category"]) == {"Cups", "Lamps"}
    first = found.products.iloc[0]
    assert (first["title"], first["pictures"], first["price"]) == ("thing 0", ["0.jpg"], 5.0)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_column_that_the_shop_did_not_export_is_left_out(tmp_path, name):
    columns = presets.PRESETS[name]["columns"]
    without = (columns["price"], columns["description"])
    found = ingest(CatalogueParams(**write(tmp_path, name, without)), LENIENT)
    assert len(found.products) == 12 and found.products["price"].isna().all()


def test_what_is_set_beside_a_preset_goes_first(tmp_path):
    given = write(tmp_path, "shopify") | {"columns": {"brand": None}, "category": {"level": 2}}
    found = ingest(CatalogueParams(**given), LENIENT)
    assert set(found.products["category"]) == {"Cups >> x", "Lamps >> x"}
    assert found.products["brand"].isna().all()


def test_a_shop_that_is_unknown_is_a_clear_error():
    with pytest.raises(ValueError, match="preset must be one of shopify, woocommerce"):
        CatalogueParams(name="x", preset="shopware", table="t", images="i")


def test_renamed_categories_are_counted(tmp_path):
    (tmp_path / "changes.csv").write_text("old,new\nCups,Mugs\n", encoding="utf-8")
    found = ingest(CatalogueParams(**write(tmp_path, "shopify")), LENIENT, tmp_path / "changes.csv")
    assert set(found.products["category"]) == {"Mugs", "Lamps"} and found.counts["renamed"] == 6


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("from,to\na,b\n", "must have the columns old and new"),
        ("old,new\na,b\na,c\n", "each old category once"),
    ],
)
def test_changes_that_make_no_sense_are_a_clear_error(tmp_path, content, told):
    (tmp_path / "changes.csv").write_text(content, encoding="utf-8")
    with pytest.raises(AisleError, match=told):
        read_changes(tmp_path / "changes.csv", ">")
