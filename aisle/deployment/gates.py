"""Gates of retraining: whether a candidate that learned from new labels and products may be put in use.

Both are workspaces, a folder with the pipeline's outputs at one revision. Each product is judged by the
candidate's labels. A model's prediction of a product that it learned from is the one out of fold; of another
one, that of its package.
"""

import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.deployment import manifest, run_record, stored_products
from aisle.deployment.predictor import Predictor
from aisle.evaluation import revision_comparison
from aisle.evaluation.revision_comparison import SAME, WORSE, PairedTest
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section

ROLE = "champion"
TIMED, ROUNDS = 32, 5
"""Products that are predicted to measure the latency, and how often, both packages by turns."""


class RetrainingParams(Section):
    """Section `retraining` of params.yaml."""

    alpha: float = Field(gt=0, lt=0.5)
    newest_days: int = Field(ge=1)
    min_newest: int = Field(ge=2)
    max_coverage_loss: float = Field(ge=0, le=1)
    max_size_ratio: float = Field(gt=0)
    max_latency_ratio: float = Field(gt=0)
    tie_size_ratio: float = Field(gt=0)


@dataclass(frozen=True)
class Gate:
    """One condition: its name, whether the candidate passes, what was found and what must be, in words."""

    name: str
    passed: bool
    found: str
    limit: str


@dataclass(frozen=True)
class Workspace:
    """A folder with the pipeline's outputs at one revision."""

    root: Path

    @cached_property
    def model(self) -> str:
        """Name of its champion."""
        return str(tables.read_json(self.root / "metrics/champion.json")[ROLE])

    @property
    def package(self) -> Path:
        """The champion's package."""
        return self.root / "packages" / ROLE

    @property
    def megabytes(self) -> float:
        """Size of the champion's package."""
        return sum(path.stat().st_size for path in manifest.files(self.package).values()) / 1e6

    @property
    def coverage(self) -> float:
        """Share of the products that the champion may decide alone, by its bound; 0 without a promise."""
        found = tables.read_json(self.root / "metrics/models.json")[self.model].get("guaranteed_coverage")
        return float(found or 0)

    @cached_property
    def judged(self) -> pd.DataFrame:
        """What the champion says out of fold, by product_id: category, predicted, outcomes."""
        path = self.root / "reports/evaluation/products.parquet"
        columns = ["model", tables.KEY, "category", "predicted", "outcomes"]
        table = tables.read(path, columns).astype(str)
        return table[table["model"] == self.model].set_index(tables.KEY)

    @property
    def groups(self) -> pd.Series:
        """Near-duplicate group of each product, by product_id."""
        return tables.read(self.root / "data/folds.parquet", [tables.KEY, "group"]).set_index(tables.KEY)[
            "group"
        ]

    @property
    def dates(self) -> pd.Series:
        """Date of each product, by product_id; missing where it has none."""
        table = tables.read(self.root / "data/products.parquet", [tables.KEY, "date"]).set_index(tables.KEY)
        return pd.to_datetime(table["date"], errors="coerce", utc=True)


