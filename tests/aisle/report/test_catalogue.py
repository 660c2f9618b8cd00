"""The report's sections of the catalogue and its pictures, also of catalogues that lack things."""

import numpy as np
import pandas as pd
import pytest

from aisle.report import page
from aisle.report.blocks import Details, FigureBlock, Paragraph, PicturesBlock, TableBlock
from aisle.report.colour import HIGH, LOW, luminance, on_both
from aisle.report.figures.hierarchy import pruned
from aisle.report.figures.labels import cut, label
from aisle.report.sections import catalogue, pictures
from aisle.report.style import colours
from tests.aisle.report.exploration import poor, rich


def leaves(section):
    for block in section.blocks:
        yield from block.blocks if isinstance(block, Details) else [block]


def named(section):
    return {block.name: block for block in leaves(section) if isinstance(block, FigureBlock | PicturesBlock)}


@pytest.fixture(scope="module")
def results():
    return rich()


@pytest.fixture(scope="module")
def found(results):
    return named(catalogue.section(results))


@pytest.fixture(scope="module")
def shown(results):
    return named(pictures.section(results))


def test_the_captions_say_what_the_figures_show(found):
    captions = {name: block.caption for name, block in found.items()}
    assert captions["categories"] == (
        "2 categories; the smallest, Cups, has 2 products, the largest, Lamps & light, 3: 1.5 times as many."
    )
    assert captions["category-tree"].startswith(
        "The category tree has 5 nodes on 2 levels; 2 nodes hold a single product, and 5 products reach"
    )
    assert captions["prices"].startswith(
        "Price in the source's currency: median 10; lowest in Cups (2), highest in Lamps & light (20)."
    )
    assert captions["brands"] == (
        "2 brands are named by 3 products; the most frequent, Acme, by 2. The 2 shown make up 100.0%; "
        "brands with a single product: 1."
    )
    assert captions["missing"].startswith("Missing most often: brand, in 2 of 5 products (40.0%); 4 of 6")
    assert captions["specification-keys"].startswith(
        "3 specification keys in 5 specifications; the most frequent is Type, 3 times (60.00%)."
    )
    assert "Type is Mug 2 times of 3 (66.67%)" in captions["specification-values"]


def test_a_category_has_its_colour_in_every_figure(found, results):
    colour = colours(["Cups", "Lamps & light"])
    bars = found["categories"].figure.data[0]
    assert dict(zip(bars.y, bars.marker.color, strict=True)) == colour
    tree = found["category-tree"].figure.data[0]
    shades = dict(zip(tree.ids, tree.marker.colors, strict=True))
    assert shades["Cups"] == shades["Cups >> a"] == colour["Cups"]
    boxes = {trace.name: trace for trace in found["prices"].figure.data}
    assert {name: trace.marker.color for name, trace in boxes.items()} == colour
    assert list(boxes["Lamps & light"].median) == [20] and found["prices"].figure.layout.xaxis.type == "log"


def test_values_that_look_like_markup_are_text(found):
    trace = found["specification-values"].figure.data[0]
    assert "&lt;i&gt;Red" in trace.labels and not any("<" in text for text in trace.labels)
    assert label("<b>") == "&lt;b&gt;" and cut("<b>", 5) == "<b>" and cut("123456", 5) == "1234…"


def test_the_ids_of_a_sunburst_are_unique_and_its_parents_are_there(found):
    for name in ("category-tree", "specification-values"):
        trace = found[name].figure.data[0]
        assert len(set(trace.ids)) == len(trace.ids) and {*trace.parents} <= {*trace.ids, ""}
        values = dict(zip(trace.ids, trace["values"], strict=True))
        for parent in {*trace.parents} - {""}:
            children = [
                values[i] for i, above in zip(trace.ids, trace.parents, strict=True) if above == parent
            ]
            assert sum(children) <= values[parent]


def test_a_large_tree_is_pruned_to_its_largest_nodes():
    tree = pd.DataFrame(
        [("A", "", 1, 9), ("B", "", 1, 1), ("C", "", 1, 1), ("A/x", "A", 2, 5)]
        + [(f"A/{i}", "A", 2, 1) for i in range(4)]
        + [("B/x", "B", 2, 1)],
        columns=["path", "parent", "level", "count"],
    ).assign(segment="s")
    nodes = pruned(tree, 2)
    assert nodes[["path", "segment", "count"]].to_numpy().tolist() == [
        ["A", "s", 9],
        ["A/x", "s", 5],
        ["\n", "2 others", 2],
        ["A\n", "4 others", 4],
    ]
    assert len(pruned(tree, 9)) == 9 and set(pruned(tree, 9)["path"]) == set(tree["path"])
    assert set(pruned(tree.sample(frac=1, random_state=0), 3)["path"]) == {
        "A",
        "A/x",
        "B",
        "\n",
        "A\n",
        "B\n",
    }


