"""Drift: false alarms are as rare as is said, planted shifts are found, expected accuracy is near."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from aisle.monitoring import alarms, said
from aisle.monitoring.drift import (
    accuracy,
    batches,
    correctness,
    judge,
    label_shift,
    latency,
    missing,
    novelty,
    permutation,
    promise,
)

PARAMS = judge.DriftParams(n_permutations=199, n_bootstrap=20, n_components=8)


def alarmed(observed, **shift):
    found = judge.judge(observed(320, 1), observed(160, 2, **shift), PARAMS, 0)
    return {*found.detectors.loc[found.detectors["alarm"], "detector"]}


def test_weeks_without_drift_alarm_no_more_than_alpha(observed):
    """Near-duplicates come in pairs: products taken for independent would alarm far more often."""
    n = 30
    reference = observed(160, 1)
    found = [
        judge.judge(reference, observed(50, seed), PARAMS, seed).detectors["alarm"].any()
        for seed in range(2, n + 2)
    ]
    assert np.mean(found) <= 0.05 + 3 * (0.05 * 0.95 / n) ** 0.5


def test_permuting_products_instead_of_groups_would_alarm_too_often(observed):
    rng, naive, ours = np.random.default_rng(0), [], []
    for _ in range(60):
        value = np.repeat(rng.normal(size=60), 4)  # four near-duplicates each
        group, new = np.repeat(np.arange(60), 4), np.arange(240) >= 160
        for each, found in ((group, ours), (np.arange(240), naive)):
            labels = permutation.labellings(each, new, 99, rng)
            found.append(
                permutation.p_value(np.abs(permutation.mean_differences(value[:, None], labels)[0])) <= 0.05
            )
    assert np.mean(naive) > 0.2 and np.mean(ours) < 0.15


@pytest.mark.parametrize(
    ("shift", "detector"),
    [
        ({"text": 1.5}, "text"),
        ({"image": 1.5}, "image"),
        ({"shares": (0.8, 0.1, 0.1)}, judge.PREDICTIONS),
        ({"foreign": 60}, judge.NEW_KIND),
        ({"bare": 0.4}, "missing_description"),
        ({"swapped": True}, judge.AGREEMENT),
    ],
)
def test_a_planted_shift_is_found_by_its_detector(observed, shift, detector):
    assert detector in alarmed(observed, **shift)


def test_products_of_the_catalogue_are_no_evidence(observed):
    """A week of products that stand in the catalogue already is not tested."""
    reference = observed(200, 1)
    found = judge.judge(reference, reference.take(np.arange(50)), PARAMS, 0)
    assert found.detectors.empty


def test_a_field_that_nothing_lacks_costs_the_other_detectors_no_power():
    """Tarone: of three detectors one can have no small p value, so that two are corrected for."""
    all_have, groups = (np.ones(60, bool), np.ones(40, bool)), (np.arange(60), np.arange(60, 100))
    assert missing.least(all_have, groups) == 1
    found = {"text": 0.02, "predictions": 0.5, "missing_title": 1.0}
    rows = judge.corrected(found, {"missing_title": 1.0}, 0.05).set_index("detector")
    assert rows["alarm"].tolist() == [True, False, False]
    assert rows["p_holm"].to_dict() == pytest.approx({"text": 0.04, "predictions": 0.5, "missing_title": 1})
    assert not judge.corrected(found, {}, 0.05)["alarm"].any()
    lacking = np.arange(40) < 6, np.arange(60) < 0  # the least p value is that of all of them in the batch
    present = ~lacking[1], ~lacking[0]
    assert missing.least(present, groups) == pytest.approx(missing.test(present, groups)[0])


def test_new_shares_are_estimated_by_both_ways(observed):
    reference, batch = observed(600, 1), observed(600, 2, shares=(0.7, 0.2, 0.1))
    table = judge.shares(reference, batch).set_index("category")
    true = [np.mean(batch.label == name) for name in batch.categories]
    for column in ("share_em", "share_bbse"):
        assert np.abs(table[column] - true).max() < 0.05
    weights = label_shift.em(batch.probabilities, np.array([1 / 3] * 3))
    assert weights.sum() == pytest.approx(1)


def test_the_foreign_products_are_those_with_small_p_values(observed):
    found = novelty.test(observed(240, 1), observed(80, 2, foreign=16), 5, 199, np.random.default_rng(0))
    assert found.product_p[:16].max() < 0.05 and np.median(found.product_p[16:]) > 0.2


@pytest.fixture(scope="module")
def model(observed):
    return correctness.fit(observed(600, 1), 5, np.random.default_rng(0))


@pytest.mark.parametrize("shift", [{}, {"shares": (0.7, 0.2, 0.1)}, {"foreign": 60}])
def test_the_accuracy_without_labels_is_near_the_true_one(observed, model, shift):
    """On the average of some weeks: of one the share that is right is told by few wrong products."""
    off, sure, covers = [], [], 0
    for seed in range(2, 8):
        batch = observed(400, seed, **shift)
        if "foreign" in shift:  # of a kind that no category is right for
            batch.label[: shift["foreign"]] = "Chairs"
        found = accuracy.estimate(model, batch, 0.95, 20, np.random.default_rng(0))
        off.append(found.value - np.mean(batch.right))
        sure.append(batch.probabilities.max(axis=1).mean() - np.mean(batch.right))
        covers += found.low <= np.mean(batch.right) <= found.high
    assert abs(np.mean(off)) < max(0.05, abs(np.mean(sure))) and covers >= 5


def test_what_another_products_picture_costs_a_champion_that_reads_both_is_learned(observed):
    def both(products):  # the mean of what either modality says
        logs = sum(each[:, :3].astype(float) for each in products.vectors.values())
        return replace(products, probabilities=softmax(logs * 1.6 / 1.06, axis=1))

    reference, week = both(observed(600, 1)), both(observed(400, 2, swapped=True))
    true, sure = np.mean(week.right), week.probabilities.max(axis=1).mean()
    assert np.mean(reference.right) - true > 0.1  # it costs much
    found = correctness.fit(reference, 5, np.random.default_rng(0))
    assert abs(found.expected(found.posterior(week)) - true) < min(0.05, abs(sure - true))


def test_a_champion_of_one_modality_needs_no_other(observed):
    def texts(products):
        return replace(products, vectors={"text": products.vectors["text"]})

    model = correctness.fit(texts(observed(300, 1)), 5, np.random.default_rng(0))
    week = texts(observed(200, 2))
    week.vectors["text"][:5] = np.nan
    assert model.expected(model.posterior(week)) == pytest.approx(np.mean(week.right), abs=0.06)


def test_a_broken_promise_is_proved_and_a_kept_one_is_not():
    rng = np.random.default_rng(0)
    broken = promise.watch(rng.random(500) < 0.25, 0.05, 0.05)
    assert broken.broken_at is not None and broken.low[-1] > 0.05
    kept = [promise.watch(rng.random(200) < 0.05, 0.05, 0.05).broken_at is not None for _ in range(40)]
    assert np.mean(kept) <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5
    assert promise.watch(np.empty(0, bool), 0.05, 0.05).broken_at is None


def test_a_stream_that_has_not_begun_has_no_alarm(observed):
    params = batches.MonitoringParams.model_validate(
        {"stream": "x", "columns": {}, "drift": PARAMS, "promise": {"threshold": 0.5, "target_error": 0.05}}
    )
    found = batches.judge_all(observed(60, 1), None, {}, params)
    assert found.metrics == {"batches": 0, "alarms": 0, "broken": 0} and found.detectors.empty
    assert "aisle_promise_broken 0.0" in alarms.exposition(found.detectors, found.batches, found.metrics)
    assert alarms.of_batches(found.detectors, 0.05) == []


def answers(rng, weeks=4, slower=1.0):
    """Return answers of whole weeks, the last one's slower; a busy day is slow for all of its answers."""
    days = pd.date_range("2026-03-02", periods=7 * weeks).strftime("%Y-%m-%d")
    last = np.arange(len(days)) >= 7 * (weeks - 1)
    ms = 50 * rng.lognormal(0, 0.2, len(days)) * np.where(last, slower, 1)
    return pd.DataFrame(
        {"day": np.repeat(days, 20), "ms": np.repeat(ms, 20) * rng.lognormal(0, 0.3, 20 * len(days))}
    )


