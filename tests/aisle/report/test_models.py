"""The sections of models: what captions say, and that the points are the figures of the tables."""

import dataclasses

import pytest

from aisle.report.blocks import Paragraph, TableBlock
from aisle.report.sections import fusion, models


def test_accuracy_names_the_highest_and_the_lowest_and_marks_untrained(make_results, named):
    block = named(models.section(make_results()), "accuracy")
    assert block.untrained
    assert block.caption.startswith(
        "Accuracy of 4 cross-validated models: Drawn (untrained) has the highest, "
    )
    assert "0.950 [0.930, 0.970], Picture model the lowest, 0.700 [0.680, 0.720]" in block.caption
    assert block.caption.endswith("single folds lie between 0.650 and 1.000.")
    points = {trace.name: trace for trace in block.figure.data}
    assert list(points["all folds, 95% interval"].x) == [0.9, 0.8, 0.7]
    assert list(points["all folds, 95% interval, untrained"].x) == [0.95]
    assert list(points["all folds, 95% interval"].error_x.array) == pytest.approx([0.02] * 3)
    assert len(points["a fold"].x) == 8


def test_the_shown_models_are_best_baseline_champion_and_best_on_pictures(make_results):
    shown = make_results().shown
    assert shown == {
        "both": "the most accurate",
        "baseline": "the baseline and the champion",
        "picture": "the most accurate on pictures alone",
    }
    assert make_results("baseline").shown == {
        "baseline": "the most accurate and the baseline and the champion"
    }


def test_per_class_names_the_hardest_and_the_easiest(make_results, named):
    block = named(models.section(make_results()), "per-class")
    assert "the hardest is Lamps, 0.400 [0.300, 0.500], the easiest Clocks, 0.900" in block.caption
    assert [trace.name for trace in block.figure.data] == ["Fusion", "Baseline", "Picture model"]
    assert list(block.figure.data[0].x) == [0.4, 0.6, 0.9]


def test_confusion_shows_shares_as_colour_and_counts_as_text(make_results, named):
    section = models.section(make_results())
    block = named(section, "confusion-both")
    assert "most often Clocks is taken for Mugs, 25.0% of its products (0.5, mean" in block.caption
    (heatmap,) = block.figure.data
    assert heatmap.z.tolist() == [[0.75, 0, 0.25], [0, 1, 0], [0, 0, 1]]
    assert heatmap.text.tolist()[0] == ["2", "", "0"] or heatmap.text.tolist()[0] == ["2", "", "<1"]
    assert named(section, "confusion-baseline") and named(section, "confusion-picture")


def test_a_model_without_errors_is_told_so(make_results, named):
    results = make_results()
    right = results.tables["confusion"].query("actual == predicted")
    results = dataclasses.replace(results, tables=results.tables | {"confusion": right})
    assert (
        named(models.section(results), "confusion-both").caption
        == "Fusion: no product is in a wrong category."
    )


def test_fusion_is_compared_with_the_best_of_one_modality(make_results, flat):
    section = fusion.section(make_results())
    block = section.blocks[0]
    # the baseline is the reference of one modality here: it alone has no figures of its own
    assert block.caption == (
        "1 of 1 models of text and picture are better than Baseline, the best model of one modality "
        "(Holm's p "
        "below 0.05); the most accurate, Fusion, is better than it (+0.100 [+0.050, +0.150], p = 0.020)."
    )
    (trace,) = block.figure.data
    assert list(trace.x) == [0.1] and trace.name == "against the best of one modality: Baseline"
    missing = flat(section)[-1]
    assert isinstance(missing, TableBlock) and "of 2 without picture Fusion puts 50.0%" in missing.caption
    assert "Fewer than 30 products" in missing.caption


def test_better_is_not_said_without_the_test(make_results):
    results = make_results()
    results.metrics["models"]["both"] |= {"cv_over_single_p_holm": 0.2}
    caption = fusion.section(results).blocks[0].caption
    assert caption.startswith("0 of 1 models") and "is not distinguishable from it" in caption


def test_without_fusions_the_section_says_so(make_results):
    results = make_results("baseline")
    results.metrics["models"]["baseline"].pop("products_without_picture")
    (block,) = fusion.section(results).blocks
    assert isinstance(block, Paragraph) and "No model of text and picture" in block.text
