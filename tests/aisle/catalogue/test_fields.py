"""catalogue/fields.py: a field is a column, a path, several columns or a template."""

import pandas as pd
import pytest

from aisle.catalogue import fields
from aisle.pipeline.errors import AisleError

TABLE = pd.DataFrame(
    {
        "id": ["7", "8"],
        "Body (HTML)": ["a", "b"],
        "meta.colour": ["red", ""],
        "image": [{"bytes": b"x", "path": "a.png"}, ""],
        "images": [[{"large": "1"}, {"large": "2"}], []],
        "json": ['{"a": {"b": ["x", 2]}}', "{broken"],
        "Two Words ": ["p", "q"],
        "{odd}": ["o", "o"],
    },
    dtype=object,
)


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("Body (HTML)", ["a", "b"]),
        ("meta.colour", ["red", ""]),
        ("image.bytes", [b"x", ""]),
        ("image.path", ["a.png", ""]),
        ("images[0].large", ["1", ""]),
        ("images[*].large", [["1", "2"], []]),
        ("images[9].large", ["", ""]),
        ("json.a.b[1]", ["2", ""]),
        ("json.a.c", ["", ""]),
        ("two words", ["p", "q"]),
        ("ID", ["7", "8"]),
        ("{id}.jpg", ["7.jpg", "8.jpg"]),
        ("i_{id}_{meta.colour}.jpg", ["i_7_red.jpg", ""]),
        ("{odd}", ["o", "o"]),
        ("{id:>9999999999}", None),
        ("{id.__class__}", ["", ""]),
    ],
)
def test_specs(spec, values):
    if values is None:
        with pytest.raises(AisleError):
            fields.values(TABLE, spec)
    else:
        assert fields.values(TABLE, spec) == values


def test_several_columns_are_joined_line_by_line():
    assert fields.texts(TABLE, ["id", "meta.colour"]) == ["7\nred", "8"]


def test_missing_columns_are_named_and_templates_looked_into():
    assert fields.missing(TABLE, ["id", "nope", "{no}.jpg", "image.bytes", ["also", "id"], None]) == [
        "nope", "no", "also",
    ]  # fmt: skip


def test_two_columns_alike_are_none():
    assert fields.find_column(["Title", "title "], "TITLE") is None
    assert fields.find_column(["Title", "title"], "title") == "title"


def test_columns_to_read_of_a_nested_table():
    assert {"image", "images", "id"} <= {*fields.columns_of(["image.bytes", "images[0].large", "{id}.jpg"])}
