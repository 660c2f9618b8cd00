"""tools/simulate_selective.py: promises are kept in simulated catalogues; without a bound they are not."""

import json

import pytest

from tools import simulate_selective

CATALOGUES = 400
ALLOWED = 0.05 + 3 * (0.05 * 0.95 / CATALOGUES) ** 0.5
"""Share of broken promises at 95 % confidence, and three standard errors of it."""


@pytest.mark.parametrize(
    ("world", "n"), [("accuracy_96", 1000), ("accuracy_90", 4000), ("cross_fitted", 500)]
)
def test_promises_are_broken_no_more_often_than_is_said(monkeypatch, world, n):
    monkeypatch.setattr(simulate_selective, "LARGE", 100_000)
    monkeypatch.setattr(simulate_selective, "UNSEEN", 10_000)
    rows = simulate_selective.simulate(world, n, CATALOGUES)
    share = {(row["rule"], row["target"]): row["violations_share"] for row in rows}
    for target in simulate_selective.TARGETS:
        assert share[simulate_selective.OURS, target] <= ALLOWED
    assert share["observed", 0.02] > 0.3  # the same catalogues, without a bound


def test_the_committed_result():
    found = json.loads(simulate_selective.RESULT.read_text(encoding="utf-8"))
    assert found["catalogues"] >= CATALOGUES and found["violations_share"] <= ALLOWED
    assert found["violations_share_unmatched"] > ALLOWED  # what `selective.matched` is for
    cells = {(row["world"], row["n"], row["target"]) for row in found["cells"]}
    assert len(cells) == 4 * 3 * 3
