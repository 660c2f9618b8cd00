"""What to do with an experiment: stop, go on, or stop because there is nothing to find."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aisle.monitoring.experiments import shadow, split
from aisle.monitoring.experiments.declaration import Experiment, Shadow, Split
from aisle.pipeline.errors import AisleError, some

BETTER, WORSE, GO_ON, NOTHING, BROKEN, EMPTY = (
    "stop: the new one is better",
    "stop: the new one is worse",
    "go on",
    "stop: nothing to find",
    "stop: the split is not the declared one",
    "no observation yet",
)
"""Verdicts."""
POWER = 0.8
"""Of the forecast of how many units an experiment needs."""
POINTS = 120
"""Looks of an experiment that the report draws, at most."""
LOOKS = ["experiment", "at", "units", "effect", "effect_low", "effect_high", "p"]
"""Columns of the table of looks."""


def verdict(p: float, low: float, high: float, effect: float, declared: Experiment, ended: bool) -> str:
    """Return what to do, from a p value and an interval that hold at every look.

    Parameters
    ----------
    p
        That there is no difference.
    low, high, effect
        The difference's interval, and its estimate.
    declared
        The experiment.
    ended
        Whether its last day is over.

    Returns
    -------
    str
        Nothing to find: any difference left is smaller than the smallest that would matter, or the experiment
        ended.
    """
    if p <= declared.alpha:
        return BETTER if effect > 0 else WORSE
    matters = declared.smallest_effect
    if ended or (low > -matters and high < matters):
        return NOTHING
    return GO_ON


def analyse_shadow(declared: Shadow, products: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the figures of a paired shadow, and its looks.

    Parameters
    ----------
    declared
        The experiment.
    products
        See `shadow.judged`; all days.
    """
    rows = shadow.judged(between(products, "date", declared))
    waiting = between(products, "date", declared)
    waiting = waiting[(waiting["predicted"] != waiting["challenger"]) & waiting["label"].isna()]
    counts = {"units": len(rows), "discordant": int((rows["difference"] != 0).sum())}
    if rows.empty:
        return {"verdict": EMPTY, **counts, "waiting": len(waiting)}, pd.DataFrame(columns=LOOKS[1:])
    found = shadow.compare(rows["difference"].to_numpy(float), 1 - declared.alpha)
    effect = found.differences.cumsum() / np.arange(1, len(rows) + 1)
    looks = pd.DataFrame(
        {
            "at": rows["date"],
            "units": np.arange(1, len(rows) + 1),
            "effect": effect,
            "effect_low": found.low,
            "effect_high": found.high,
            "p": found.p,
        }
    )
    last, ended = looks.iloc[-1], products["date"].max() > f"{declared.end:%Y-%m-%d}"
    told = verdict(last["p"], last["effect_low"], last["effect_high"], last["effect"], declared, bool(ended))
    return {"verdict": told, **counts, "waiting": len(waiting), **_last(looks)}, looks


