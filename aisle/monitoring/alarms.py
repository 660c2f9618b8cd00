"""Alarms as others read them: a list for `aisle.monitoring.notify`, gauges for Prometheus."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from aisle.monitoring.drift.judge import WORDS

PROMISE = "promise"
"""Name of the alarm that the automatic decisions err more often than was promised."""


@dataclass(frozen=True)
class Alarm:
    """Something that a person must know, once.

    Attributes
    ----------
    key
        What it is of, and when: the same event has the same key in every run.
    name
        Detector, or `PROMISE`.
    batch
        Week that it is of.
    text
        What was found, in one sentence.
    figure
        Name of the report's figure that shows it.
    """

    key: str
    name: str
    batch: str
    text: str
    figure: str

    def plain(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return asdict(self)


def of_batches(detectors: pd.DataFrame, alpha: float) -> list[Alarm]:
    """Return the alarms of `batch`, `detector`, `p_holm` and `alarm`, in the order of the rows."""
    found = []
    rows = detectors[detectors["alarm"]]
    for batch, detector, p in zip(rows["batch"], rows["detector"], rows["p_holm"], strict=True):
        text = (
            f"{WORDS[detector]} in the week of {batch} (p {p:.2g}, corrected for the number of "
            f"detectors; a week without drift alarms with probability {alpha:g} at most)."
        )
        found.append(Alarm(f"{batch}/{detector}", detector, batch, text, "drift"))
    return found


def of_promise(promise: dict[str, Any], batch: str) -> list[Alarm]:
    """Return the alarm that the promise of the automatic decisions is broken; none while it is not proved."""
    if not promise["broken"]:
        return []
    text = (
        f"The promise is broken: at least {promise['automatic_error_low']:.1%} of the automatic "
        f"decisions are wrong, {promise['target_error_share']:.1%} were promised (a bound that holds at "
        "every look)."
    )
    return [Alarm(f"{PROMISE}/{promise['broken_on']}", PROMISE, batch, text, "promise")]


def exposition(detectors: pd.DataFrame, batches: pd.DataFrame, promise: dict[str, Any]) -> str:
    """Return the newest batch's gauges in Prometheus' text format, without a time stamp.

    Parameters
    ----------
    detectors
        batch, detector, p_holm, alarm.
    batches
        batch, expected_accuracy with `_low` and `_high`, products; in the order of time.
    promise
        `broken`, 0 or 1.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    drift = Gauge("aisle_drift_alarm", "1: the newest batch drifted.", ["detector"], registry=registry)
    p = Gauge("aisle_drift_p", "Corrected p value in the newest batch.", ["detector"], registry=registry)
    accuracy = Gauge("aisle_expected_accuracy", "Without labels.", ["bound"], registry=registry)
    products = Gauge("aisle_batch_size", "Products of the newest batch.", registry=registry)
    Gauge("aisle_promise_broken", "1: proved.", registry=registry).set(promise["broken"])
    if len(batches):
        last = batches.iloc[-1]
        for row in detectors[detectors["batch"] == last["batch"]].itertuples(index=False):
            drift.labels(row.detector).set(int(row.alarm))
            p.labels(row.detector).set(row.p_holm)
        for bound, name in (("estimate", ""), ("low", "_low"), ("high", "_high")):
            accuracy.labels(bound).set(round(last[f"expected_accuracy{name}"], 4))
        products.set(last["products"])
    return generate_latest(registry).decode()
