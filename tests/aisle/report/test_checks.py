"""The section of checks: champion, leaks, labels."""

import pandas as pd
import pytest

from aisle.report.blocks import Paragraph, PicturesBlock, TableBlock
from aisle.report.sections import checks


def test_cost_against_accuracy_with_one_standard_error(make_results, named):
    block = named(checks.section(make_results()), "champion-cost")
    assert "of 3 candidates from 1.0 to 100.0 MB" in block.caption
    assert "tied (2 of 3). The champion is 0.1000 behind it." in block.caption
    points = {trace.name: trace for trace in block.figure.data}
    tied, behind = points["tied with the best"], points["behind"]
    assert list(tied.x) == [100.0, 1.0] and list(tied.error_y.array) == [0.0, 0.12]
    assert list(behind.y) == [0.7] and list(behind.error_y.array) == [0.02]
    assert list(points["champion: Baseline"].x) == [1.0] and list(points["challenger: Fusion"].x) == [100.0]


def test_the_champion_may_be_the_best(make_results, named):
    results = make_results("baseline")
    assert "The champion is the best itself." in named(checks.section(results), "champion-cost").caption


@pytest.fixture
def leaked(make_results):
    results = make_results()
    for name, value in (("baseline", 0.06), ("picture", 0.01)):
        found = {f"accuracy_ungrouped_{name}": 0.9, f"optimism_{name}": value}
        found |= {f"optimism_{name}_low": value - 0.03, f"optimism_{name}_high": value + 0.03}
        results.metrics["leakage"] |= found
    results.metrics["leakage"] |= {"accuracy_ungrouped_lost": None}
    return results


def test_optimism_has_its_interval(leaked, named):
    block = named(checks.section(leaked), "optimism")
    assert (
        "most for Baseline, +0.060 [+0.030, +0.090]; for 1 of 2 models the interval lies above 0"
        in block.caption
    )
    (trace,) = block.figure.data
    assert list(trace.x) == [0.06, 0.01] and list(trace.error_x.array) == pytest.approx([0.03, 0.03])


def test_without_folds_to_compare_there_is_no_figure(make_results, flat):
    blocks = flat(checks.section(make_results()))
    assert "optimism" not in [getattr(block, "name", None) for block in blocks]
    (table,) = (block for block in blocks if isinstance(block, TableBlock))
    assert table.frame["verdict"].tolist() == ["no sign", "no sign", "no sign", "suspected"]


def test_suspect_labels_have_given_and_suggested_category(make_results, named):
    issues = pd.DataFrame(
        {
            **{"product_id": ["p0", "p3", "p5"], "title": ["Product 0", "Product 3", "Product 5"]},
            **{"category": ["Clocks", "Lamps", "Mugs"], "suggested": ["Mugs", "Clocks", "Lamps"]},
            **{
                "is_issue": ["True", "True", "False"],
                "p_category": [0.01, 0.2, 0.6],
                "p_suggested": [0.97, 0.7, 0.3],
            },
        }
    )
    audit = {"model": "baseline", "issues": 2, "products": 6}
    section = checks.section(make_results(label_issues=issues, metrics={"label_audit": audit}))
    block = named(section, "label-audit")
    assert isinstance(block, PicturesBlock) and len(block.pictures) == 2
    assert block.pictures[0].text == ["Product 0", "given: Clocks", "suggested: Mugs, 97%"]
    assert "given as Clocks with probability 1.0%, Mugs has 97.0%" in block.caption
    texts = [each.text for each in section.blocks if isinstance(each, Paragraph)]
    assert any("takes 2 of 6 labels for wrong" in text for text in texts)


def test_an_audit_that_found_nothing(make_results):
    issues = pd.DataFrame({"product_id": ["p0"], "is_issue": ["False"]})
    audit = {"model": "baseline", "issues": 0, "products": 6}
    blocks = checks.section(make_results(label_issues=issues, metrics={"label_audit": audit})).blocks
    assert isinstance(blocks[-1], Paragraph) and "0 of 6 labels" in blocks[-1].text
