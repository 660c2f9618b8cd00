"""How much a committed metric may move without meaning anything, by naming rules, and what moved beyond it.

The rules stand in docs/data_dictionary.md, "Noise of a metric". No metric is without one: a number that none
fits is `UNSTATED`, and a test says so of the repository's own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

SIBLINGS = ("_sd", "_low", "_high", "_standard_error", "_p", "_p_holm")
"""What a metric may have beside it: parts of one statement, of which the metric alone is told."""
SDS = 1.96
"""Standard deviations (errors) on each side in 95 % of a normal distribution."""

INTERVAL, SPREAD, BORROWED, SHARE = "interval", "sd", "of", "share of"
NONE, ELSEWHERE, UNSTATED = "none by definition", "judged by its scores", "unstated"
"""Where a metric's noise is from."""

SHARES = {
    "changed_by_*_alone": "n",
    "image_moved_more": "n",
    "issues_share": "products",
    "precision": "issues",
    "recall": "known_errors",
    "recall_at_known": "known_errors",
    "suggestion_accuracy": "known_errors",
    "*_accuracy_without_picture": "products_without_picture",
    "*_accuracy_without_text": "products_without_text",
}
"""Shares of things counted beside them: name (pattern) to the count; their noise is binomial (Wilson)."""
LENDERS = {"drop_hottest": "difference", "drop_random": "difference", "accuracy_ungrouped_*": "optimism_*"}
"""Metrics that are measured as another one is, whose name theirs does not begin with."""
DEFINED = (
    "*_share", "*_reduction", "*_megabytes", "median_*", "variance", "standard_errors", "published_*",
    "name_*", "word_*", "forecast_*",
)  # fmt: skip
"""Numbers with a point that are settings, or facts of the catalogue's texts and files."""
FITTED = (
    "*temperature", "*mean_weight_*", "phi_*", "best_k", "*_p", "*_p_holm", "*_sd", "*_standard_error",
    "guaranteed_*", "threshold",
)  # fmt: skip
"""What is fitted or chosen by a score, and statements about one: that score is judged, and not they."""
ROUNDING = {"ari*": 0.01, "*megabytes": 0.1}
"""Differences that the committed metrics do not tell (the writer's digits), where not `SCORE_ROUNDING`."""
SCORE_ROUNDING = 1e-4

UNCHANGED, BEYOND, WITHIN, UNJUDGED, NEW, GONE = (
    "unchanged",
    "beyond noise",
    "within noise",
    "-",
    "new",
    "gone",
)
CHANGED, INCOMPARABLE = "changed", "not comparable"
TOLD = (CHANGED, INCOMPARABLE, BEYOND)
"""Verdicts that a reviewer must know."""


@dataclass(frozen=True)
class Noise:
    """Half the width of what may be chance (0: nothing; infinite: not judged), and where that is from."""

    half: float
    source: str

    def __str__(self) -> str:
        """Return it for a table's cell."""
        return f"{self.half:.2g} ({self.source})" if 0 < self.half < math.inf else self.source


@dataclass(frozen=True)
class Change:
    """One metric at two revisions; `noise` is of the difference, None where that is not of numbers."""

    before: Any
    after: Any
    noise: Noise | None
    verdict: str

    @property
    def difference(self) -> float:
        """After minus before; 0 where they are no numbers."""
        numbers = is_number(self.before) and is_number(self.after)
        return float(self.after - self.before) if numbers else 0.0

    @property
    def size(self) -> float:
        """The difference in units of its noise; infinite where there is none."""
        if not self.noise or not self.noise.half:
            return math.inf
        return abs(self.difference) / self.noise.half


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether `value` is a finite number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def same(before: Any, after: Any) -> bool:
    """Return whether two values are equal, NaN being equal to NaN."""
    return bool(before == after or (before != before and after != after))


def split(key: str) -> tuple[str, str]:
    """Return the prefix of a dotted key, with its last dot, and its name."""
    head, dot, name = key.rpartition(".")
    return head + dot, name


def first_match(name: str, rules: Mapping[str, Any]) -> Any:
    """Return the value of the first pattern that fits a name, None if none does."""
    return next((value for pattern, value in rules.items() if fnmatchcase(name, pattern)), None)


def rounding(key: str) -> float:
    """Return the difference below which two committed values of a metric are the same."""
    return float(first_match(split(key)[1], ROUNDING) or SCORE_ROUNDING)


