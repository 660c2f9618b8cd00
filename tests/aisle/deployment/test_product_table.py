"""deployment/product_table.py: raw products from a shop's table."""

import pandas as pd
import pytest

from aisle.catalogue.formats.records import FormatParams
from aisle.catalogue.source import read_source
from aisle.deployment.product_table import as_cells, find_columns, raw_products
from aisle.pipeline.errors import AisleError
from aisle.predict import write_predictions

SHOP = {"id": "sku", "title": "name", "description": ["text", "more"], "image": "{sku}.jpg"}


def read(tmp_path, content, name="a.csv"):
    (tmp_path / name).write_text(content, encoding="utf-8")
    return read_source(tmp_path / name)


@pytest.mark.parametrize(
    ("header", "said", "columns"),
    [
        ("id,title,image", {}, {"title": "title", "image": "image"}),
        ("id,Title, DESCRIPTION ", {}, {"title": "title", "description": "description"}),
        ("sku,name,text,more", {}, {"title": "name", "description": ["text", "more"], "image": "{sku}.jpg"}),
        ("sku,name,text", {}, {"title": "name", "image": "{sku}.jpg"}),
        ("a,b", {"title": "b"}, {"title": "b"}),
        ("title,name", {"title": "title"}, {"title": "title"}),
    ],
)
def test_columns_are_found(tmp_path, header, said, columns):
    table = read(tmp_path, f"{header}\n{header}\n").table
    assert find_columns(table, SHOP, said) == columns


@pytest.mark.parametrize(
    ("header", "said", "told"),
    [
        (
            "title,name",
            {},
            r"the title must be one column; the table has name and title\. .*--columns title=",
        ),
        ("a,b", {}, r"must have some of the columns title, .*name.*; it has a, b"),
        ("a,b", {"title": "c"}, "must have the column c; it has a, b"),
    ],
)
def test_what_could_be_either_or_is_not_there_is_a_clear_error(tmp_path, header, said, told):
    table = read(tmp_path, f"{header}\n1,2\n").table
    with pytest.raises(AisleError, match=told):
        find_columns(table, SHOP, said)


def test_a_malformed_record_has_nothing_and_the_others_stay_where_they_are(tmp_path):
    records = read(tmp_path, "id,title,image\n007,mug,a.jpg\n008,cup,b.jpg,oops\nNA,lamp,\n")
    columns = find_columns(records.table, {}, {})
    assert raw_products(records, columns, FormatParams()).to_dict("records") == [
        {"title": "mug", "image": "a.jpg"},
        {"title": "", "image": ""},
        {"title": "lamp", "image": ""},
    ]
    assert list(as_cells(records.table)["id"]) == ["007", "008", "NA"]


def test_nested_records_and_several_pictures(tmp_path):
    content = (
        '{"title": ["a", "b"], "image": ["1.jpg", "2.jpg"], "specifications": {"Colour": "red"}, '
        '"more": {"x": [1]}}\n'
        '{"title": "c", "image": "3.jpg"}\n'
    )
    records = read(tmp_path, content, "a.jsonl")
    columns = find_columns(records.table, {}, {})
    assert raw_products(records, columns, FormatParams()).to_dict("records") == [
        {"title": "a\nb", "specifications": '{"Colour": "red"}', "image": ["1.jpg", "2.jpg"]},
        {"title": "c", "specifications": "", "image": "3.jpg"},
    ]
    assert as_cells(records.table)["more"].tolist() == ['{"x": ["1"]}', ""]


def test_columns_without_a_name_are_kept(tmp_path):
    rows = pd.DataFrame([["0", "lamp", "", 0.5]], columns=["", "title", "", "p_Lamps"])
    for name, first, third in (("a.csv", "", ""), ("a.parquet", "column 1", "column 3")):
        write_predictions(rows, str(tmp_path / name))
        records = read_source(tmp_path / name).table
        assert [*records.columns] == [first, "title", third, "p_Lamps"]
        assert records.iloc[0].tolist() == ["0", "lamp", "", "0.5"]