def test_slow_weeks_are_found_and_busy_days_are_not_taken_for_one():
    rng, last = np.random.default_rng(0), "2026-03-23"
    quiet = [latency.by_week(answers(rng), [last], 199, rng)[last] <= 0.05 for _ in range(100)]
    slow = [latency.by_week(answers(rng, slower=1.5), [last], 199, rng)[last] <= 0.05 for _ in range(30)]
    assert np.mean(quiet) <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5 and np.mean(slow) > 0.9
    assert latency.by_week(answers(rng, weeks=1), ["2026-03-02"], 199, rng) == {}  # nothing was before


def test_the_services_export_says_how_long_answers_took(tmp_path, observed):
    at = pd.to_datetime(["2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"])
    table = pd.DataFrame({"at": at, "queue_ms": [1.0, 2.0], "predict_ms": [10.0, 20.0], "id": ["a", "b"]})
    table.to_parquet(tmp_path / "predictions.parquet")
    found = said.answers(tmp_path)
    assert found.to_dict("list") == {"day": ["2026-03-02", "2026-03-03"], "ms": [11.0, 22.0]}
    assert said.answers(tmp_path / "none").empty
    rows = judge.judge(observed(200, 1), observed(60, 2), PARAMS, 0, {judge.LATENCY: 0.001}).detectors
    assert rows.loc[rows["detector"] == judge.LATENCY, "alarm"].item()