def test_the_tables_of_specifications(results):
    tables = [block for block in leaves(catalogue.section(results)) if isinstance(block, TableBlock)]
    keys, values = tables[-2:]
    assert keys.caption == "All 3 specification keys"
    assert values.frame.iloc[0].to_dict() == {
        "key": "Type", "value": "Mug", "count": "2", "share": "66.67%", "total": "3",
    }  # fmt: skip
    assert keys.frame["key"].tolist() == ["Type", "(no key)", "Colour"]


def test_what_is_said_of_the_pictures(shown):
    assert shown["picture-sizes"].caption.startswith(
        "5 of 5 products have a readable picture; the most frequent size, to about 32 pixels, is 32 by 64 (5"
    )
    assert shown["sample-pictures"].caption == (
        "2 of 5 pictures, drawn by chance: up to 1 of each of 2 categories."
    )
    assert shown["sample-pictures"].pictures[0].text[0] == "Cups"
    assert shown["quality-brightness"].caption.startswith(
        "Brightness of the pictures: median 0.50; lowest in Cups (0.20), highest in Lamps & light (0.70)."
    )


def test_near_duplicates_side_by_side(shown, results):
    alike = shown["alike-pictures"]
    assert alike.caption == (
        "1 of 1 pairs of nearly the same picture, one of each group, the most alike first: at most 7 of 256 "
        "bits differ. 1 of the pairs shown is in two categories."
    )
    (pair,) = alike.pictures
    assert pair.text == ("7 of 256 bits differ", "Cups | Lamps & light", "Product <b>1 | Product <b>2")
    (table,) = (block for block in leaves(pictures.section(results)) if isinstance(block, TableBlock))
    row = table.frame.iloc[0]
    assert row["similarity"] == "0.900" and row["one product"] == "Product <b>0: cup tea tea"
    assert row["category"] == "Cups | Lamps & light"


def test_a_catalogue_of_names_alone():
    bare = poor()
    told = [block.text for block in leaves(catalogue.section(bare)) if isinstance(block, Paragraph)]
    assert told == ["No product names a brand.", "No product has specifications."]
    found = named(catalogue.section(bare))
    assert set(found) == {"missing", "categories", "category-tree"}
    assert "Missing most often: brand, in 3 of 3" in found["missing"].caption
    assert [block.text for block in leaves(pictures.section(bare))] == [
        "No product has a readable picture.",
        "No two products have pictures that are nearly the same.",
        "No two products have texts that are nearly the same.",
    ]


@pytest.mark.parametrize("make", [rich, poor])
def test_the_page_can_be_made(make):
    made = make()
    sections = [catalogue.section(made), pictures.section(made)]
    html = page.html(sections, "tiny", made.products, pd.DataFrame({"product_id": [], "jpeg": []}))
    assert "<b>1" not in html and "figure-category-tree" in html
    assert "## Pictures and near-duplicates" in page.markdown(sections, "tiny")


@pytest.mark.parametrize("prices", [[0.0, 0, 0, 0, 0], [-1.0, 1, 2, 3, 4]])
def test_prices_that_have_no_logarithm_stand_on_a_linear_axis(results, prices):
    from aisle.catalogue.exploration.distributions import summary

    table = summary(pd.DataFrame({"price": prices}), results.products["category"])
    other = rich()
    other.exploration["distributions"] = table
    assert named(catalogue.section(other))["prices"].figure.layout.xaxis.type == "linear"


@pytest.mark.parametrize(
    "colour", ["#000000", "#FFFFFF", "#E69F00", "#F0E442", "#0072B2", "#56B4E9", "#00FF00"]
)
def test_words_can_be_read_on_white_and_on_dark(colour):
    seen = on_both(colour)
    assert LOW <= luminance(seen) <= HIGH
    assert (
        1.05 / (luminance(seen) + 0.05) >= 4.5
        and (luminance(seen) + 0.05) / (luminance("#12161b") + 0.05) > 3
    )
    parts = np.array([int(seen[i : i + 2], 16) for i in (1, 3, 5)])
    before = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    assert (np.argsort(parts, kind="stable") == np.argsort(before, kind="stable")).all()  # the same hue
