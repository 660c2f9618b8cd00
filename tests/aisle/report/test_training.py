"""The section of trainings: curves over seeds, and what is said of the hold-out models."""

import pandas as pd
import pytest

from aisle.report.blocks import Paragraph
from aisle.report.sections import training


def history(seed, last):
    return pd.DataFrame(
        {
            **{"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.2], "accuracy": [0.5, 0.8, 1.0]},
            **{"val_loss": [0.9, 0.6, 0.7], "val_accuracy": [0.5, 0.6, last], "seed": seed},
        }
    )


@pytest.fixture
def learned(make_results):
    seeds = {f"cv_accuracy_seed_{seed}": value for seed, value in enumerate((0.88, 0.90, 0.92))}
    seeds |= {"cv_accuracy": 0.9, "cv_accuracy_sd": 0.02, "cv_accuracy_low": 0.85, "cv_accuracy_high": 0.95}
    histories = {
        "both": pd.concat([history(0, 0.7), history(1, 0.9)]),
        "tuned": history(-1, 0.65),
        "lost": history(0, 0).head(0),
    }
    return make_results(histories=histories, metrics={"seeds": {"both": seeds}})


def test_hold_out_models_stand_beside_the_baseline_with_its_test(learned, named):
    block = named(training.section(learned), "fine-tuned")
    assert (
        "Tuned has the highest accuracy, 0.750 [0.730, 0.770]; it differs from the baseline" in block.caption
    )
    assert "McNemar's p < 0.001" in block.caption and "better" not in block.caption
    (trace,) = block.figure.data
    assert list(trace.text) == ["Tuned", "Baseline"] and list(trace.x) == [0.75, 0.8]


def test_each_seed_is_a_point_beside_the_mean(learned, named):
    block = named(training.section(learned), "seeds")
    mean, each = block.figure.data
    assert list(mean.x) == [0.9] and list(each.x) == [0.88, 0.9, 0.92]
    assert "Fusion differs most, standard deviation 0.0200 over the seeds, against 0.0500" in block.caption


def test_curves_are_means_with_a_band_over_the_seeds(learned, named):
    section = training.section(learned)
    block = named(section, "curves-both")
    assert "mean of 2 seeds" in block.caption
    assert "lowest after epoch 2 of 3 (0.600); validation accuracy ends at 0.800" in block.caption
    lines = [trace for trace in block.figure.data if trace.mode == "lines+markers"]
    assert list(lines[3].y) == [0.5, 0.6, 0.8]
    bands = [trace for trace in block.figure.data if trace.fill == "toself"]
    assert len(bands) == 4 and max(bands[3].y) == pytest.approx(0.8 + 0.1 * 2**0.5, abs=1e-3)
    one = named(section, "curves-tuned")
    assert "one training" in one.caption and not [trace for trace in one.figure.data if trace.fill]


def test_the_overview_says_which_ends_highest_and_which_learned_by_heart(learned, named):
    block = named(training.section(learned), "validation")
    assert "of 2 networks by epoch, mean of the seeds: Fusion ends highest, at 0.800" in block.caption
    both, tuned = block.figure.data
    assert (both.name, tuned.name) == ("text and picture", "picture alone")
    assert list(both.y) == [0.5, 0.6, 0.8] and set(tuned.text) == {"Tuned"}
    assert "Tuned is furthest ahead on what it learned from (+0.350)" in block.caption


def test_what_was_not_trained_is_named(learned):
    said = training.section(learned).blocks[-1]
    assert isinstance(said, Paragraph) and said.text.endswith("not available (1 model): Lost.")


def test_without_neural_models(make_results):
    (block,) = training.section(make_results("baseline", "both")).blocks
    assert isinstance(block, Paragraph) and "No neural model" in block.text
