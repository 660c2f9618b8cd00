"""The report's section of the texts: steps, terms, word clouds; captions from the data."""

from xml.etree import ElementTree

import pandas as pd
import pytest

from aisle.pipeline import escaping
from aisle.report import page
from aisle.report.blocks import Details, FigureBlock, Paragraph, PicturesBlock, TableBlock
from aisle.report.colour import on_both
from aisle.report.sections import text
from aisle.report.style import colours
from tests.aisle.report.exploration import poor, rich


def leaves(section):
    for block in section.blocks:
        yield from block.blocks if isinstance(block, Details) else [block]


@pytest.fixture(scope="module")
def section():
    return text.section(rich())


@pytest.fixture(scope="module")
def found(section):
    return {block.name: block for block in leaves(section) if isinstance(block, FigureBlock | PicturesBlock)}


def test_one_text_step_by_step(section):
    steps = section.blocks[0]
    assert steps.caption == (
        "Preprocessing step by step: the description of “Product <b>0”, 3 words of which 3 are left."
    )
    assert steps.frame["form"].str.partition(":")[0].tolist() == ["raw", "clean", "tokens", "lemmas", "stems"]
    assert steps.frame["text"].unique() == ["cup tea tea"]


def test_the_words_before_and_after(section, found):
    table = section.blocks[1].frame.set_index("text")
    assert table.loc["title", ["words before", "reduction"]].tolist() == ["1,000", "50.0%"]
    assert table.loc["title", ["letters lost", "most letters lost"]].tolist() == ["50.0%", "1,000 texts"]
    assert section.blocks[2].text == "Scripts, by share of the letters: Latin 75.0%, Devanagari 25.0%."
    words = found["words"]
    assert words.caption == "A description has 3 words (median) before preprocessing and 2 after."
    assert [sum(trace.y) for trace in words.figure.data] == [5, 5]
    assert found["length-description"].caption.startswith("Words in the description: median 3; lowest in")


def test_the_terms(found):
    ranks = found["term-ranks"]
    assert ranks.caption.startswith(
        "6 distinct terms in names and descriptions; the most frequent, lamp, occurs 4"
    )
    assert found["top-terms"].caption == ("The 6 most frequent terms; lamp is in 3 of 5 products (60.0%).")
    bars = found["top-terms"].figure.data[0]
    assert bars.y[-1] == "lamp" and bars.x[-1] == 4  # plotly draws the last on top
    points = found["tfidf-counts"].figure.data[0]
    assert dict(zip(points.customdata, points.x, strict=True))["tea"] == 2


def test_what_rises_and_falls_by_tfidf_is_what_the_ranks_say():
    results = rich()
    results.exploration["terms"] = pd.DataFrame(
        {
            "category": "",
            "term": ["shop", "free", "vase", "lamp"],
            "count": [40, 30, 20, 10],
            "products": [40, 30, 5, 5],
            "tfidf": [0.2, 0.1, 0.4, 0.3],
            "rank_count": [1, 2, 3, 4],
            "rank_tfidf": [3, 4, 1, 2],
        }
    )
    caption = text._against(results).caption
    assert "vase and lamp rise most" in caption and "free and shop fall most" in caption


def test_the_word_clouds(found):
    overall, each = found["word-clouds"], found["category-clouds"]
    assert [picture.text for picture in overall.pictures] == [
        ("All products", "by count (bag of words)"),
        ("All products", "by TF-IDF"),
    ]
    assert overall.pictures[0].alternative.startswith(
        "Word cloud of All products, by count (bag of words): lamp, "
    )
    assert "6 of the first 6 are the same" in overall.caption
    assert {picture.text[0] for picture in each.pictures} == {"Cups", "Lamps & light"}
    assert each.caption.startswith("4 word clouds: 0 of the 6 terms")
    colour = colours(["Cups", "Lamps & light"])
    for picture in overall.pictures:
        root = ElementTree.fromstring(picture.image)
        shades = {node.text: node.get("fill") for node in root}
        assert shades["tea"] == on_both(colour["Cups"]) and shades["lamp"] == on_both(colour["Lamps & light"])


def test_a_word_cloud_is_well_formed_whatever_the_words():
    words = pd.DataFrame(
        {"word": ["<b>&", "é"], "size": 20, "x": 5, "y": 50, "length": [40.5, 10.0],
         "vertical": [True, False], "colour": "#000000"}
    )  # fmt: skip
    root = ElementTree.fromstring(text.svg(words))
    assert [node.text for node in root] == ["<b>&", "é"]
    assert root[0].get("transform") == "rotate(-90 5 50)" and root[1].get("transform") is None
    assert root[0].get("textLength") == "40.5"


def test_the_first_terms_of_each_category(section):
    table = section.blocks[-1].frame.set_index("category")
    assert table.index.tolist() == ["all", "Cups", "Lamps & light"]
    assert table.loc["Lamps & light", "by count (bag of words)"].split(", ")[0] == "lamp"
    assert "lamp" not in table.loc["Cups", "by TF-IDF"]


def test_texts_without_a_word():
    section = text.section(poor())
    told = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    assert [told[0], told[-1]] == [
        "No product has a text that has words left after preprocessing.",
        "No text has a word.",
    ]
    assert not any(isinstance(block, PicturesBlock) for block in leaves(section))


@pytest.mark.parametrize("make", [rich, poor])
def test_the_page_can_be_made(make):
    made = make()
    html = page.html(
        [text.section(made)], "tiny", made.products, pd.DataFrame({"product_id": [], "jpeg": []})
    )
    assert "<b>0" not in html
    tables = [block for block in leaves(text.section(made)) if isinstance(block, TableBlock)]
    written = page.markdown([text.section(made)], "tiny")
    assert all(f"**{escaping.markdown(table.caption)}**" in written for table in tables)
