"""The section of decisions: the chosen threshold, calibration, and the products for a person."""

import dataclasses

from aisle.report.blocks import Paragraph, PicturesBlock, TableBlock
from aisle.report.sections import decisions


def test_the_chosen_threshold_is_a_point_with_what_was_obtained(make_results, named):
    block = named(decisions.section(make_results()), "risk-coverage")
    assert "with 95% confidence, at most 1.0% of what they let through is wrong" in block.caption
    assert "Out of fold 0.600 [0.580, 0.620] of the products are decided without a person" in block.caption
    assert "and 0.030 [0.020, 0.040] of these are wrong (diamond)" in block.caption
    points = [trace for trace in block.figure.data if trace.mode == "markers"]
    assert len(points) == 3 and [(list(point.x), list(point.y)) for point in points] == [([0.6], [0.03])] * 3
    # the first 5 % of the products do not set the scale
    assert block.figure.layout.yaxis.range[1] < 0.25


def test_a_model_that_may_decide_nothing_has_no_threshold(make_results):
    tables = [block for block in decisions.section(make_results()).blocks if isinstance(block, TableBlock)]
    rows = tables[0].frame.set_index("model")
    limits = {"Fusion": "0.700", "Baseline": "0.700", "Picture model": "none: all to a person"}
    assert rows["threshold"].to_dict() == limits
    promised = {"Fusion": "at most 0.90%", "Baseline": "at most 0.90%", "Picture model": "no promise"}
    assert rows["promised error"].to_dict() == promised and set(rows["calibrated on"]) == {"1,000"}


def test_the_promise_of_the_model_to_use_is_said_first(make_results):
    first = decisions.section(make_results()).blocks[0]
    assert isinstance(first, Paragraph)
    assert "With 95% confidence at most 0.90% of the automatic decisions are wrong" in first.text
    assert (
        "70.0% of 1,000 products without near-duplicates are above theirs, 0.650, of which 2 were wrong"
        in first.text
    )


def test_what_is_promised_of_products_that_lack_fields(make_results):
    results = make_results()
    told = [block.text for block in decisions.section(results).blocks if isinstance(block, Paragraph)]
    assert any("lacks one of the fields" in text for text in told)
    no = {"threshold": None, "guaranteed_bound": None, "guaranteed_coverage": 0.0, "calibrated_on": 300}
    yes = {"threshold": 0.8, "guaranteed_bound": 0.009, "guaranteed_coverage": 0.5, "calibrated_on": 300}
    results.metrics["champion"]["by_fields"] = {"title": no, "title + description": yes}
    tables = [block for block in decisions.section(results).blocks if isinstance(block, TableBlock)]
    (rows,) = [block.frame for block in tables if "with these fields alone" in block.caption]
    assert rows["products with"].tolist() == ["title", "title + description"]
    assert rows["promised error"].tolist() == ["no promise", "at most 0.90%"]
    assert rows["threshold"].tolist() == ["none: all to a person", "0.800"]


def test_all_models_are_folded_away(make_results, flat):
    section = decisions.section(make_results())
    captions = [block.caption for block in flat(section) if isinstance(block, TableBlock)]
    assert "At most 1.0% errors, 95% confidence: 3 models" in captions
    assert "At most 1.0% errors, 95% confidence: 4 models" in captions


def test_reliability_has_the_bins_of_both_states(make_results, named):
    block = named(decisions.section(make_results()), "reliability")
    assert [trace.name for trace in block.figure.data] == ["perfect", "as predicted", "calibrated"]
    assert list(block.figure.data[2].x) == [0.9] and list(block.figure.data[2].y) == [0.8]


def test_products_for_a_person_have_pictures_and_a_table(make_results, named):
    section = decisions.section(make_results())
    block = named(section, "review")
    assert isinstance(block, PicturesBlock)
    assert block.caption.startswith("2 products (33.3%) are to be sent to a person by Fusion")
    assert block.pictures[0].text == ["Product 3", "Mugs?", "40% certain"]
    assert any(getattr(each, "caption", "") == "The least certain 2 of 2" for each in section.blocks)


def test_nobody_has_to_look(make_results):
    results = make_results()
    none = results.tables | {"review": results.tables["review"].head(0)}
    blocks = decisions.section(dataclasses.replace(results, tables=none)).blocks
    assert any(isinstance(each, Paragraph) and each.text.startswith("No product") for each in blocks)


def test_each_predicted_category_has_its_share_and_its_errors(make_results):
    tables = [block for block in decisions.section(make_results()).blocks if isinstance(block, TableBlock)]
    (table,) = (each for each in tables if "by predicted category" in each.caption)
    assert len(table.frame) == 3 and set(table.frame["decided automatically"]) == {"50.0% [30.0%, 70.0%]"}
    assert list(table.frame["errors among these"]) == ["10.0% [0.0%, 45.0%]", "none decided", "none decided"]
