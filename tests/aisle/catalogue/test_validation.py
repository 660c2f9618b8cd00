"""catalogue/validation.py: bad rows are refused in words."""

import numpy as np
import pandas as pd
import pytest

from aisle.catalogue.validation import IngestParams
from aisle.pipeline.errors import AisleError
from tests.aisle.catalogue.shop import ingest, parameters, shop_rows


def test_refused_rows_have_their_line_and_reason():
    rows = shop_rows()
    rows[0] |= {"name": "  ", "text": "", "file": "", "specs": ""}
    rows[3] |= {"path": "Garden > > x"}
    rows += [{**rows[5], "name": "again"}, {**rows[6], "sku": ""}, {**rows[7], "sku": "", "name": ""}]
    products, rejects = ingest(rows, problems={16: "3 fields, but the header has 9"})
    assert list(products["product_id"]) == sorted(f"s{i}" for i in range(12) if i not in (0, 3))
    assert rejects[["line", "product_id", "title"]].to_numpy().tolist() == [
        [2, "s0", ""],
        [5, "s3", "thing 3"],
        [14, "s5", "again"],
        [15, "", "thing 6"],
        [16, "", ""],
    ]
    reasons = list(rejects["reason"])
    assert reasons[0] == "it has no title, description, specifications or picture"
    assert "empty segment" in reasons[1]
    assert "earlier line" in reasons[2]
    assert reasons[3] == "its id is empty"
    assert reasons[4] == "3 fields, but the header has 9; its id is empty"


def test_a_path_shorter_than_the_level_is_no_category():
    rows = [*shop_rows(24), shop_rows()[0] | {"sku": "short", "path": "Garden"}]
    products, rejects = ingest(rows, parameters(level=2))
    assert rejects.empty
    short = products.set_index("product_id").loc["short"]
    assert short["category"] is None and short["category_path"] == "Garden"


@pytest.mark.parametrize("field", ["name", "text", "specs", "file"])
def test_a_product_may_be_told_by_any_one_field(field):
    rows = shop_rows()
    rows[0] |= {name: "" for name in ("name", "text", "specs", "file") if name != field}
    assert ingest(rows)[1].empty


def test_fewer_than_two_categories_is_an_error_that_proposes_a_level():
    rows = [row | {"path": f"Shop > {row['path']}"} for row in shop_rows(24)]
    with pytest.raises(AisleError, match=r"only 'Shop'.*catalogue\.category\.level: 2 gives 2"):
        ingest(rows)


def test_unlabelled_products_stay():
    rows = shop_rows(14)
    rows[3]["path"] = rows[8]["path"] = ""
    products, rejects = ingest(rows)
    assert len(products) == 14 and rejects.empty
    assert list(products.loc[products["category"].isna(), "product_id"]) == ["s3", "s8"]


def test_the_tree_takes_small_categories_into_their_parents():
    rows = [row | {"path": f"{row['path']} > leaf{i}"} for i, row in enumerate(shop_rows(40))]
    products, rejects = ingest(rows, parameters(level="tree"))
    assert rejects.empty and len(products) == 40
    assert set(products["category"]) == {f"{'Garden' if i % 2 else 'Kitchen'} >> sub{i}" for i in range(4)}


def test_the_first_of_a_duplicate_id_stays():
    rows = [*shop_rows(), shop_rows()[0] | {"name": "second"}, shop_rows()[0] | {"name": "third"}]
    products, rejects = ingest(rows)
    assert products.set_index("product_id")["title"]["s0"] == "thing 0"
    assert list(rejects["title"]) == ["second", "third"]


def test_the_duplicate_of_a_refused_row_is_kept():
    rows = [shop_rows()[0], *shop_rows()]
    products, rejects = ingest(rows, problems={2: "malformed"})
    assert list(rejects["line"]) == [2] and len(products) == 12


def test_a_category_that_refused_rows_leave_too_small_is_refused():
    rows = [*shop_rows(), *(row | {"sku": f"{row['sku']}b", "path": "Toys"} for row in shop_rows()[:5])]
    assert ingest(rows)[1].empty
    rows[-1]["sku"] = ""
    products, rejects = ingest(rows)
    assert set(products["category"]) == {"Garden", "Kitchen"}
    assert len(rejects) == 5
    assert rejects["reason"].str.contains("fewer than 5 products").sum() == 4


def test_the_order_of_the_source_changes_nothing():
    rows = shop_rows()
    expected, _ = ingest(rows)
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    pd.testing.assert_frame_equal(ingest(shuffled)[0], expected)


def test_too_many_refused_is_one_clear_error():
    rows = shop_rows(16)
    for row in rows[:4]:
        row["sku"] = ""
    quarter = IngestParams(max_refused_share=0.25, min_category_size=5)
    assert len(ingest(rows, limits=quarter)[1]) == 4
    with pytest.raises(AisleError) as error:
        ingest(rows, limits=IngestParams(max_refused_share=0.24, min_category_size=5))
    told = str(error.value)
    assert all(
        part in told for part in ("24%", "4 of 16", "4 x its id is empty", "line 2", "max_refused_share")
    )
    assert "\n" not in told


def test_nothing_left_is_an_error_whatever_the_share():
    rows = [row | {"sku": ""} for row in shop_rows()]
    with pytest.raises(AisleError, match="12 of 12"):
        ingest(rows, limits=IngestParams(max_refused_share=1, min_category_size=5))
