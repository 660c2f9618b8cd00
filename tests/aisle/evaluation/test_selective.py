"""evaluation/selective.py: what a shop can decide without a person, at a stated error rate."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aisle.evaluation import selective
from aisle.evaluation.category_thresholds import category_thresholds
from aisle.models import predictions_table

NAMES = ["ant", "bee"]


def calibrated(n, seed):
    """Return confidences that are the chance to be right, and whether each is wrong."""
    rng = np.random.default_rng(seed)
    confidence = 1 - rng.beta(0.5, 4, n)
    return confidence, rng.random(n) > confidence


@pytest.mark.parametrize(
    ("target", "confidence", "expected"),
    [(0.01, 0.95, 299), (0.05, 0.95, 59), (0.01, 0.9, 230), (0.5, 0.5, 1)],
)
def test_so_many_without_an_error_are_needed(target, confidence, expected):
    assert selective.needed(target, confidence) == expected
    for n, holds in ((expected, True), (expected - 1, False)):
        found = selective.promise(np.linspace(0.5, 1, n), np.zeros(n, bool), target, confidence)
        assert (found.threshold < 1) == holds and found.needed == expected
        assert (found.bound <= target) if holds else np.isnan(found.bound)


def test_so_many_errors_are_allowed():
    """One more would be likely enough under the target error."""
    allowed = selective.allowed_errors(400, 0.05, 0.9)
    for accepted, most in enumerate(allowed, 1):
        assert stats.binom.cdf(most, accepted, 0.05) <= 0.1 < stats.binom.cdf(most + 1, accepted, 0.05)
    assert allowed[0] == -1 and allowed[-1] > 10


def test_all_are_accepted_where_all_are_right():
    found = selective.promise(np.linspace(0.3, 1, 500), np.zeros(500, bool), 0.01, 0.95)
    assert (found.threshold, found.accepted, found.accepted_wrong, found.coverage) == (0, 500, 0, 1)
    assert found.bound == pytest.approx(1 - 0.05 ** (1 / 500))  # of no error among 500


def test_none_are_accepted_where_the_most_certain_are_wrong():
    confidence = np.linspace(0.3, 1, 500)
    found = selective.promise(confidence, confidence > 0.9, 0.01, 0.95)
    assert (found.threshold, found.accepted, found.coverage) == (np.inf, 0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_promised_of_ties_in_any_order(seed):
    """Equal confidences are decided together; what is counted is what the threshold accepts."""
    rng = np.random.default_rng(seed)
    confidence = rng.choice([0.999, 0.99, 0.9, 0.8, 0.6], 700, p=[0.4, 0.3, 0.1, 0.1, 0.1])
    wrong = rng.random(700) > confidence
    found = selective.promise(confidence, wrong, 0.03, 0.95)
    accepted = confidence >= found.threshold
    assert accepted.sum() == found.accepted and wrong[accepted].sum() == found.accepted_wrong
    assert 0.4 < found.coverage < 1 and found.bound <= 0.03
    below = np.unique(confidence[~accepted])
    assert found.threshold == np.nextafter(below[-1], 1)  # the set is what lies above the next product
    order = rng.permutation(700)
    assert selective.promise(confidence[order], wrong[order], 0.03, 0.95) == found


@pytest.mark.parametrize("seed", range(6))
def test_the_sequence_ends_where_a_set_fails(seed):
    """By brute force: each set passes its own exact test, and the one after the last does not."""
    confidence, wrong = calibrated(1500, seed)
    found = selective.sequence(confidence, wrong, 0.03, 0.95)
    assert len(found.accepted) and (np.diff(found.thresholds) < 0).all()
    for threshold, accepted, missed in zip(found.thresholds, found.accepted, found.wrong, strict=True):
        inside = confidence >= threshold
        assert (inside.sum(), wrong[inside].sum()) == (accepted, missed)
        assert stats.binomtest(missed, accepted, 0.03, "less").pvalue <= 0.05
    after = np.sort(confidence)[::-1][found.accepted[-1]]  # one product more
    inside = confidence >= after
    assert stats.binomtest(wrong[inside].sum(), inside.sum(), 0.03, "less").pvalue > 0.05


def test_the_first_set_does_not_depend_on_what_is_wrong():
    """It may hold as many errors as are allowed, as long as it is at most half of the products."""
    allowed = selective.allowed_errors(1000, 0.01, 0.95)
    assert allowed[471] == 0 and allowed[472] == 1 and np.searchsorted(allowed, 2) >= 500
    confidence, wrong, starts = np.linspace(0.3, 1, 1000), np.zeros(1000, bool), []
    for errors in range(3):
        wrong[1000 - errors :] = True  # the most certain of all
        starts.append(selective.sequence(confidence, wrong, 0.01, 0.95).accepted[:1].tolist())
    assert starts == [[473], [473], []]


def test_more_allowed_or_less_certain_is_never_less_decided():
    confidence, wrong = calibrated(3000, 0)
    targets = (0.005, 0.02, 0.05, 0.2)
    found = [selective.promise(confidence, wrong, target, 0.95).accepted for target in targets]
    assert found == sorted(found) and found[0] < found[-1]
    found = [selective.promise(confidence, wrong, 0.03, level).accepted for level in (0.999, 0.95, 0.6)]
    assert found == sorted(found) and found[0] < found[-1]


def test_a_surer_model_has_a_higher_threshold():
    """So that it lets through no larger share than the models that the promise was made with."""
    fewer = np.linspace(0, 1, 101)
    assert selective.matched(0.6, fewer, fewer) == 0.6  # no surer
    assert selective.matched(0.6, fewer, fewer**2) == 0.6  # less sure
    raised = selective.matched(0.6, fewer, np.sqrt(fewer))
    assert raised == np.sqrt(0.6) and (np.sqrt(fewer) >= raised).sum() == (fewer >= 0.6).sum()
    assert selective.matched(0.6, np.tile(fewer, 4), np.sqrt(fewer)) == raised  # several rows a product
    votes = np.repeat([0.6, 0.8, 1.0], [40, 30, 30])
    assert selective.matched(1.0, votes, votes) == 1.0  # equal confidences stay together
    assert selective.matched(np.inf, fewer, fewer) == selective.matched(0.9, votes - 0.5, votes) == np.inf


def test_the_promise_in_words():
    few = vars(selective.promise(np.full(80, 0.9), np.zeros(80, bool), 0.01, 0.95))
    row = {"target_error": 0.01, "confidence": 0.95, "guaranteed_coverage": 0.0, "guaranteed_bound": None}
    said = selective.in_words(row | few)
    assert "No threshold" in said and "too few: it takes at least 299" in said and "from 80 products" in said
    many = vars(selective.promise(np.full(500, 0.9), np.zeros(500, bool), 0.01, 0.95))
    row |= {"guaranteed_bound": many["bound"], "guaranteed_coverage": 1.0, "threshold_out_of_fold": 0.85}
    said = selective.in_words(row | many | {"threshold": 0.9})
    assert said.startswith("With 95% confidence at most 0.60% of the automatic decisions are wrong")
    assert "a probability of 0.900 or more" in said and "above theirs, 0.850, of which 0 were wrong" in said
    bad = vars(selective.promise(np.full(500, 0.9), np.ones(500, bool), 0.01, 0.95))
    assert "299 decided without an error, or more with some" in selective.in_words(row | bad)


def test_the_curve_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    confidence, wrong = rng.permutation(250) / 250, rng.random(250) < 0.3
    curve = selective.risk_coverage(confidence, wrong, points=25)
    assert len(curve) == 25 and curve["coverage"].iloc[-1] == 1
    assert curve["coverage"].is_monotonic_increasing
    for coverage, error in curve.itertuples(index=False):
        kept = np.sort(confidence)[::-1][: round(coverage * 250)]
        assert error == pytest.approx(wrong[confidence >= kept.min()].mean())
    assert curve["error"].iloc[-1] == pytest.approx(wrong.mean())


def test_the_curve_of_few_products_has_a_point_for_each():
    curve = selective.risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([True, False, True]))
    np.testing.assert_allclose(curve["coverage"], [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve["error"], [0, 1 / 2, 2 / 3])


def rows(fold, inner, confidence, right, seed=0, first=0):
    """Return predictions that say ant with a confidence, right or wrong as told."""
    confidence = np.array(confidence)
    return pd.DataFrame(
        {
            "seed": seed,
            "protocol": "cv",
            "repeat": 0,
            "fold": fold,
            "inner_fold": inner,
            "product_id": [f"p{first + i}" for i in range(len(confidence))],
            "category": np.where(right, "ant", "bee"),
            "p_ant": confidence,
            "p_bee": 1 - confidence,
        }
    )


@pytest.fixture
def table():
    """Return two folds: of the first, inner rows that are right from 0.8 on, of the second none that is."""
    steps = np.linspace(0.8, 0.99, 40)
    return pd.concat(
        [
            rows(0, predictions_table.TEST, [0.95, 0.85, 0.75], [1, 0, 1]),
            rows(0, 1, steps, [1] * 40, first=3),
            rows(0, 2, [0.7] * 10, [0] * 10, first=43),
            rows(1, predictions_table.TEST, [0.99, 0.9], [0, 0], first=3),
            rows(1, 0, steps, [0] * 40, first=5),
        ],
        ignore_index=True,
    )


GROUP = pd.Series(range(60), [f"p{number}" for number in range(60)])
LIMIT = float(np.nextafter(0.7, 1))


def test_each_fold_decides_by_the_threshold_of_its_inner_rows(table):
    found = selective.decide(table, GROUP, 0.1, 0.95)
    assert list(found["product_id"]) == ["p0", "p1", "p2", "p3", "p4"]
    assert list(found["threshold"]) == [LIMIT] * 3 + [np.inf] * 2
    assert list(found["automatic"]) == [True, True, True, False, False]
    assert list(found["wrong"]) == [False, True, False, True, True]
    assert list(found["predicted"]) == [0] * 5
    np.testing.assert_allclose(found["confidence"], [0.95, 0.85, 0.75, 0.99, 0.9])


def test_near_duplicates_are_no_evidence(table):
    """Copies of a product that are all right do not add up to a promise."""
    found = selective.decide(table, GROUP // 2, 0.1, 0.95)
    assert not found["automatic"].any()  # 29 are needed, and there are 26 groups
    kept = selective.one_of_each(table[["product_id"]].iloc[[4, 3, 5, 6]], GROUP // 2)
    assert sorted(kept["product_id"]) == ["p3", "p4", "p6"]


def test_test_rows_move_no_threshold(table):
    before = selective.decide(table, GROUP, 0.1, 0.95)["threshold"]
    test = table["inner_fold"] == predictions_table.TEST
    other = table.copy()
    other.loc[test, "category"] = ["ant", "bee", "bee", "ant", "ant"]
    other.loc[test, ["p_ant", "p_bee"]] = [0.55, 0.45]
    pd.testing.assert_series_equal(selective.decide(other, GROUP, 0.1, 0.95)["threshold"], before)
    other.loc[~test, "category"] = "ant"
    assert list(selective.decide(other, GROUP, 0.1, 0.95)["threshold"]) == [0] * 5


def test_seeds_have_thresholds_of_their_own(table):
    strict = table.assign(seed=1, category="bee")
    found = selective.decide(pd.concat([table, strict], ignore_index=True), GROUP, 0.1, 0.95)
    assert found.groupby("seed")["automatic"].sum().to_dict() == {0: 3, 1: 0}


def decided(product, predicted, confidence, automatic):
    return pd.DataFrame(
        {"product_id": product, "predicted": predicted, "confidence": confidence, "automatic": automatic}
    )


def test_the_review_list_holds_who_waits_in_most_repeats_the_least_certain_first():
    table = pd.concat(
        [
            decided("sure", [0, 0, 0], [0.9, 0.9, 0.9], [True, True, True]),
            decided("mostly", [0, 0, 0], [0.9, 0.9, 0.6], [True, True, False]),
            decided("half", [1, 1], [0.8, 0.7], [True, False]),
            decided("waits", [0, 1, 1], [0.6, 0.7, 0.8], [False, False, True]),
            decided("never", [1, 0, 1], [0.5, 0.6, 0.4], [False, False, False]),
            decided("also", [1, 1, 1], [0.4, 0.5, 0.6], [False, False, False]),
        ]
    )
    found = selective.review(table.sample(frac=1, random_state=0), NAMES)
    assert list(found["product_id"]) == ["also", "never", "waits"]  # equal confidence: by id
    assert list(found["predicted"]) == ["bee", "bee", "bee"]
    np.testing.assert_allclose(found["confidence"], [0.5, 0.5, 0.7])
    np.testing.assert_allclose(found["automatic_share"], [0, 0, 1 / 3])


def test_nobody_waits():
    found = selective.review(decided("sure", [0], [0.9], [True]), NAMES)
    assert found.empty and list(found) == ["product_id", "predicted", "confidence", "automatic_share"]


def test_coverage_and_error_of_each_predicted_category():
    """Of the first repeat and seed, one of each group, with exact intervals."""
    table = pd.DataFrame(
        {
            "product_id": [f"p{i}" for i in range(8)],
            "seed": 3,
            "repeat": 0,
            "predicted": [0, 0, 0, 0, 0, 1, 1, 1],
            "automatic": [True, True, True, True, False, False, False, False],
            "wrong": [True, False, False, False, True, True, True, False],
        }
    )
    other = pd.concat([table, table.assign(repeat=1, wrong=True), table.assign(seed=4, wrong=True)])
    group = pd.Series([0, 1, 2, 2, 3, 4, 5, 6], table["product_id"])  # p3 is a copy of p2
    found = selective.by_category(other, group, NAMES, 0.9).set_index("category")
    assert found["products"].to_dict() == {"ant": 4, "bee": 3}
    assert found["coverage"].to_dict() == {"ant": 3 / 4, "bee": 0.0}
    assert found.loc["ant", "error"] == 1 / 3 and np.isnan(found.loc["bee", "error"])
    exact = stats.binomtest(1, 3).proportion_ci(0.9, "exact")
    np.testing.assert_allclose(
        found.loc["ant", ["error_low", "error_high"]].astype(float), [exact.low, exact.high]
    )
    none = stats.binomtest(0, 3).proportion_ci(0.9, "exact")
    np.testing.assert_allclose(found.loc["bee", ["coverage_low", "coverage_high"]].astype(float), none)


def shop_of_two(n, seed):
    """Return what is said of two categories: one nearly always right, one wrong six times in 100, as sure."""
    rng = np.random.default_rng(seed)
    predicted = (rng.random(n) < 0.2).astype(int)
    wrong = rng.random(n) < np.where(predicted == 1, 0.06, 0.001)
    return rng.random(n), wrong, predicted


def test_each_category_keeps_a_promise_of_its_own():
    """One threshold for all lets the hard one's errors through, hidden among the easy one's products."""
    broken = {"one": 0, "own": 0}
    for seed in range(100):
        sure, wrong, predicted = shop_of_two(3000, seed)
        new_sure, new_wrong, new = shop_of_two(20_000, 1000 + seed)
        one = selective.promise(sure, wrong, 0.03, 0.95)
        own = selective.promise_of_each(sure, wrong, predicted, 2, 0.03, 0.95)
        limits = {"one": np.full(2, one.threshold), "own": np.array([each.threshold for each in own])}
        assert own[0].accepted > 0.9 * own[0].calibrated_on
        for name, limit in limits.items():
            missed = [new_wrong[(new == kind) & (new_sure >= limit[kind])] for kind in (0, 1)]
            broken[name] += any(len(each) and each.mean() > 0.03 for each in missed)
    assert broken["own"] <= 5 + 3 * np.sqrt(100 * 0.05 * 0.95) and broken["one"] > 50


def test_of_all_categories_the_worst_bound_is_told():
    sure, wrong, predicted = shop_of_two(3000, 0)
    own = selective.promise_of_each(sure, wrong, predicted, 3, 0.03, 0.95)
    both = selective.together(own)
    assert (own[2].accepted, own[2].threshold) == (0, np.inf)  # nothing is ever put there
    assert both.calibrated_on == 3000 and both.needed == own[0].needed == 99
    assert both.accepted == sum(each.accepted for each in own) > 0
    assert both.bound == np.nanmax([each.bound for each in own]) <= 0.03
    assert both.threshold == min(each.threshold for each in own)
    none = selective.together([selective.Promise.none(7, 99)] * 2)
    assert none.threshold == np.inf and np.isnan(none.bound) and none.calibrated_on == 14


def test_a_sentence_says_how_many_categories_are_decided():
    decision = {
        "target_error": 0.03,
        "confidence": 0.95,
        "needed": 99,
        "calibrated_on": 3000,
        "accepted": 2000,
    }
    decision |= {
        "guaranteed_bound": 0.021,
        "guaranteed_coverage": 0.66,
        "threshold": 0.7,
        "accepted_wrong": 9,
    }
    decision |= {"threshold_out_of_fold": 0.7, "threshold_category_1": 0.7, "threshold_category_2": None}
    assert category_thresholds(decision) == [0.7, np.inf]
    assert "of a category are wrong (3.0% are allowed): those of a probability as each of 1 predicted " in (
        words := selective.in_words(decision)
    )
    assert "of 0.700 to 0.700; those of 1 others go to a person" in words
    assert "automatic decisions of a category" in selective.in_words(decision | {"accepted": 0})
