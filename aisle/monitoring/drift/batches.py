"""Every batch of a stream against the reference, and the promise over all of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.monitoring.drift import accuracy, correctness, judge, latency, promise
from aisle.monitoring.observed import Observed
from aisle.monitoring.said import RANDOM
from aisle.monitoring.stream import Predicted, StreamParams
from aisle.pipeline.params import Section
from aisle.pipeline.tables import KEY

DETECTORS = ["batch", "detector", "p", "p_holm", "alarm"]
SHARES = ["batch", "category", "share", "share_predicted", "share_em", "share_bbse"]
PROMISED = [KEY, "ended", "error", "error_low"]
BATCHES = [
    "batch",
    "products",
    "alarms",
    "expected_accuracy",
    "expected_accuracy_low",
    "expected_accuracy_high",
]
BATCHES += ["reviewed", "reviewed_accuracy", "reviewed_accuracy_low", "reviewed_accuracy_high"]


class PromiseParams(Section):
    """What is watched where the package promises nothing itself.

    Parameters
    ----------
    threshold
        Probability from which on a decision counts as automatic.
    target_error
        Share of these that may be wrong.
    """

    threshold: float = Field(gt=0, lt=1)
    target_error: float = Field(gt=0, lt=1)


class MonitoringParams(Section):
    """Section `monitoring`.

    Parameters
    ----------
    stream
        Folder of the new products (aisle/monitoring/stream.py).
    columns
        Where they have what is read of them.
    drift
        How a batch is judged.
    promise
        What is watched where the package has no threshold; with a threshold its own promise is watched.
    """

    stream: str
    columns: StreamParams
    drift: judge.DriftParams
    promise: PromiseParams


@dataclass(frozen=True)
class Found:
    """What a stream says.

    Attributes
    ----------
    batches, detectors, shares, promised
        Tables with the columns `BATCHES`, `DETECTORS`, `SHARES`, `PROMISED`.
    product_p
        (n,): conformal p value of each product of the weeks that have a new kind, NaN of the others.
    metrics
        For metrics/monitoring.json.
    """

    batches: pd.DataFrame
    detectors: pd.DataFrame
    shares: pd.DataFrame
    promised: pd.DataFrame
    product_p: np.ndarray
    metrics: dict[str, Any]


def watched(
    table: pd.DataFrame, decision: dict[str, Any], assumed: PromiseParams
) -> tuple[pd.DataFrame, float]:
    """Return the automatic decisions that were drawn for review, by its end, and the target error.

    Parameters
    ----------
    table
        Of `stream.Predicted`.
    decision
        Of the package.
    assumed
        Used where the package has no threshold.
    """
    if decision.get("threshold") is not None:
        automatic, target = ~table["send_to_person"].to_numpy(bool), float(decision["target_error"])
    else:
        automatic, target = (table["confidence"] >= assumed.threshold).to_numpy(), assumed.target_error
    rows = table[automatic & table["label"].notna() & (table["strategy"] == RANDOM)]
    return rows.sort_values(["ended", KEY], ignore_index=True), target


def judge_all(
    reference: Observed, predicted: Predicted | None, decision: dict[str, Any], params: MonitoringParams
) -> Found:
    """Judge every batch of a stream; empty tables where it has not begun.

    Parameters
    ----------
    reference
        What the champion learned from.
    predicted
        The stream.
    decision
        Of the champion's package.
    params
        Section `monitoring`.
    """
    if predicted is None:
        columns = BATCHES, DETECTORS, SHARES, PROMISED
        rows, detectors, shares, promised = (pd.DataFrame(columns=each) for each in columns)
        detectors = detectors.astype({"alarm": bool})
        return Found(rows, detectors, shares, promised, np.empty(0), {"batches": 0, "alarms": 0, "broken": 0})
    of_detectors, of_shares, figures = [], [], []
    rng = np.random.default_rng(params.drift.seed)
    model = correctness.fit(reference, params.drift.n_neighbors, rng)
    product_p = np.full(len(predicted.table), np.nan)
    week = predicted.table["batch"].to_numpy(str)
    weeks = [str(each) for each in np.unique(week)]
    slow = latency.by_week(predicted.answers, weeks, params.drift.n_permutations, rng)
    for number, batch in enumerate(weeks):
        places = np.flatnonzero(week == batch)
        own = predicted.observed.take(places)
        others = {judge.LATENCY: slow[batch]} if batch in slow else None
        found = judge.judge(reference, own, params.drift, number, others)
        if found.alarm(judge.NEW_KIND):  # else a small p value is one of the usual share
            product_p[places[judge.apart(reference.group, own.group)]] = found.novelty.product_p
        of_detectors.append(found.detectors.assign(batch=batch))
        of_shares.append(found.shares.assign(batch=batch))
        expected = accuracy.estimate(model, own, params.drift.confidence, params.drift.n_bootstrap, rng)
        figures.append({"batch": batch, **judge.figures(found, expected, own)})
    every = pd.concat(of_detectors, ignore_index=True)[DETECTORS].astype({"alarm": bool})
    promised, kept = watch(predicted.table, decision, params)
    metrics = {"batches": len(figures), "alarms": int(every["alarm"].sum()), **kept}
    metrics |= {row["batch"]: {key: value for key, value in row.items() if key != "batch"} for row in figures}
    table = pd.DataFrame(figures).reindex(columns=BATCHES)
    return Found(table, every, pd.concat(of_shares, ignore_index=True)[SHARES], promised, product_p, metrics)


def watch(
    table: pd.DataFrame, decision: dict[str, Any], params: MonitoringParams
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the error of the automatic decisions, review by review, and what is to be told of it."""
    rows, target = watched(table, decision, params.promise)
    wrong = (rows["predicted"] != rows["label"]).to_numpy(bool)
    kept = promise.watch(wrong, target, params.drift.alpha)
    promised = rows[[KEY, "ended"]].assign(error=kept.error, error_low=kept.low)
    told: dict[str, Any] = {
        "promise_assumed": decision.get("threshold") is None,
        "target_error_share": target,
        "automatic_reviewed": len(rows),
        "automatic_wrong": int(wrong.sum()),
        "broken": int(kept.broken_at is not None),
        "broken_on": None if kept.broken_at is None else rows["ended"].iloc[kept.broken_at],
    }
    if len(rows):
        from statsmodels.stats.proportion import proportion_confint

        error = float(kept.error[-1])
        high = float(proportion_confint(int(wrong.sum()), len(rows), params.drift.alpha, "beta")[1])
        told |= {
            "automatic_error": error,
            "automatic_error_low": float(kept.low[-1]),
            "automatic_error_high": high,
        }
    return promised, told
