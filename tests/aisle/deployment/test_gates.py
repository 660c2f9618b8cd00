"""aisle/deployment/gates.py: what a candidate must be to replace the champion."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.deployment import gates, manifest
from aisle.pipeline import tables

PARAMS = gates.RetrainingParams(
    alpha=0.05, newest_days=30, min_newest=10, max_coverage_loss=0.05, max_size_ratio=1.5,
    max_latency_ratio=1000, tie_size_ratio=1.05,
)  # fmt: skip


@pytest.fixture
def make_side(text_workspace, text_package, tmp_path):
    """Return a maker of workspaces of the tiny catalogue, with outcomes, coverage and padding as told."""
    data = text_workspace.root
    folds = tables.read(data / "data/folds.parquet", [tables.KEY, "category"]).dropna()

    def make(name: str, wrong: set[str], coverage: float = 0.5, drop: int = 0, padding: int = 0) -> Path:
        root = tmp_path / name
        (root / "reports/evaluation").mkdir(parents=True)
        for place in ("data", "features"):
            if (data / place).exists():
                shutil.copytree(data / place, root / place)
        shutil.copytree(text_package, root / "packages/champion")
        if padding:
            (root / "packages/champion/more").write_bytes(b"0" * padding)
            manifest.write(root / "packages/champion")
        kept = folds.iloc[drop:]
        other = {
            a: b for a, b in zip(sorted({*kept["category"]}), sorted({*kept["category"]})[::-1], strict=True)
        }
        bad = kept[tables.KEY].isin(wrong).to_numpy()
        judged = pd.DataFrame(
            {
                "model": "text_baseline",
                tables.KEY: kept[tables.KEY],
                "category": kept["category"],
                "predicted": np.where(bad, kept["category"].map(other), kept["category"]),
                "outcomes": np.where(bad, "00", "11"),
            }
        )
        tables.write(judged, root / "reports/evaluation/products.parquet", "tiny")
        scores = {"text_baseline": {"guaranteed_coverage": coverage}}
        tables.write_metrics(scores, root / "metrics/models.json", "tiny")
        tables.write_metrics({"champion": "text_baseline"}, root / "metrics/champion.json", "tiny")
        return root

    return make


@pytest.fixture
def ids(text_workspace):
    """Return the products with a category, by category."""
    folds = tables.read(text_workspace.root / "data/folds.parquet", [tables.KEY, "category"]).dropna()
    return {name: [*rows[tables.KEY]] for name, rows in folds.groupby("category")}


def failed(found):
    """Return the names of the gates that are not passed."""
    return [gate.name for gate in found if not gate.passed]


def test_the_same_again_passes_every_gate(make_side):
    found = gates.judge(make_side("a", set()), make_side("b", set()), PARAMS)
    assert failed(found) == []
    assert gates.as_dict(found)["passed"]


def test_what_is_worse_on_the_same_products_is_refused(make_side, ids):
    everywhere = {name for each in ids.values() for name in each[::2]}
    assert "accuracy" in failed(gates.judge(make_side("a", set()), make_side("b", everywhere), PARAMS))
    assert failed(gates.judge(make_side("c", everywhere), make_side("d", set()), PARAMS)) == []


def test_a_category_may_not_pay_for_the_others(make_side, ids):
    first, *others = ids
    before = {name for other in others for name in ids[other][:4]}
    found = gates.judge(make_side("a", before), make_side("b", {*ids[first]}), PARAMS)
    assert "each category" in failed(found)
    assert first in next(gate.found for gate in found if gate.name == "each category")


def test_new_products_are_judged_by_what_the_present_package_says(make_side, ids):
    every = [name for each in ids.values() for name in each]
    present = make_side("a", set(), drop=len(every) // 2)
    new = {*every} - {*gates.Workspace(present).judged.index}
    before, _ = gates.outcomes(gates.Workspace(present), gates.Workspace(make_side("b", set())))
    assert {*before.index[~before["learned"]]} == new
    assert before.loc[~before["learned"], "champion"].str.fullmatch("11|00").all()
    assert (before.loc[~before["learned"], "champion"] == "11").mean() > 0.5  # it predicts, it does not guess
    found = gates.judge(present, make_side("c", new), PARAMS)
    assert "newest period" in failed(found) and "accuracy" not in failed(found)
    few = PARAMS.model_copy(update={"min_newest": len(every)})
    assert "newest period" not in failed(gates.judge(present, make_side("d", new), few))


def test_a_product_with_another_label_now_is_judged_by_the_new_one(make_side, ids):
    present, candidate = gates.Workspace(make_side("a", set())), gates.Workspace(make_side("b", set()))
    (first, *_), (second, *_) = list(ids.values())[:2]
    candidate.judged.loc[first, "category"] = candidate.judged.loc[second, "category"]
    before, _ = gates.outcomes(present, candidate)
    assert before.loc[first, "champion"] == "00" and before.loc[second, "champion"] == "11"


def test_dates_make_the_newest_period():
    before = pd.DataFrame({"learned": [True, True, True, False]}, index=list("abcd"))
    dates = pd.to_datetime(pd.Series({"a": "2026-01-01", "b": "2026-03-01", "c": None, "d": None}), utc=True)
    assert [*gates.newest(before, dates, 30)] == ["b", "d"]
    undated = pd.to_datetime(pd.Series({"a": None}), utc=True)
    assert [*gates.newest(before, undated, 30)] == ["d"]


@pytest.mark.parametrize(
    ("before", "after", "passed"), [(0.5, 0.46, True), (0.5, 0.44, False), (0.03, 0, False), (0, 0, True)]
)
def test_a_promise_is_kept(make_side, before, after, passed):
    found = gates.judge(make_side("a", set(), before), make_side("b", set(), after), PARAMS)
    assert ("bound" not in failed(found)) is passed


def test_at_a_tie_the_cheaper_stays(make_side, ids):
    present = make_side("a", set())
    size = int(gates.Workspace(present).megabytes * 1e6)
    found = gates.judge(present, make_side("b", set(), padding=size // 5), PARAMS)
    assert failed(found) == ["tie goes to the cheaper"]
    wrong = {name for each in ids.values() for name in each[::2]}
    better = gates.judge(make_side("c", wrong), make_side("d", set(), padding=size // 5), PARAMS)
    assert failed(better) == []
    assert "size" in failed(gates.judge(make_side("e", wrong), make_side("f", set(), padding=size), PARAMS))
    slow = PARAMS.model_copy(update={"max_latency_ratio": 1e-6})
    assert "latency" in failed(gates.judge(present, make_side("g", set()), slow))