def is_sibling(key: str, metrics: Mapping[str, Any]) -> bool:
    """Return whether a metric is part of another's statement: its interval, sd or p value."""
    return any(key.endswith(end) and key.removesuffix(end) in metrics for end in SIBLINGS)


def measured(key: str, metrics: Mapping[str, Any]) -> Noise | None:
    """Return the noise that is stated beside a metric: interval before standard error before sd."""
    low: Any = metrics.get(f"{key}_low")
    high: Any = metrics.get(f"{key}_high")
    if is_number(low) and is_number(high) and low <= high:
        return Noise((high - low) / 2, INTERVAL)
    for end in ("_standard_error", "_sd"):
        sd: Any = metrics.get(f"{key}{end}")
        if is_number(sd) and sd >= 0:
            return Noise(SDS * sd, SPREAD)
    return None


def lender(key: str, metrics: Mapping[str, Any]) -> str | None:
    """Return whose noise an unmeasured metric takes: by `LENDERS`, or the longest beginning of its name."""
    head, name = split(key)
    for pattern, other in LENDERS.items():
        if fnmatchcase(name, pattern):
            return head + other.replace("*", name.removeprefix(pattern.rstrip("*")))
    parts = name.split("_")
    beginnings = [head + "_".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]
    return next((each for each in beginnings if measured(each, metrics)), None)


def share_noise(share: float, count: Any) -> float:
    """Return half of Wilson's 95 % interval of a share of `count` things; infinite of none."""
    from scipy.stats import binomtest

    if not is_number(count) or count < 1:
        return math.inf
    hits = min(max(round(share * count), 0), round(count))
    found = binomtest(hits, round(count)).proportion_ci(0.95, method="wilson")
    return float(found.high - found.low) / 2


def noise(key: str, metrics: Mapping[str, Any]) -> Noise:
    """Return the noise of a metric at one revision; the first rule that fits decides.

    Parameters
    ----------
    key
        Dotted key of the metric, such as `text_baseline.cv_accuracy`.
    metrics
        All of its file, flat.
    """
    value, (head, name) = metrics[key], split(key)
    if found := measured(key, metrics):
        return found
    if any(fnmatchcase(name, pattern) for pattern in FITTED):
        return Noise(math.inf, ELSEWHERE)
    if not isinstance(value, float):
        return Noise(0.0, NONE)
    if count := first_match(name, SHARES):
        return Noise(share_noise(value, metrics.get(head + count)), f"{SHARE} {count}")
    if any(fnmatchcase(name, pattern) for pattern in DEFINED):
        return Noise(0.0, NONE)
    other = lender(key, metrics)
    if other and (found := measured(other, metrics)):
        return Noise(found.half, f"{BORROWED} {split(other)[1]}")
    return Noise(math.inf, UNSTATED)


def change(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """Judge one metric of a file at two revisions.

    It is beyond noise if it moved by more than 95 of 100 revisions would that were measured independently:
    the root of both noises' squares. That they share products makes this careful.
    """
    old, new = before.get(key), after.get(key)
    if same(old, new):
        return Change(old, new, None, UNCHANGED)
    if old is None or new is None:
        return Change(old, new, None, NEW if old is None else GONE)
    if not (is_number(old) and is_number(new)):
        numbers = isinstance(old, int | float) and isinstance(new, int | float)
        return Change(old, new, None, INCOMPARABLE if numbers and not isinstance(old, bool) else CHANGED)
    sides = [noise(key, side) for side in (before, after)]
    step = rounding(key) if isinstance(old, float) or isinstance(new, float) else 0.0
    source = next((side.source for side in sides if side.source != NONE), NONE)
    half = math.hypot(*(side.half for side in sides))
    found = Noise(
        max(half, step) if half else 0.0, source
    )  # a rounded score may move by one step for nothing
    moved = abs(new - old)
    if moved < step * (1 - 1e-9):
        return Change(old, new, found, UNCHANGED)
    if math.isinf(half):
        return Change(old, new, found, UNJUDGED)
    return Change(old, new, found, WITHIN if half and moved <= found.half * (1 + 1e-9) else BEYOND)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """Return the change of every metric of one file, siblings excepted, in the order of their keys."""
    known = {**before, **after}
    keys = [key for key in sorted(known) if not is_sibling(key, known)]
    return {key: change(key, before, after) for key in keys}
