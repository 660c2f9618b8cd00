"""The page as text: what stands in it, what is escaped, what is marked, what Markdown says."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from aisle.pipeline.errors import AisleError
from aisle.report import page
from aisle.report.blocks import Details, FigureBlock, PicturesBlock, Section, TableBlock
from tests.browser import example

LABEL = "shop"


class Elements(HTMLParser):
    """Collect the start tags with their attributes and the texts of scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside &= tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data

    def json(self, **wanted):
        """Return the content of the JSON scripts with these attributes."""
        scripts = [attrs for tag, attrs in self.tags if tag == "script"]
        return [
            json.loads(text)
            for attrs, text in zip(scripts, self.scripts, strict=True)
            if attrs.get("type") == "application/json" and wanted.items() <= attrs.items()
        ]


def rendered(sections, label=LABEL, thumbnails=None):
    given = example.thumbnails() if thumbnails is None else thumbnails
    return page.html(sections, label, example.products(), given)


@pytest.fixture(scope="module")
def whole():
    return rendered(example.sections())


@pytest.fixture(scope="module")
def elements(whole):
    return Elements(whole)


def figures(elements):
    return [content for content in elements.json() if isinstance(content, dict) and "data" in content]


def one(*blocks):
    return [Section("only", "Only", list(blocks))]


