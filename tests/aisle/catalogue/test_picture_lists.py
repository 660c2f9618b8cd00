"""catalogue/picture_lists.py: the pictures that a cell names."""

import pytest

from aisle.catalogue.picture_lists import pictures


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a.jpg", ["a.jpg"]),
        ("a.jpg, b.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg|b.JPG|a.jpg", ["a.jpg", "b.JPG"]),
        ("https://x.example/a,b.jpg", ["https://x.example/a,b.jpg"]),
        ("https://x.example/1, https://x.example/2", ["https://x.example/1", "https://x.example/2"]),
        ("https://x.example/a,b.jpg, //x.example/2", ["https://x.example/a,b.jpg", "//x.example/2"]),
        ("['a.jpg', 'b.jpg']", ["a.jpg", "b.jpg"]),
        ("photo, front.jpg", ["photo, front.jpg"]),
        ("my shoe.jpg", ["my shoe.jpg"]),
        ('["a.jpg", "b.jpg"]', ["a.jpg", "b.jpg"]),
        ("[a].jpg", ["[a].jpg"]),
        (["a.jpg", ["b.jpg"], ""], ["a.jpg", "b.jpg"]),
        ("", []),
        ("9000", ["9000"]),
    ],
)
def test_names(value, names):
    assert pictures(value) == (names, [])


def test_bytes_and_a_separator_that_is_said():
    assert pictures([b"x", {"odd": 1}, b"y"]) == ([], [b"x", b"y"])
    assert pictures("a b;c", ";") == (["a b", "c"], [])
