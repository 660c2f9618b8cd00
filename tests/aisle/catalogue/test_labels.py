"""catalogue/labels.py: the path of a product from whatever a source has."""

import pytest

from aisle.catalogue import labels
from aisle.catalogue.labels import Category
from aisle.pipeline.errors import AisleError


def paths(cells, separator=None, **params):
    return labels.read_paths([cells], Category(column="c", separator=separator, **params))


@pytest.mark.parametrize(
    ("cell", "separator", "path"),
    [
        ("A >> B  >> C", ">>", ("A", "B", "C")),
        ('["A >> B"]', ">>", ("A", "B")),
        ('["A >> B", "D >> E"]', ">>", ("A", "B")),
        ("A >> B", None, ("A >> B",)),
        ("A/B", "/", ("A", "B")),
        ("A / ", "/", ("A",)),
        ("", "/", ()),
        ("N/A", None, ()),
        (" uncategorized ", None, ()),
        (["A", "B"], None, ("A", "B")),
        ([["A", "B"], ["C"]], None, ("A", "B")),
        ('["A", "B"]', None, ("A", "B")),
        ("[New]  Lamps", None, ("[New] Lamps",)),
        ("[]", None, ()),
        ("[1]", None, ("1",)),
        ("[null]", None, ()),
        ('[{"a": 1}]', None, ()),
        ("['A', \"Men's\", None]", None, ("A", "Men's")),
        ("[Men's] Shoes", None, ("[Men's] Shoes",)),
        ("A / " * 101, "/", ()),
        (["A"] * 101, None, ()),
    ],
)
def test_paths(cell, separator, path):
    assert paths([cell, *(["x/y >> z"] if separator else [])], separator).paths[0] == path


@pytest.mark.parametrize(("cell", "told"), [("A > > B", "empty segment"), ('["A > B', "list that is cut")])
def test_what_is_no_path_costs_its_row(cell, told):
    found = paths([cell, "A > B"], ">")
    assert told in found.problems[0] and len(found.problems) == 1


def test_a_separator_that_is_nowhere_is_a_clear_error():
    with pytest.raises(AisleError, match=r"'\|' must occur .*'A > B'.*catalogue\.category\.separator"):
        paths(["A > B"], "|")


def test_several_columns_are_a_path():
    columns = [["Goods", "Goods"], ["Bags", ""], ["Totes", ""]]
    params = Category(column=["a", "b", "c"])
    assert labels.read_paths(columns, params).paths == [("Goods", "Bags", "Totes"), ("Goods",)]


WOO = [
    "Catalog > Lamps",
    "Sale, Catalog > Bags",
    "Catalog > Bags, Sale",
    "Sale, Catalog > Lamps",
    "Catalog > Lamps, Sale",
]


def test_several_categories_are_found_out_told_and_chosen_by_rule():
    assert labels.find_between(WOO, ">") == ","
    first = paths(WOO, ">")
    assert first.several == 4 and any("first counts" in note for note in first.notes)
    assert first.paths[1] == ("Sale",) and first.paths[2] == ("Catalog", "Bags")
    assert {path[0] for path in paths(WOO, ">", several="deepest").paths} == {"Catalog"}
    assert set(paths(WOO, ">", several="refuse").problems) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("cells", "separator", "between"),
    [
        (["Default Category/Bags,Default Category/Bags/All", "Default Category/Lamps"], "/", ","),
        (
            ["Bags, Wallets & Belts >> Bags >> Totes", "Bags, Wallets & Belts >> Wallets", "Home >> Bath"],
            ">>",
            None,
        ),
        (["Home > Bath, Bed > Towels", "Home > Bath, Bed > Sheets", "Garden > Tools"], ">", None),
        (["A > B", "A > C"], ">", None),
        (["a, b", "c, d"], None, None),
    ],
)
def test_the_comma_of_a_name_is_none_between_categories(cells, separator, between):
    assert labels.find_between(cells, separator) == between


def test_lists_whose_names_stand_in_both_orders_are_several_categories():
    several = paths(['["Gifts", "Bags"]', '["Bags", "Gifts"]', '["Bags"]'])
    assert several.paths == [("Gifts",), ("Bags",), ("Bags",)] and several.several == 2
    assert paths([["Clothing", "Shoes"], ["Clothing", "Bags"]]).paths[0] == ("Clothing", "Shoes")
    assert paths([["a", "b"], ["b", "a"]], lists="path").paths == [("a", "b"), ("b", "a")]


def test_the_root_and_what_means_none_are_dropped():
    cells = ["Shop/Bags/n.v.t.", "Shop", "Shop/Lamps", "n.v.t."]
    found = paths(cells, "/", drop_root=True, none=["N.V.T."])
    assert found.paths == [("Bags",), (), ("Lamps",), ()]


def test_names_that_differ_in_case_and_space_are_told_or_merged():
    cells = ["Shoes", "SHOES", "shoes ", "Shoes", "Bags", "Table Lamps", "TableLamps", "Table Lamps"]
    told = paths(cells)
    assert len({*told.paths}) == 6 and "2 categories have names" in told.notes[0]
    merged = paths(cells, merge_variants=True)
    assert {*merged.paths} == {("Shoes",), ("Bags",), ("Table Lamps",)}


def test_variants_are_merged_at_every_depth():
    merged = paths(
        ["Shop/Bags/A", "shop/bags/A", "shop/bags/B", "Shop/Lamps", "Shop/Lamps"], "/", merge_variants=True
    )
    assert {*merged.paths} == {("Shop", "bags", "A"), ("Shop", "bags", "B"), ("Shop", "Lamps")}


def test_renamed_categories_take_what_is_below_along():
    changes = {("A",): ("Z",), ("A", "B"): ("Y",), ("C",): ()}
    old = [("A",), ("A", "B", "D"), ("C", "E"), ("F",), ()]
    assert labels.rename(old, changes) == ([("Z",), ("Y", "D"), (), ("F",), ()], 3)


def test_the_separators_must_differ():
    with pytest.raises(ValueError, match="must differ"):
        Category(column="c", separator=">", between=" > ")


@pytest.mark.parametrize("cell", [["a"] * 5000, "a>" * 50_000, ">" * 50_000 + "a"])
def test_what_has_more_parts_than_a_path_costs_its_row_and_no_time(cell):
    found = paths([cell, "A > B", *([["A > B"]] * 2)], ">")
    assert 0 in found.problems and found.paths == [(), *[("A", "B")] * 3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Home &amp; Garden", "Home & Garden"),
        ("D\u00e9cor", "De\u0301cor"),
        ("Home\u200bDecor", "HomeDecor"),
        ("<b>Lamps</b>", "LAMPS"),
    ],
)
def test_names_that_read_the_same_are_told_or_merged(one, other):
    assert (
        "1 categories have names that differ in case, space or spelling"
        in paths([one, other, other]).notes[0]
    )
    assert paths([one, other, other], merge_variants=True).paths == [(other,)] * 3


def test_a_separator_that_is_written_otherwise_is_told():
    assert "such as 'A>B'" in paths(["A > B", "A>B"], " > ").notes[0]
    assert "such as 'A &gt; B'" in paths(["A > B", "A &gt; B"], ">").notes[0]
    assert not paths(["A - B", "T-Shirts - C"], " - ").notes


def test_a_comma_after_a_backslash_is_a_names_own():
    found = paths(["A > Bags\\, Belts, A > C"], ">", between=",", several="deepest")
    assert found.paths == [("A", "Bags, Belts")] and found.several == 1
