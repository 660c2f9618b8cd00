"""evaluation/metric_noise.py: each metric's noise by its name, and what moved beyond it."""

import json
import math

import pytest

from aisle.evaluation import metric_noise as noise
from aisle.evaluation.metric_noise import change, changes


def flat(value, prefix=""):
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        key: leaf
        for name, item in value.items()
        for key, leaf in flat(item, f"{prefix}.{name}" if prefix else name).items()
    }


def test_every_committed_metric_has_a_noise(repo):
    """A new metric gets `_sd` or `_low` and `_high`, or a rule of aisle/evaluation/metric_noise.py."""
    files = [path for path in (repo / "metrics").rglob("*.json") if path.parent.name != "review"]
    assert len(files) > 20
    unstated = []
    for path in files:
        metrics = flat(json.loads(path.read_text()))
        keys = [key for key in metrics if not noise.is_sibling(key, metrics)]
        unstated += [(path.name, key) for key in keys if noise.noise(key, metrics).source == noise.UNSTATED]
    assert unstated == []


METRICS = {
    "bow.cv_accuracy": 0.9, "bow.cv_accuracy_low": 0.86, "bow.cv_accuracy_high": 0.92,
    "bow.cv_accuracy_sd": 0.1,
    "bow.cv_accuracy_seed_0": 0.8, "bow.cv_accuracy_without_picture": 0.5, "bow.products_without_picture": 4,
    "bow.cv_gain_p": 0.04, "bow.cv_temperature": 0.5, "bow.cv_input_share": 0.75, "bow.weights": "none",
    "ari": 0.5, "ari_sd": 0.01, "best_k": 3, "k": 7, "suspected": False, "missing": None,
    "behind": 0.01, "behind_standard_error": 0.02, "drop_random": 0.1, "difference": 0.2,
    "difference_low": 0.1, "difference_high": 0.4, "median_width": 200.5, "strange": 0.5,
    "accuracy_ungrouped_bow": 0.9, "optimism_bow": 0.0, "optimism_bow_low": -0.1, "optimism_bow_high": 0.1,
    "precision": 0.8, "odd": 0.5, "odd_low": 0.6, "odd_high": 0.4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "half", "source"),
    [
        ("bow.cv_accuracy", 0.03, "interval"),  # it is of the mean; the sd is of a single fold
        ("bow.cv_accuracy_seed_0", 0.03, "of cv_accuracy"),
        ("bow.cv_accuracy_without_picture", 0.35, "share of products_without_picture"),  # Wilson, 2 of 4
        ("bow.cv_gain_p", math.inf, "judged by its scores"),
        ("bow.cv_temperature", math.inf, "judged by its scores"),
        ("bow.cv_input_share", 0, "none by definition"),
        ("bow.weights", 0, "none by definition"),
        ("ari", 0.0196, "sd"),
        ("best_k", math.inf, "judged by its scores"),
        ("k", 0, "none by definition"),
        ("suspected", 0, "none by definition"),
        ("missing", 0, "none by definition"),
        ("behind", 0.0392, "sd"),
        ("drop_random", 0.15, "of difference"),
        ("accuracy_ungrouped_bow", 0.1, "of optimism_bow"),
        ("median_width", 0, "none by definition"),
        ("precision", math.inf, "share of issues"),  # of none that is known
        ("strange", math.inf, "unstated"),
        ("odd", math.inf, "unstated"),  # an interval the wrong way round is none
    ],
)
def test_the_noise_of_a_metric(key, half, source):
    found = noise.noise(key, METRICS)
    assert found.source == source
    assert found.half == pytest.approx(half, abs=5e-3 if "share of" in source else 1e-9)


@pytest.mark.parametrize(
    ("key", "before", "after", "verdict"),
    [
        ("f1", {"f1": 0.5, "f1_sd": 0.1}, {"f1": 0.7, "f1_sd": 0.1}, "within noise"),  # less than 0.277
        ("f1", {"f1": 0.5, "f1_sd": 0.1}, {"f1": 0.78, "f1_sd": 0.1}, "beyond noise"),
        ("f1", {"f1": 0.5, "f1_sd": 0.1}, {"f1": 0.7}, "-"),  # the other side says nothing
        ("f1", {"f1": 0.5, "f1_sd": 0.0}, {"f1": 0.51, "f1_sd": 0.0}, "beyond noise"),
        ("f1", {"f1": 0.123456, "f1_sd": 0.0}, {"f1": 0.123489, "f1_sd": 0.0}, "unchanged"),  # 4 decimals
        ("f1", {"f1": 0.1234, "f1_sd": 1e-6}, {"f1": 0.1235, "f1_sd": 1e-6}, "within noise"),  # one step
        ("ari", {"ari": 0.51}, {"ari": 0.518}, "unchanged"),  # 2 decimals
        ("champion_megabytes", {"champion_megabytes": 91.466588}, {"champion_megabytes": 91.47}, "unchanged"),
        ("champion_megabytes", {"champion_megabytes": 91.5}, {"champion_megabytes": 92.0}, "beyond noise"),
        ("n", {"n": 210}, {"n": 211}, "beyond noise"),
        ("suspected", {"suspected": False}, {"suspected": True}, "changed"),
        ("model", {"model": "bow"}, {"model": "tfidf"}, "changed"),
        ("f1", {"f1": math.nan}, {"f1": 0.5}, "not comparable"),
        ("f1", {"f1": math.inf}, {"f1": 0.5}, "not comparable"),
        ("f1", {"f1": math.nan}, {"f1": math.nan}, "unchanged"),
        ("f1", {"f1": None}, {"f1": None}, "unchanged"),
        ("f1", {}, {"f1": 0.5}, "new"),
        ("f1", {"f1": 0.5}, {"f1": None}, "gone"),
        ("temperature", {"temperature": 0.5}, {"temperature": 0.9}, "-"),
    ],
)
def test_verdicts(key, before, after, verdict):
    assert change(key, before, after).verdict == verdict


def test_the_parts_of_a_statement_are_not_told_alone():
    before = {"f1": 0.5, "f1_low": 0.4, "f1_high": 0.6, "gain": 0.1, "gain_p": 0.04, "gain_p_holm": 0.06}
    after = {**before, "f1_low": 0.3, "gain_p": 0.06}
    found = changes(before, after)
    assert list(found) == ["f1", "gain"]
    assert {each.verdict for each in found.values()} == {"unchanged"}


def test_size_is_in_units_of_noise():
    moved = change("f1", {"f1": 0.5, "f1_sd": 0.1}, {"f1": 0.9, "f1_sd": 0.1})
    assert moved.size == pytest.approx(0.4 / (1.96 * 0.1 * math.sqrt(2)))
    assert math.isinf(change("n", {"n": 1}, {"n": 2}).size)
    assert str(moved.noise) == "0.28 (sd)" and str(noise.Noise(0.0, noise.NONE)) == noise.NONE
