"""Experiments: valid at every look, assigned by hash, stopped for a reason."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from aisle.monitoring.experiments import analysis, declaration, e_process, shadow, split
from aisle.pipeline.errors import AisleError

DAYS = {"start": "2026-03-02", "end": "2026-05-31"}
SPLIT = {
    "kind": "split",
    "title": "?",
    "outcome": "right",
    "arms": {"a": 0.5, "b": 0.5},
    "smallest_effect": 0.05,
}
SHADOW = {"kind": "shadow", "title": "?", "smallest_effect": 0.02}


def test_the_mixture_is_the_integral_over_the_prior():
    """The closed form is the mean of the likelihood ratio over a flat prior."""
    wins, losses = 9, 3
    mean = quad(lambda p: (2 * p) ** wins * (2 * (1 - p)) ** losses, 0, 1)[0]
    found = e_process.log_mixture(np.array([losses, wins]), np.array([0.5, 0.5]))
    assert np.exp(found) == pytest.approx(mean)


def test_the_bet_on_arms_is_fair_where_they_do_not_matter():
    """One step's factor has expectation 1 for any share of successes: summed over arms and outcomes."""
    second = np.array([[True, False, True, arm] for arm in (False, True) for _ in (0, 1)])
    success = np.array([[True, False, True, hit] for _ in (0, 1) for hit in (False, True)])
    log_e = split.log_evidence(second, success, 0.3)
    factor = np.exp(log_e[:, 3] - log_e[:, 2])
    arms = np.where(second[:, 3], 0.3, 0.7)
    for rate in (0.1, 0.5, 0.9):
        assert (factor * arms * np.where(success[:, 3], rate, 1 - rate)).sum() == pytest.approx(1)


def test_peeking_at_every_step_claims_no_more_than_alpha():
    rng, n = np.random.default_rng(0), 400
    allowed = 0.05 + 3 * (0.05 * 0.95 / n) ** 0.5
    same = rng.choice([-1, 0, 1], (n, 600), p=[0.1, 0.8, 0.1])
    second, success = rng.random((n, 600)) < 0.5, rng.random((n, 600)) < 0.6
    for log_e in (
        shadow.log_evidence(same),
        split.mismatch(second, 0.5),
        split.log_evidence(second, success, 0.5),
    ):
        assert (e_process.p_values(log_e).min(axis=1) <= 0.05).mean() <= allowed
    won, lost = (same == 1).cumsum(axis=1), (same == -1).cumsum(axis=1)
    z = np.abs(won - lost) / np.sqrt(np.maximum(won + lost, 1))
    assert (z.max(axis=1) > 1.96).mean() > 0.2  # the test that may be looked at once, looked at always


def test_differences_are_found():
    rng = np.random.default_rng(1)
    better = rng.choice([-1, 0, 1], (50, 2000), p=[0.02, 0.92, 0.06])
    assert (e_process.p_values(shadow.log_evidence(better)).min(axis=1) <= 0.05).mean() > 0.8
    lost = rng.random((50, 2000)) < 0.43
    assert (e_process.p_values(split.mismatch(lost, 0.5)).min(axis=1) <= 0.05).all()