def outcomes(present: Workspace, candidate: Workspace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return whether each side's champion is right on each product that has a category at the candidate.

    Returns
    -------
    tuple
        Before and after, as of `revision_comparison.read_table`, by product_id: `group` (the candidate's),
        `champion` (a text with one character a run, 1 right), and `learned` (before: whether the present
        champion learned from it).
    """
    after = candidate.judged
    old = present.judged.reindex(after.index)
    learned = old["predicted"].notna()
    length = int(present.judged["outcomes"].str.len().iloc[0])
    right = (old["predicted"] == after["category"]).map({True: "1" * length, False: "0" * length})
    same = old["category"] == after["category"]  # else what was right then is wrong now
    before = right.mask(same, old["outcomes"])
    if not learned.all():
        predicted = _by_package(present, candidate).reindex(after.index)
        given = (predicted == after["category"]).map({True: "1" * length, False: "0" * length})
        before = before.where(learned, given)
    groups = candidate.groups.reindex(after.index)
    first = pd.DataFrame({"group": groups, ROLE: before, "learned": learned})
    return first, pd.DataFrame({"group": groups, ROLE: after["outcomes"]})


def _by_package(present: Workspace, candidate: Workspace) -> pd.Series:
    """Return what the present package predicts of the candidate's products, by product_id."""
    data = candidate.root
    inputs = stored_products.StoredInputs(
        data / "data/text.parquet", data / "data/images.parquet", data / "features"
    )
    predicted = stored_products.predict_all(str(present.package), inputs)
    return predicted.set_index(tables.KEY)["predicted_category"].astype(str)


def newest(before: pd.DataFrame, dates: pd.Series, days: int) -> pd.Index:
    """Return the products of the newest period: not learned from yet, or dated in the last `days` days."""
    known = dates.reindex(before.index)
    recent = known > known.max() - pd.Timedelta(days=days)  # no date is never recent
    return before.index[~before["learned"] | recent]


def judge(present: Path, candidate: Path, params: RetrainingParams) -> list[Gate]:
    """Judge a candidate by every gate.

    Parameters
    ----------
    present, candidate
        Workspaces: what is in use, and what may replace it.
    params
        The limits.

    Returns
    -------
    list of Gate
        It may replace the present one if all are passed.

    Raises
    ------
    AisleError
        If a workspace lacks an output, or both have no product in common.
    """
    now, new = Workspace(present), Workspace(candidate)
    before, after = outcomes(now, new)
    learned = before.index[before["learned"]]
    if learned.empty:
        raise AisleError(
            "candidate and champion must have learned from products in common; they did not (another "
            "catalogue?)"
        )
    common = revision_comparison.paired_test(before.loc[learned], after.loc[learned], ROLE)
    recent = newest(before, new.dates, params.newest_days)
    of_newest, gate = _newest_gate(before.loc[recent], after.loc[recent], params)
    tests = [common, *([of_newest] if of_newest else [])]
    return [
        Gate("accuracy", common.verdict != WORSE, _told(common), "not worse beyond noise, on the same folds"),
        gate,
        _category_gate(before.loc[learned], after.loc[learned], new.judged["category"], params),
        _bound_gate(now.coverage, new.coverage, params),
        *_cost_gates(now, new, tests, params),
    ]


def _told(test: PairedTest) -> str:
    return (
        f"{test.before:.4f} before, {test.after:.4f} after; difference {test.difference:+.4f} "
        f"[{test.low:+.4f}, {test.high:+.4f}], p {test.p:.2g}, {test.products} products"
    )


def _newest_gate(
    before: pd.DataFrame, after: pd.DataFrame, params: RetrainingParams
) -> tuple[PairedTest | None, Gate]:
    name, limit = "newest period", "not worse beyond noise"
    if len(before) < params.min_newest or before["group"].nunique() < 2:
        found = f"{len(before)} products, fewer than {params.min_newest} or of one group: not asked"
        return None, Gate(name, True, found, limit)
    test = revision_comparison.paired_test(before, after, ROLE)
    return test, Gate(name, test.verdict != WORSE, _told(test), limit)


def _category_gate(
    before: pd.DataFrame, after: pd.DataFrame, categories: pd.Series, params: RetrainingParams
) -> Gate:
    """Say whether a category has become worse beyond noise: Holm over the categories."""
    from statsmodels.stats.multitest import multipletests

    tests: dict[str, PairedTest] = {}
    for name, rows in before.groupby(categories.reindex(before.index)):
        if rows["group"].nunique() > 1:
            tests[str(name)] = revision_comparison.paired_test(rows, after.loc[rows.index], ROLE)
    limit = f"none worse at alpha {params.alpha:g}, Holm over {len(tests)} categories"
    if not tests:
        return Gate("each category", True, "no category has two groups: not asked", limit)
    rejected = multipletests([test.p for test in tests.values()], params.alpha, method="holm")[0]
    worse = [
        f"{name}: {_told(test)}"
        for (name, test), beyond in zip(tests.items(), rejected, strict=True)
        if beyond and test.difference < 0
    ]
    lowest = min(tests, key=lambda name: tests[name].difference)
    return Gate("each category", not worse, "; ".join(worse) or f"{lowest}: {_told(tests[lowest])}", limit)


def _bound_gate(before: float, after: float, params: RetrainingParams) -> Gate:
    passed = after >= before - params.max_coverage_loss and (after > 0 or before == 0)
    found = f"{before:.3f} may be decided before, {after:.3f} after"
    limit = f"at most {params.max_coverage_loss:g} less, and a promise kept where there is one"
    return Gate("bound", passed, found, limit)


def _cost_gates(
    now: Workspace, new: Workspace, tests: list[PairedTest], params: RetrainingParams
) -> list[Gate]:
    ratio = new.megabytes / now.megabytes
    slower = latency_ratio(now.package, new.package, new.root)
    tied = all(test.verdict == SAME for test in tests)
    size = f"{now.megabytes:.1f} MB before, {new.megabytes:.1f} MB after, ratio {ratio:.3f}"
    cheap = ratio <= params.tie_size_ratio
    return [
        Gate("size", ratio <= params.max_size_ratio, size, f"ratio at most {params.max_size_ratio:g}"),
        Gate(
            "latency",
            slower <= params.max_latency_ratio,
            f"ratio {slower:.2f} of predicting {TIMED} products",
            f"at most {params.max_latency_ratio:g}",
        ),
        Gate(
            "tie goes to the cheaper",
            not tied or cheap,
            f"{'a tie' if tied else 'no tie'}; size ratio {ratio:.3f}",
            f"at a tie, size ratio at most {params.tie_size_ratio:g}",
        ),
    ]


def latency_ratio(present: Path, candidate: Path, data: Path) -> float:
    """Return the candidate's time over the present package's, for the same raw products.

    Both predict by turns in this process, and the fastest of `ROUNDS` counts, so that what else the machine
    does weighs little.
    """
    products = run_record.example(data / "data/products.parquet", data / "data/images.parquet", TIMED)
    both = [Predictor(present), Predictor(candidate)]
    for each in both:
        each.predict(products)  # loads the encoders
    seconds = np.empty((ROUNDS, 2))
    for turn in range(ROUNDS):
        for side, each in enumerate(both):
            start = time.perf_counter()
            each.predict(products)
            seconds[turn, side] = time.perf_counter() - start
    first, second = seconds.min(axis=0)
    return float(second / first)


def as_dict(gates: list[Gate]) -> dict[str, Any]:
    """Return the gates as plain values, for a JSON file: `passed`, and each gate by its name."""
    return {"passed": all(gate.passed for gate in gates), "gates": [asdict(gate) for gate in gates]}
