"""catalogue/shared_text.py and what folds_table.py compares: templates are left out, own words stay."""

import numpy as np
import pandas as pd
import pytest

from aisle.catalogue import folds_table, near_duplicates, shared_text

HEADER = "Welcome to our shop! We ship all orders within two days from our own warehouse."
FOOTER = "Please read our terms. Pictures may differ from the product; returns within thirty days."
STYLE = "<style>.box{margin:0px;color:#330044}</style><div class='box'>{}</div>"
rng = np.random.default_rng(0)
OWN = [" ".join("".join(rng.choice([*"abcdefghijklmnop"], 3)) for _ in range(8)) for _ in range(40)]
CHINESE = "欢迎光临本店所有商品均为正品七天无理由退换货"


def compare(descriptions, titles=None, share=0.4):
    titles = titles or [f"title {i}" for i in range(len(descriptions))]
    table = pd.DataFrame({"title": titles, "description": descriptions})
    return folds_table.compared(table, share)


@pytest.mark.parametrize(
    "template", ["{}", f"{HEADER} {{}} {FOOTER}", f"{HEADER.upper()} {{}}", f"{{}} {FOOTER}"]
)
def test_a_template_around_every_text_is_left_out(template):
    texts, counts = compare([STYLE.replace("{}", template.format(own)) for own in OWN])
    assert texts.tolist() == OWN
    assert counts == {"shared_text_products": 40 * (template != "{}"), "shared_text_only": 0}
    assert near_duplicates.text_pairs(texts, 0.8).empty


def test_a_template_of_a_script_without_spaces_is_left_out():
    texts, counts = compare([f"{CHINESE} {own}" for own in OWN])
    assert texts.tolist() == OWN and counts["shared_text_products"] == 40


def test_a_template_of_some_products_is_left_out_of_these():
    texts, counts = compare([f"{HEADER} {own}" for own in OWN[:16]] + OWN[16:])
    assert texts.tolist() == OWN and counts["shared_text_products"] == 16


def test_what_fewer_share_stays():
    described = [f"{HEADER} {own}" for own in OWN[:15]] + OWN[15:]
    texts, counts = compare(described)
    assert texts.tolist() == described and counts == {"shared_text_products": 0, "shared_text_only": 0}


def test_near_duplicates_of_a_small_catalogue_are_no_template():
    described = [OWN[0]] * 4 + OWN[1:4]
    texts, _ = compare(described)
    assert texts.tolist() == described


def test_a_text_that_many_share_counts_as_none():
    texts, counts = compare(["No description"] * 20 + OWN[:20])
    assert texts.tolist() == [f"title {i}" for i in range(20)] + OWN[:20]
    assert counts == {"shared_text_products": 20, "shared_text_only": 20}
    told = folds_table.warning(counts)
    assert "20 products share parts of their descriptions" in told and "(20 have no other)" in told
    assert folds_table.warning({"shared_text_products": 0, "shared_text_only": 0}) is None


def test_words_in_another_order_are_another_text():
    words = HEADER.split()
    texts = [" ".join(rng.permutation(words)) for _ in range(40)]
    assert shared_text.without_shared(texts, 0.4) == texts


def test_no_texts():
    assert shared_text.without_shared([], 0.4) == []
    assert shared_text.without_shared(["", "a"], 0.4) == ["", "a"]
