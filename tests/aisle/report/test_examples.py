"""The section of right and wrong products: who is shown, and the products that all models get wrong."""

import pandas as pd

from aisle.report.blocks import Paragraph, PicturesBlock, TableBlock
from aisle.report.figures.gallery import NO_PICTURE
from aisle.report.sections import examples


def test_the_most_certain_right_product_of_each_category(make_results, named):
    block = named(examples.section(make_results()), "right-both")
    assert isinstance(block, PicturesBlock)
    assert [picture.text[0] for picture in block.pictures] == ["Product 1", "Product 2", "Product 4"]
    assert block.pictures[0].text[1:] == ["Clocks", "89.0%"]
    assert "5 of 6 are right by the mean" in block.caption


def test_wrong_products_have_their_probabilities_and_pictures(make_results, named, jpeg):
    section = examples.section(make_results())
    block = named(section, "wrong-both")
    assert "1 of 1 wrong products; the surest takes Clocks for Lamps with 90.0%" in block.caption
    (picture,) = block.pictures
    assert picture.image == jpeg and picture.alternative == "Product 0"
    assert picture.text == ["Product 0", "is Clocks", "predicted Lamps 90.0%", "then Clocks 10.0%"]
    pictures = named(section, "right-both").pictures
    assert [each.image == NO_PICTURE for each in pictures] == [False, True, True]


def test_hard_products_are_wrong_for_every_trained_model(make_results):
    results = make_results()
    found = examples.hard(results)
    # the untrained model is right about it, and does not count
    assert found[["product_id", "category", "taken_for", "models", "of"]].to_numpy().tolist() == [
        ["p0", "Clocks", "Lamps", 3, 3]
    ]
    (table,) = (block for block in examples.section(results).blocks if isinstance(block, TableBlock))
    assert table.caption.startswith("1 of 6 products are wrong in every repeat of all trained models")
    assert table.frame["by models"].tolist() == ["3 of 3"]


def test_a_model_without_input_for_a_product_does_not_count(make_results):
    results = make_results()
    said = results.tables["products"]
    said.loc[(said["model"] == "picture") & (said["product_id"] == "p3"), ["available", "right_share"]] = [
        False,
        1,
    ]
    said.loc[(said["model"] == "both") & (said["product_id"] == "p3"), "right_share"] = 0
    found = examples.hard(results).set_index("product_id")
    assert found["of"].to_dict() == {"p0": 3, "p3": 2}


def test_nothing_wrong_is_said_so(make_results):
    results = make_results("baseline", "both")
    said = results.tables["products"]
    said["predicted"], said["right_share"] = said["category"], 1.0
    texts = [block.text for block in examples.section(results).blocks if isinstance(block, Paragraph)]
    assert "Fusion: no product is wrong." in texts
    assert "No product is wrong in every repeat of all 2 trained models." in texts


def test_without_pictures_products_are_tables(make_results):
    results = make_results(thumbnails=pd.DataFrame(columns=["product_id", "jpeg"]))
    blocks = examples.section(results).blocks
    assert not [block for block in blocks if isinstance(block, PicturesBlock)]
    assert blocks[0].frame["title"].tolist() == ["Product 1", "Product 2", "Product 4"]
