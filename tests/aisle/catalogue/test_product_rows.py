"""catalogue/product_rows.py: records that are one product."""

from tests.aisle.catalogue.shop import ingest, parameters, shop_rows


def variants(rows):
    """Return rows, each followed by one of a further picture, as Shopify writes it."""
    blank = {"name": "", "text": "", "maker": "", "cost": "99", "specs": "", "path": ""}
    return [each for row in rows for each in (row, row | blank | {"file": f"b{row['file']}"})]


def test_further_pictures_directly_below_belong_to_their_product():
    products, rejects = ingest(variants(shop_rows()))
    assert rejects.empty and len(products) == 12
    assert products.loc[1, "pictures"] == ["1.jpg", "b1.jpg"] and products.loc[1, "price"] == 1.5


def test_another_product_of_the_same_id_is_none_of_them():
    rows = variants(shop_rows())
    rows[1]["name"] = "another thing"
    products, rejects = ingest(rows)
    assert len(products) == 12 and list(rejects["line"]) == [3]


def test_grouped_records_are_joined_wherever_they_stand():
    rows = shop_rows()
    rows += [row | {"name": "later", "file": f"c{row['file']}"} for row in rows]
    products, rejects = ingest(rows, parameters(rows="grouped"))
    assert rejects.empty and len(products) == 12
    assert products.loc[0, "title"] == "thing 0" and products.loc[0, "pictures"] == ["0.jpg", "c0.jpg"]
    assert len(ingest(rows, parameters(rows="single"))[1]) == 12


def test_a_malformed_record_is_joined_to_none():
    rows = variants(shop_rows())
    products, rejects = ingest(rows, problems={3: "3 fields, but the header has 9"})
    assert list(rejects["line"]) == [3] and len(products) == 12
