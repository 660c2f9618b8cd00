"""catalogue/label_overlay.py: people's labels go before the table's; wrong ones are told in words."""

import pytest

from aisle.catalogue import label_overlay
from aisle.catalogue.columns import map_columns
from aisle.catalogue.label_overlay import COLUMNS, Judgement
from aisle.catalogue.validation import validate
from aisle.pipeline.errors import AisleError
from tests.aisle.catalogue.shop import LENIENT, parameters, shop_rows, source

DAY = "2026-05-0{}T10:00:00+00:00"


def said(product, path, who="ann", day=1, line=2):
    return Judgement(product, path, who, DAY.format(day), "", line)


def laid(judgements, level=1, rows=None, changes=None):
    """Return the mapped shop (s0, s2...: Kitchen > sub0 or sub2; s1, s3...: Garden) with labels laid over."""
    params = parameters(level=level)
    mapped = map_columns(source(rows or shop_rows()), params, changes or {})
    label_overlay.overlay(mapped, judgements, params.category, changes or {}, "labels.csv")
    return mapped


def paths(mapped):
    return dict(zip(mapped.table["product_id"], mapped.table["path"], strict=True))


def test_labels_change_name_and_confirm():
    rows = shop_rows()
    rows[3]["path"] = ""
    mapped = laid(
        [
            said("s0", "Garden"),
            said("s2", "Kitchen"),
            said("s3", "Garden >> sub1"),
            said("s5", "Garden >> sub3"),
        ],
        rows=rows,
    )
    found = paths(mapped)
    assert found["s0"] == ("Garden",) and found["s2"] == ("Kitchen", "sub2")
    assert found["s3"] == ("Garden", "sub1") and found["s5"] == ("Garden", "sub3")
    assert found["s4"] == ("Kitchen", "sub0")  # nobody said anything
    assert {name: mapped.counts[name] for name in label_overlay.COUNTS} == {
        "labels": 4,
        "labels_applied": 4,
        "labels_new": 1,
        "labels_changed": 2,
        "labels_conflicts": 0,
        "labels_unknown_products": 0,
    }
    products, _ = validate(mapped, LENIENT, parameters().category)
    assert (
        products.set_index("product_id").loc["s0", ["category", "category_path"]].tolist() == ["Garden"] * 2
    )


def test_no_labels_change_nothing():
    mapped = laid([])
    assert paths(mapped) == paths(map_columns(source(shop_rows()), parameters())) and not mapped.notes
    assert {mapped.counts[name] for name in label_overlay.COUNTS} == {0}


@pytest.mark.parametrize(
    ("judgements", "counts", "conflicts"),
    [
        ([said("s0", "Garden"), said("s0", "Kitchen", day=2)], "Kitchen", 0),  # one's own later word
        ([said("s0", "Kitchen", day=2), said("s0", "Garden")], "Kitchen", 0),  # whatever the file's order
        ([said("s0", "Garden"), said("s0", "Garden", "bob"), said("s0", "Kitchen", "eve", 3)], "Garden", 1),
        ([said("s0", "Garden", day=2), said("s0", "Kitchen", "bob", 3)], "Kitchen", 1),  # a tie: the last
        ([said("s0", "Garden"), said("s0", "Kitchen", "bob")], "Kitchen", 1),  # at once: the lower row
        ([said("s0", "Kitchen >> sub0"), said("s0", "Kitchen", "bob")], "Kitchen", 0),  # the same category
    ],
)
def test_where_people_disagree(judgements, counts, conflicts):
    mapped = laid(judgements)
    assert paths(mapped)["s0"][0] == counts and mapped.counts["labels_conflicts"] == conflicts
    if conflicts:
        assert "people disagree on 1 products: s0 (ann: Garden; bob: " in mapped.notes[-1]


def test_in_a_tree_another_depth_is_another_category():
    mapped = laid([said("s0", "Garden"), said("s0", "Garden >> sub1", "bob", 2)], level="tree")
    assert paths(mapped)["s0"] == ("Garden", "sub1") and mapped.counts["labels_conflicts"] == 1


def test_an_old_name_of_a_category_is_known():
    changes = {("Garden",): ("Outdoors",)}
    assert paths(laid([said("s0", "Garden >> sub1")], changes=changes))["s0"] == ("Outdoors", "sub1")


def test_a_category_with_the_separator_in_its_name_is_one():
    rows = [row | {"path": "A >> B" if i % 2 else "C"} for i, row in enumerate(shop_rows())]
    params = parameters(separator=None)
    mapped = map_columns(source(rows), params)
    label_overlay.overlay(mapped, [said("s0", "A >> B")], params.category, {}, "labels.csv")
    assert paths(mapped)["s0"] == ("A >> B",)


def test_products_that_left_the_catalogue_are_named():
    mapped = laid([said("s0", "Garden"), said("gone-1", "Garden"), said("gone-2", "No such category")])
    assert mapped.counts["labels_unknown_products"] == 2 and mapped.counts["labels_applied"] == 1
    assert "2 products of labels.csv are not in the catalogue: gone-1, gone-2" in mapped.notes[-1]


@pytest.mark.parametrize(
    ("judgement", "level", "told"),
    [
        (said("s0", "Gardn", line=7), 1, "csv, line 7: .*'s0' must be one of .*'Gardn' is none. There are G"),
        (said("s0", "Garden >> sub9"), "tree", "one of the catalogue's; 'Garden >> sub9' is none"),
        (said("s0", "Garden"), 2, "at least 2 segments deep .*'Garden' is 1. Below it are Garden >> sub1, "),
        (said("x9", "Garden"), 1, "must name products of this catalogue; it has none of x9. The cat"),
    ],
)  # fmt: skip
def test_what_the_catalogue_does_not_have_is_refused(judgement, level, told):
    with pytest.raises(AisleError, match=told):
        laid([judgement], level)


HEADER = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "must have the columns product_id, category_path, who, when, why; it has none"),
        ("product_id,category_path,who,when\n", "it has product_id, category_path, who, when"),
        (HEADER + "a,b,c\n", "line 2: there must be 5 cells; there are 3"),
        (HEADER + "a,,c,2026-05-01,\n", "line 2: category_path must be filled"),
        (HEADER + 'a,b,c,2026-05-01,"x\ny"\na,b,c,yesterday,\n', "line 4: `when` must be a time in ISO 8601"),
        (HEADER + '"a,b,c\n', "must be CSV in UTF-8; it is not: unexpected end of data"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, content, told):
    (tmp_path / "labels.csv").write_text(content, encoding="utf-8")
    with pytest.raises(AisleError, match=told):
        label_overlay.read(tmp_path / "labels.csv")


def test_what_is_written_is_read_again_the_same_bytes_in_any_order(tmp_path):
    judgements = [
        Judgement("=1+1", "A >> B", "ann", DAY.format(2), 'a "word",\nand another'),
        Judgement("007", "-5", "bob", DAY.format(1)),
        Judgement("007", "A", "ann", DAY.format(1), "@you"),
    ]
    label_overlay.write(judgements, tmp_path / "a.csv")
    label_overlay.write([*reversed(judgements), judgements[0]], tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    found = label_overlay.read(tmp_path / "a.csv")
    assert [(each.product_id, each.category_path, each.who, each.when, each.why) for each in found] == [
        (each.product_id, each.category_path, each.who, each.when, each.why)
        for each in (judgements[2], judgements[1], judgements[0])
    ]
    assert "\n'=1+1," in (tmp_path / "a.csv").read_text(encoding="utf-8")
