"""Simulate experiments that are looked at after every observation: false alarms, power, and what that costs.

A/A experiments have no difference, so that every "stop: better" or "worse" of theirs is false; with a look at
every step they must be no more than alpha. Power is set against a test of the same data that is looked at
once, at the end. Writes docs/benchmarks/experiments.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, norm
from statsmodels.stats.proportion import proportions_ztest

from aisle.monitoring.experiments import e_process, shadow, split
from aisle.pipeline import atomic, cli

ALPHA = 0.05
PRODUCTS = 2000  # of a paired shadow
UNITS = 2000  # whose arms are counted
LOOKS = 400  # units of an experiment whose effect is followed: its bounds are costly
DISCORDANT = {
    "rare": 0.02,
    "some": 0.10,
    "many": 0.30,
}  # share of the products on which one model alone is right
PAIRED = {"accuracy_plus_2_of_5": (0.015, 0.035), "accuracy_plus_3_of_11": (0.04, 0.07)}  # losses, wins
SHARES = {"declared_50": 0.45, "declared_10": 0.08}  # true share of the second arm
RATES = (0.60, 0.75)


def ever(p: np.ndarray) -> float:
    """Return the share of experiments, rows, whose p value is ever at most alpha."""
    return float((p.min(axis=1) <= ALPHA).mean())


def paired(rng: np.random.Generator, n: int, losses: float, wins: float) -> np.ndarray:
    """Return the differences (n, PRODUCTS) of n paired shadows."""
    drawn = rng.random((n, PRODUCTS))
    return np.where(drawn < losses, -1, np.where(drawn < losses + wins, 1, 0))


def paired_figures(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Return false alarms by how often the models differ, and power beside McNemar's test."""
    found: dict[str, Any] = {}
    for name, share in DISCORDANT.items():
        p = e_process.p_values(shadow.log_evidence(paired(rng, n, share / 2, share / 2)))
        found[f"false_alarms_{name}"] = ever(p)
    for name, (losses, wins) in PAIRED.items():
        differences = paired(rng, n, losses, wins)
        p = e_process.p_values(shadow.log_evidence(differences))
        won, lost = (differences == 1).sum(axis=1), (differences == -1).sum(axis=1)
        fixed = 2 * binom.cdf(np.minimum(won, lost), won + lost, 0.5)
        stopped = np.where(p.min(axis=1) <= ALPHA, (p <= ALPHA).argmax(axis=1) + 1, PRODUCTS)
        found[f"power_{name}"] = ever(p)
        found[f"power_{name}_fixed_sample"] = float((fixed <= ALPHA).mean())
        found[f"products_until_stop_{name}"] = float(stopped.mean())
    return found


def ratio_figures(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Return false alarms of the sample-ratio check, and how often a planted mismatch is found."""
    found: dict[str, Any] = {}
    for name, actual in SHARES.items():
        declared = int(name.removeprefix("declared_")) / 100
        drawn = rng.random((n, UNITS))
        honest = e_process.p_values(split.mismatch(drawn < declared, declared))
        broken = e_process.p_values(split.mismatch(drawn < actual, declared))
        z = ((drawn < actual).mean(axis=1) - declared) / np.sqrt(declared * (1 - declared) / UNITS)
        found[f"false_alarms_{name}"] = ever(honest)
        found[f"found_{name}"] = ever(broken)
        found[f"found_{name}_fixed_sample"] = float((2 * norm.sf(np.abs(z)) <= ALPHA).mean())
    return found


def effect_figures(rng: np.random.Generator, n: int, n_sequences: int) -> dict[str, Any]:
    """Return false alarms and power of the test of an effect, and how often its interval is ever wrong."""
    second, drawn = rng.random((n, LOOKS)) < 0.5, rng.random((n, LOOKS))
    success = drawn < np.where(second, RATES[1], RATES[0])
    same, other = (
        e_process.p_values(split.log_evidence(second, each, 0.5)) for each in (drawn < RATES[0], success)
    )
    fixed = [
        proportions_ztest([s[arm].sum(), s[~arm].sum()], [arm.sum(), (~arm).sum()])[1]
        for arm, s in zip(second, success, strict=True)
    ]
    missed = 0
    for arm, s in zip(second[:n_sequences], success[:n_sequences], strict=True):
        values = split.effects(arm, s, 0.5)
        low, high = e_process.confidence_sequence(values, -2.0, 2.0, 1 - ALPHA)
        missed += bool(((low > RATES[1] - RATES[0]) | (high < RATES[1] - RATES[0])).any())
    return {
        "units": LOOKS,
        "false_alarms": ever(same),
        "power": ever(other),
        "power_fixed_sample": float((np.array(fixed) <= ALPHA).mean()),
        "sequences": n_sequences,
        "sequences_ever_wrong": missed / n_sequences,
    }


def simulate(n: int, n_sequences: int) -> dict[str, Any]:
    """Return all figures.

    Parameters
    ----------
    n
        Experiments of each kind.
    n_sequences
        Of those of the last kind, whose effect is followed by a confidence sequence too.
    """
    streams = [np.random.default_rng([2026, k]) for k in range(3)]
    return {
        "alpha": ALPHA,
        "experiments": n,
        "paired": {"products": PRODUCTS, **paired_figures(streams[0], n)},
        "ratio": {"units": UNITS, **ratio_figures(streams[1], n)},
        "effect": effect_figures(streams[2], n, n_sequences),
    }


def main() -> None:
    """Read the command line, simulate, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiments", type=int, default=2000, metavar="N", help="of each kind (2000)")
    parser.add_argument(
        "--sequences", type=int, default=2000, metavar="N", help="followed by a confidence sequence (2000)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("docs/benchmarks/experiments.json"), metavar="PATH",
        help="(docs/benchmarks/experiments.json)",
    )  # fmt: skip
    args = parser.parse_args()
    found = simulate(args.experiments, args.sequences)
    atomic.write_text(args.output, json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    cli.run(main)