def analyse_split(name: str, declared: Split, events: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the figures of split traffic, and its looks.

    Parameters
    ----------
    name, declared
        The experiment.
    events
        experiment, at (ISO day), unit, arm, success (0 or 1), of all experiments.

    Raises
    ------
    AisleError
        If an event has an arm that was not declared, or not the one that its unit has by its hash.
    """
    own = events[events["experiment"] == name]
    arms = [*declared.arms]
    rows = split.first_of_each(between(own, "at", declared))
    if unknown := sorted({*rows["arm"]} - {*arms}):
        raise AisleError(f"events of {name} must have the arms {some(arms)}; some have {some(unknown)}")
    wrong = [
        unit
        for unit, arm in zip(rows["unit"], rows["arm"], strict=True)
        if split.assign(unit, name, declared.arms) != arm
    ]
    if wrong:
        raise AisleError(
            f"units of {name} must have the arm of their hash; not so {some(wrong)}. What assigns them must "
            "call aisle.monitoring.experiments.split.assign with the declared arms."
        )
    if rows.empty:
        return {"verdict": EMPTY, "units": 0}, pd.DataFrame(columns=LOOKS[1:])
    second = (rows["arm"] == arms[1]).to_numpy()
    success, share = rows["success"].to_numpy(int) == 1, declared.arms[arms[1]]
    found = split.compare(second, success, share, 1 - declared.alpha)
    days = rows["at"].to_numpy(str)
    looks = pd.DataFrame(
        {
            "at": days,
            "units": np.arange(1, len(rows) + 1),
            "effect": found.effect,
            "effect_low": found.low,
            "effect_high": found.high,
            "p": found.p,
        }
    )
    last = looks.iloc[-1]
    ended = own["at"].max() > f"{declared.end:%Y-%m-%d}"
    if found.mismatch_p[-1] <= declared.alpha:
        told = BROKEN
    else:
        told = verdict(
            last["p"], last["effect_low"], last["effect_high"], last["effect"], declared, bool(ended)
        )
    figures = {
        "verdict": told,
        "units": len(rows),
        "second_arm_units": int(second.sum()),
        "mismatch_p": float(found.mismatch_p[-1]),
        **_last(looks),
        **forecast(second, success, share, declared, len({*days})),
    }
    return figures, looks


def forecast(
    second: np.ndarray, success: np.ndarray, share: float, declared: Split, days: int
) -> dict[str, Any]:
    """Return the units and days that would find the smallest effect that matters, and the power now.

    By a test that is looked at once: one that may be looked at whenever needs more, so that this is the
    least. Nothing is forecast until the first arm has a unit.
    """
    first = success[~second]
    if not len(first):
        return {}
    rate = (first.sum() + 0.5) / (len(first) + 1)
    needed = split.units_needed(rate, declared.smallest_effect, share, declared.alpha, POWER)
    return {
        "forecast_units": math.ceil(needed),
        "forecast_days": math.ceil(max(needed - len(second), 0) * days / len(second)),
        "forecast_power": split.power_of(len(second), rate, declared.smallest_effect, share, declared.alpha),
    }


def _last(looks: pd.DataFrame) -> dict[str, float]:
    """Return the last look's figures, the p value named as metrics are."""
    last = looks.iloc[-1]
    named = {name: float(last[name]) for name in ("effect", "effect_low", "effect_high")}
    return {**named, "effect_p": float(last["p"])}


def between(table: pd.DataFrame, column: str, declared: Experiment) -> pd.DataFrame:
    """Return the rows whose day is one of the experiment's."""
    first, last = f"{declared.start:%Y-%m-%d}", f"{declared.end:%Y-%m-%d}"
    return table[(table[column] >= first) & (table[column] <= last)]


def thinned(looks: pd.DataFrame) -> pd.DataFrame:
    """Return at most `POINTS` looks, the first and the last among them."""
    if len(looks) <= POINTS:
        return looks
    return looks.iloc[np.unique(np.linspace(0, len(looks) - 1, POINTS).round().astype(int))]


def analyse(
    declared: Mapping[str, Shadow | Split], products: pd.DataFrame, events: pd.DataFrame
) -> tuple[dict[str, dict[str, Any]], pd.DataFrame]:
    """Return the figures of every experiment by its name, and a table of their looks.

    Parameters
    ----------
    declared
        Of `declaration.read`.
    products
        See `analyse_shadow`.
    events
        See `analyse_split`.
    """
    figures, looks = {}, []
    for name, each in declared.items():
        if isinstance(each, Shadow):
            figures[name], rows = analyse_shadow(each, products)
        else:
            figures[name], rows = analyse_split(name, each, events)
        figures[name] = {"title": each.title, "kind": each.kind, "alpha_share": each.alpha, **figures[name]}
        if len(rows):
            looks.append(thinned(rows).assign(experiment=name)[LOOKS])
    return figures, pd.concat(looks, ignore_index=True) if looks else pd.DataFrame(columns=LOOKS)
