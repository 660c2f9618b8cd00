"""tools/simulate_selective.py: promises are kept in simulated catalogues; without a bound they are not."""

import json

import pytest

from tools import simulate_selective

CATALOGUES = 400


def allowed(catalogues):
    """Return the share of broken promises at 95 % confidence, and three standard errors of it."""
    return 0.05 + 3 * (0.05 * 0.95 / catalogues) ** 0.5


@pytest.mark.parametrize(
    ("world", "n", "catalogues"),
    [("accuracy_96", 1000, 400), ("accuracy_90", 4000, 400), ("cross_fitted", 500, 150)],
)
def test_promises_are_broken_no_more_often_than_is_said(monkeypatch, world, n, catalogues):
    monkeypatch.setattr(simulate_selective, "LARGE", 100_000)
    monkeypatch.setattr(simulate_selective, "UNSEEN", 10_000)
    rows = simulate_selective.simulate(world, n, catalogues)
    share = {(row["rule"], row["target"]): row["violations_share"] for row in rows}
    for target in simulate_selective.TARGETS:
        assert share[simulate_selective.OURS, target] <= allowed(catalogues)
    assert share["observed", 0.02] > 0.3  # the same catalogues, without a bound


def test_the_committed_result():
    found = json.loads(simulate_selective.RESULT.read_text(encoding="utf-8"))
    assert found["catalogues"] >= CATALOGUES and found["violations_share"] <= allowed(CATALOGUES)
    assert found["violations_share_unmatched"] > allowed(CATALOGUES)  # what `selective.matched` is for
    cells = {(row["world"], row["n"], row["target"]) for row in found["cells"]}
    assert len(cells) == 4 * 3 * 3