def test_a_confidence_sequence_holds_the_mean_at_every_look():
    rng = np.random.default_rng(2)
    for mean in (0.05, 0.3):
        values = rng.choice([-1, 0, 1], 400, p=[0.1, 0.9 - 0.1 - mean, 0.1 + mean])
        low, high = e_process.confidence_sequence(values, -1, 1, 0.95)
        assert (low <= mean).all() and (high >= mean).all() and high[-1] - low[-1] < 0.3
        assert (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all()


def test_a_unit_has_its_arm_for_good_and_experiments_do_not_share_it():
    arms = {"a": 0.2, "b": 0.8}
    units = [f"group-{i}" for i in range(4000)]
    first, other = ([split.assign(unit, name, arms) for unit in units] for name in ("one", "two"))
    assert first == [split.assign(unit, "one", arms) for unit in units]
    assert np.mean(np.array(first) == "b") == pytest.approx(0.8, abs=0.03)
    both = np.mean((np.array(first) == "b") & (np.array(other) == "b"))
    assert both == pytest.approx(0.64, abs=0.03)  # independent


def traffic(rates, lost=0.0, n=1500, name="test"):
    rng, rows = np.random.default_rng(3), []
    for i in range(n):
        arm = split.assign(f"u{i}", name, SPLIT["arms"])
        if arm == "b" and rng.random() < lost:
            continue
        at = f"2026-03-{2 + i * 25 // n:02d}"
        rows.append(
            {"experiment": name, "at": at, "unit": f"u{i}", "arm": arm, "success": rng.random() < rates[arm]}
        )
    return pd.DataFrame(rows).astype({"success": int})


@pytest.mark.parametrize(
    ("rates", "lost", "verdict"),
    [
        ({"a": 0.6, "b": 0.8}, 0.0, analysis.BETTER),
        ({"a": 0.8, "b": 0.6}, 0.0, analysis.WORSE),
        ({"a": 0.7, "b": 0.7}, 0.0, analysis.GO_ON),
        ({"a": 0.6, "b": 0.8}, 0.25, analysis.BROKEN),
    ],
)
def test_what_to_do_with_split_traffic(rates, lost, verdict):
    declared = declaration.Split(**SPLIT, **DAYS)
    found, looks = analysis.analyse_split("test", declared, traffic(rates, lost))
    assert found["verdict"] == verdict
    assert found["effect_low"] <= found["effect"] <= found["effect_high"] and len(looks) == found["units"]
    assert found["forecast_units"] > 1000 and 0 < found["forecast_power"] < 1


def test_an_experiment_that_has_ended_without_a_finding_stops():
    declared = declaration.Split(**SPLIT, start="2026-03-02", end="2026-03-20")
    found, _ = analysis.analyse_split("test", declared, traffic({"a": 0.7, "b": 0.7}))
    assert found["verdict"] == analysis.NOTHING


def test_events_of_another_arm_than_the_hash_says_are_refused():
    declared = declaration.Split(**SPLIT, **DAYS)
    events = traffic({"a": 0.6, "b": 0.8})
    events["arm"] = events["arm"].map({"a": "b", "b": "a"})
    with pytest.raises(AisleError, match="the arm of their hash; not so u"):
        analysis.analyse_split("test", declared, events)


def shadowed(n, wins, losses, waiting=0):
    """Return n products of which the challenger alone is right on `wins`, the champion alone on `losses`."""
    kinds = ["win"] * wins + ["loss"] * losses + ["wait"] * waiting + ["same"] * (n - wins - losses - waiting)
    kinds = list(np.random.default_rng(4).permutation(kinds))
    said = {
        "win": ("A", "B", "B"),
        "loss": ("B", "A", "B"),
        "wait": ("A", "B", None),
        "same": ("A", "A", None),
    }
    rows = [
        {
            "date": "2026-03-03",
            "product_id": f"p{i:04d}",
            **dict(zip(("predicted", "challenger", "label"), said[kind], strict=True)),
        }
        for i, kind in enumerate(kinds)
    ]
    return pd.DataFrame(rows)


def test_a_shadow_counts_judged_disagreements_alone():
    declared = declaration.Shadow(**SHADOW, **DAYS)
    found, _ = analysis.analyse_shadow(declared, shadowed(400, 30, 4, waiting=6))
    assert (found["verdict"], found["discordant"], found["waiting"]) == (analysis.BETTER, 34, 6)
    assert found["effect"] == pytest.approx(26 / 394)
    found, _ = analysis.analyse_shadow(declared, shadowed(400, 10, 9))
    assert found["verdict"] == analysis.GO_ON and found["effect_p"] > 0.5
    found, _ = analysis.analyse_shadow(declared, shadowed(400, 0, 0).assign(date="2027-01-01"))
    assert found["verdict"] == analysis.EMPTY


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"arms": {"a": 0.5, "b": 0.4}}, "must sum to 1"),
        ({"end": "2026-01-01"}, "end must not be before start"),
        ({"kind": "other"}, "kind"),
    ],
)
def test_a_wrong_declaration_is_told(tmp_path, change, told):
    from ruamel.yaml import YAML

    with (tmp_path / declaration.FILE).open("w") as file:
        YAML().dump({"experiments": {"test": SPLIT | DAYS | change}}, file)
    with pytest.raises(AisleError, match=told):
        declaration.read(tmp_path)
    (tmp_path / declaration.FILE).unlink()
    assert declaration.read(tmp_path) == {}
