"""catalogue/ingestion.py: what was read, kept and refused is counted."""

import pytest

from aisle.catalogue import label_overlay
from aisle.catalogue.columns import map_columns
from aisle.catalogue.ingestion import counts
from aisle.catalogue.validation import validate
from tests.aisle.catalogue.shop import LENIENT, parameters, shop_rows, source


def test_counts(folder):
    rows = shop_rows()
    rows[0] |= {"file": "a.jpg", "text": "", "maker": "", "cost": "", "specs": "", "path": "Kitchen > a > b"}
    rows[1] |= {"file": "", "name": "two words more"}
    rows[2] |= {"file": "../secret.jpg"}
    rows[3] |= {"specs": "{"}
    rows += [rows[4]]
    mapped = map_columns(source(rows), parameters())
    products, rejects = validate(mapped, LENIENT, parameters().category)
    assert counts(mapped, products, rejects, folder) == {
        "rows": 13,
        "records": 13,
        "joined": 0,
        "unlabelled": 0,
        "several_categories": 0,
        "renamed": 0,
        **dict.fromkeys(label_overlay.COUNTS, 0),
        "pictures": 11,
        "without_title": 0,
        "products": 12,
        "refused": 1,
        "refused_share": pytest.approx(1 / 13),
        "without_picture": 11,
        "without_picture_name": 1,
        "without_description": 1,
        "without_brand": 1,
        "without_price": 1,
        "without_specifications": 2,
        "specifications_unreadable": 1,
        "categories": 2,
        "smallest_category": 6,
        "largest_category": 6,
        "path_depth_min": 2,
        "path_depth_max": 3,
        "name_words": 25,
    }