def body(html):
    """Return the page without scripts and styles."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)


def test_hostile_texts_break_nothing(whole, elements):
    """Neither in HTML nor in JSON inside a script; every figure and the products can still be read."""
    assert example.HOSTILE not in whole and "<b>Watch" not in whole
    assert len(figures(elements)) == 7
    (products,) = elements.json(id="products")
    assert products[0][1] == example.HOSTILE
    assert {attrs["data-action"] for tag, attrs in elements.tags if "data-action" in attrs} == {
        "png",
        "csv",
        "table",
    }


def test_plotly_and_the_templates_stand_there_once(whole, elements):
    assert whole.count("plotly.js v") == 1
    (templates,) = elements.json(id="templates")
    assert set(templates) == {"light", "dark"}
    assert templates["light"]["layout"]["font"]["color"] != templates["dark"]["layout"]["font"]["color"]
    assert not any("template" in figure["layout"] for figure in figures(elements))


def test_nothing_is_loaded_from_elsewhere(elements):
    addresses = [attrs.get(key) for _, attrs in elements.tags for key in ("src", "href") if attrs.get(key)]
    assert addresses and all(address.startswith(("data:", "#")) for address in addresses)


def test_points_are_places_in_one_list_of_the_products_that_occur(elements):
    (products,) = elements.json(id="products")
    traces = [
        trace for figure in figures(elements) for trace in figure["data"] if trace.get("meta") == "products"
    ]
    assert len(traces) == 9 and len(products) == example.N
    for trace in traces:
        assert {products[place][2] for place in trace["customdata"]} == {trace["name"]}
    assert all(len(title) <= page.TITLE_LENGTH for _, title, _, _ in products)
    assert [bool(picture) for *_, picture in products] == [True] * (example.N - 1) + [False]


def test_products_that_no_figure_shows_are_not_stored():
    block = example.scatter("map")
    block.figure.data = block.figure.data[:1]
    (products,) = Elements(rendered(one(block))).json(id="products")
    assert len(products) == example.N / 3


def test_the_number_of_pictures_is_limited_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(page, "MAX_PICTURES", 5)
    html = rendered(one(example.scatter("map")))
    (products,) = Elements(html).json(id="products")
    assert sum(bool(picture) for *_, picture in products) == 5
    assert "24 products stand in figures, 5 of them with their picture" in " ".join(body(html).split())


def test_a_catalogue_without_pictures():
    none = pd.DataFrame({"product_id": [], "jpeg": []})
    (products,) = Elements(rendered(one(example.scatter("map")), thumbnails=none)).json(id="products")
    assert not any(picture for *_, picture in products)


def test_a_point_that_is_no_product_is_an_error():
    block = example.scatter("map")
    block.figure.data[0].customdata = np.array(["nobody"])
    with pytest.raises(AisleError, match="nobody"):
        rendered(one(block))


def test_two_figures_of_one_name_are_an_error():
    with pytest.raises(AisleError, match="figure-map"):
        rendered(one(example.scatter("map"), Details("folded", [example.scatter("map")])))


def test_numbers_are_rounded_to_what_can_be_seen_and_missing_ones_stay_missing():
    import plotly.graph_objects as go

    trace = go.Bar(y=[1 / 3, 1234567.891, np.nan, 0.0, -1.23456789e-9])
    (figure,) = figures(Elements(rendered(one(FigureBlock("bars", "Bars.", go.Figure(trace))))))
    assert figure["data"][0]["y"] == [0.333333, 1234567.89, None, 0.0, -1.23457e-9]


@pytest.mark.parametrize("label", ["shop", "shop (synthetic)"])
def test_the_synthetic_catalogue_is_named_beside_each_figure_and_table(label):
    html = body(rendered(example.sections(), label))
    synthetic = label.endswith("(synthetic)")
    captions = len(re.findall(r'<figure class="(?:chart|pictures|table|keys)"', html))
    assert html.count(">synthetic catalogue</span>") == captions * synthetic
    assert (page.NOTICE in html) == synthetic


def badge(block):
    return body(rendered(one(block))).count('class="badge untrained"')


def test_untrained_is_said_beside_what_it_concerns():
    figure, pictures = example.scatter("map"), PicturesBlock("some", "Some", [])
    assert badge(figure) == 0 and badge(replace(figure, untrained=True)) == 1
    assert badge(replace(figure, caption="VGG16 (untrained): 0.1.")) == 1
    assert badge(pictures) == 0 and badge(replace(pictures, untrained=True)) == 1
    assert badge(TableBlock("Models", pd.DataFrame({"model": ["VGG16"]}))) == 0
    assert badge(TableBlock("Models", pd.DataFrame({"model": ["VGG16 (untrained)"]}))) == 1
    assert badge(TableBlock("Sets", pd.DataFrame({"weights": ["none", "untrained"]}))) == 1


def test_a_trace_that_is_untrained_marks_its_figure():
    import plotly.graph_objects as go

    block = FigureBlock("bars", "Bars.", go.Figure(go.Bar(x=[1], y=["VGG16 (untrained)"])))
    assert badge(block) == 1


def test_columns_of_numbers_are_aligned_right():
    table = pd.DataFrame({
        "model": ["a", "3 layers"], "accuracy": ["0.910 [0.900, 0.920]", ""], "share": ["12.5%", "1,050"],
        "id": ["123-abc", "4"], "against": ["better than the baseline", ""], "n": [1, 2],
    })  # fmt: skip
    assert page._numbers(table) == [False, True, True, False, False, True]


def test_only_blocks_with_an_overlay_have_a_slider(elements):
    assert [attrs["id"] for tag, attrs in elements.tags if attrs.get("type") == "range"] == ["slider-heat"]
    without = Elements(
        rendered(one(PicturesBlock("some", "Some", [example.Picture(example.picture("red"), "Red")])))
    )
    assert not any(attrs.get("type") == "range" for _, attrs in without.tags)


def test_pictures_have_their_kind_and_their_alternative(elements):
    images = [attrs for tag, attrs in elements.tags if tag == "img" and attrs.get("src")]
    assert [image["src"].split(";")[0] for image in images] == [
        "data:image/jpeg", "data:image/jpeg", "data:image/jpeg", "data:image/svg+xml",
    ]  # fmt: skip
    assert [image["alt"] for image in images] == ["A green square", "", "A blue square", "A dot"]


def test_markdown_has_every_kind_of_block():
    told = page.markdown(example.sections(), "shop (synthetic)")
    assert told.startswith("# shop (synthetic): results") and f"> {page.NOTICE}" in told
    assert "**Feasible**: because it is so." in told
    assert re.search(r"\| Right +\| 96% +\| 95% to 97% +\| out of fold +\|", told)
    assert "### Folded away" in told and "A figure, sunburst." in told
    assert "Where the model looks (untrained)" in told


def test_the_page_is_the_same_each_time(whole):
    assert rendered(example.sections()) == whole
