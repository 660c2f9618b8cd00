"""evaluation/champion.py: the cheapest of the models that are not told from the best."""

import numpy as np
import pandas as pd
import pytest

from aisle.evaluation import champion
from aisle.pipeline.errors import AisleError

PARAMS = champion.ChampionParams(standard_errors=1)
ACCURACY = {"baseline": 0.90, "small": 0.949, "best": 0.95, "random": 0.99, "gone": 0.0, "holdout": 0.97}
BYTES = {"baseline": 1_000_000, "small": 2_000_000, "best": 90_000_000, "random": 1000, "holdout": 1000}


def made(noise=0.01, **weights):
    """Return scores and fold accuracies: 3 repeats of 5 folds; `best` and `small` differ by noise only."""
    rng, rows = np.random.default_rng(0), []
    for name, mean in ACCURACY.items():
        for place, value in enumerate(mean + noise * rng.normal(size=15)):
            rows.append(
                {"model": name, "seed": -1, "repeat": place // 5, "fold": place % 5, "accuracy": value}
            )
    scores = {"catalogue": "tiny"} | {
        name: {"weights": "none", "cv_accuracy": mean} for name, mean in ACCURACY.items()
    }
    scores["random"]["weights"] = "untrained"
    scores["gone"] = {"weights": "not available"}
    scores["holdout"] = {"weights": "none", "holdout_accuracy": 0.97}
    return scores, pd.DataFrame(rows)


def test_a_tie_goes_to_the_smaller_package():
    choice = champion.choose(*made(), BYTES, PARAMS)
    assert (choice.champion, choice.challenger) == ("small", "best")
    table = choice.table.set_index("model")
    assert list(table.index) == ["best", "small", "baseline"]  # no untrained, absent or hold-out model
    assert dict(table["tied"]) == {"best": True, "small": True, "baseline": False}
    assert dict(table["role"]) == {"best": "challenger", "small": "champion", "baseline": ""}
    assert table.loc["baseline", "behind"] > table.loc["baseline", "standard_error"]
    assert table.loc["small", "behind"] <= table.loc["small", "standard_error"]
    assert table.loc["small", "megabytes"] == 2


def test_a_real_difference_beats_the_price():
    choice = champion.choose(*made(noise=0.0001), BYTES, PARAMS)
    assert (choice.champion, choice.challenger) == ("best", "small")


@pytest.mark.parametrize(
    ("promises", "expected"),
    [
        ({"best": 0.4}, "best"),
        ({"small": 0.1, "best": 0.4}, "small"),
        ({"small": 0.0, "best": None}, "small"),
    ],
)
def test_of_the_tied_those_that_may_decide_come_first(promises, expected):
    scores, folds = made()
    scores["baseline"]["guaranteed_coverage"] = 0.9  # the smallest, but not tied
    for name, share in promises.items():
        scores[name]["guaranteed_coverage"] = share
    assert champion.choose(scores, folds, BYTES, PARAMS).champion == expected


def test_a_model_without_a_package_is_no_candidate():
    choice = champion.choose(*made(), {"baseline": 1, "small": 2}, PARAMS)
    assert (choice.champion, choice.challenger) == ("small", "baseline")


def test_seeds_are_averaged_in_each_fold():
    scores, folds = made()
    twice = pd.concat([folds, folds[folds["model"] == "best"].assign(seed=1)])
    pd.testing.assert_frame_equal(
        champion.choose(scores, twice, BYTES, PARAMS).table,
        champion.choose(scores, folds, BYTES, PARAMS).table,
    )


def test_one_model_has_no_challenger():
    scores, folds = made()
    choice = champion.choose(scores, folds, {"baseline": 1}, PARAMS)
    assert (choice.champion, choice.challenger) == ("baseline", None)
    found = champion.metrics(choice, scores, PARAMS)
    assert found["challenger"] is None and found["challenger_megabytes"] is None and found["tied"] == 1


def test_no_candidate_is_a_clear_error():
    with pytest.raises(AisleError, match="there must be a model"):
        champion.choose(*made(), {}, PARAMS)


def test_the_metrics():
    scores, folds = made()
    scores["small"] |= {"cv_accuracy_low": 0.94, "cv_accuracy_high": 0.96}
    found = champion.metrics(champion.choose(scores, folds, BYTES, PARAMS), scores, PARAMS)
    expected = {
        "champion": "small",
        "champion_accuracy": 0.949,
        "champion_accuracy_low": 0.94,
        "best": "best",
    }
    assert expected.items() <= found.items()
    assert (found["candidates"], found["tied"], found["challenger_megabytes"]) == (3, 2, 90)
