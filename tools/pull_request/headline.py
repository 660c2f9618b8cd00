"""What a reviewer must know first: the verdict on the champion, its figures, paired tests of the roles."""

from dataclasses import dataclass
from typing import Any

from aisle.evaluation.metric_noise import BEYOND, GONE, NEW, UNCHANGED, Change, change, is_number
from aisle.evaluation.revision_comparison import ROLES, PairedTest, paired_test, read_table
from aisle.pipeline.errors import AisleError
from tools.pull_request.figures import of_role
from tools.pull_request.markdown import code
from tools.pull_request.snapshot import PAIRED, Flat, Snapshot

MODELS, CHOICE = "metrics/models.json", "metrics/champion.json"
SCORES = {
    "cv_accuracy": "accuracy",
    "cv_macro_f1": "macro F1",
    "cv_coverage_at_target_error": "decided automatically",
    "cv_error_at_coverage": "errors among these",
}
SIZE = "champion_megabytes"


@dataclass(frozen=True)
class RoleTest:
    """A role's models before and after (None: not known) and their paired test, or why there is none."""

    role: str
    models: tuple[str | None, str | None]
    test: PairedTest | None
    why_not: str = ""


def champion(snapshot: Snapshot) -> str | None:
    """Return the name of the champion, None where there is none."""
    return snapshot.metrics.get(CHOICE, {}).get("champion")


def champion_scores(snapshot: Snapshot) -> Flat:
    """Return the champion's scores and the size of its package, by their names without the model's."""
    head = f"{champion(snapshot)}."
    scores = snapshot.metrics.get(MODELS, {})
    own = {key.removeprefix(head): value for key, value in scores.items() if key.startswith(head)}
    return own | {SIZE: snapshot.metrics.get(CHOICE, {}).get(SIZE)}


def percent(value: Any, low: Any = None, high: Any = None) -> str:
    """Return a share in percent, with its interval if there is one."""
    if not is_number(value):
        return "-"
    interval = f" [{low:.1%}, {high:.1%}]".replace("%", "") if is_number(low) and is_number(high) else ""
    return f"{value:.1%}{interval}"


def points(value: float) -> str:
    """Return a difference of shares in points of percent, with its sign."""
    return f"{100 * value:+z.1f}"


def told(moved: Change, show: str) -> str:
    """Return in words how a figure of the headline moved."""
    if moved.verdict == UNCHANGED:
        return "" if moved.after is None else "same"
    return moved.verdict if moved.verdict in (NEW, GONE) else f"{show}, {moved.verdict}"


def champion_rows(old: Snapshot, new: Snapshot) -> list[list[str]]:
    """Return figure, before, after and change of the champion's headline figures; none without a champion."""
    names = [champion(side) for side in (old, new)]
    if names == [None, None]:
        return []
    before, after = champion_scores(old), champion_scores(new)
    changed = "same" if names[0] == names[1] else "changed" if all(names) else ""
    rows = [["model", *(code(name) if name else "-" for name in names), changed]]
    targets = [decision[0]["target_error"] for side in (new, old) if (decision := decisions(side))]
    for key, label in SCORES.items():
        cells = [percent(*(side.get(key + end) for end in ("", "_low", "_high"))) for side in (before, after)]
        moved = change(key, before, after)
        target = f", at most {targets[0]:.1%} wanted" if targets and key == "cv_error_at_coverage" else ""
        rows.append([label + target, *cells, told(moved, f"{points(moved.difference)} points")])
    sizes = [f"{size:.1f} MB" if is_number(size := side.get(SIZE)) else "-" for side in (before, after)]
    moved = change(SIZE, before, after)
    size = told(moved, f"{moved.difference:+.1f} MB").removesuffix(f", {BEYOND}")  # a size has no noise
    return [*rows, ["package", *sizes, size]]


def decisions(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the champion's row of the table of decisions, if there is one."""
    return of_role(snapshot.figures.get("decision", []), "champion")[1]


def model_of(snapshot: Snapshot, role: str) -> str | None:
    """Return the name of a role's model."""
    return of_role(snapshot.figures.get("confusion", []), role)[0]


def role_tests(old: Snapshot, new: Snapshot, base: str, head: str) -> list[RoleTest]:
    """Return the paired test of each role, the champion first; two roles of the same models are told once."""
    lacking = [code(name) for name, side in ((base, old), (head, new)) if side.paired is None]
    tests: list[RoleTest] = []
    for role in ROLES:
        models = (model_of(old, role), model_of(new, role))
        if models != (None, None) and models in [each.models for each in tests]:
            continue
        if old.paired is None or new.paired is None:
            why = f"{code(PAIRED)} (who is right on which product) is not in Git at {' and '.join(lacking)}"
            tests.append(RoleTest(role, models, None, why))
            continue
        try:
            before, after = read_table(old.paired, PAIRED), read_table(new.paired, PAIRED)
            tests.append(RoleTest(role, models, paired_test(before, after, role)))
        except AisleError as error:
            tests.append(RoleTest(role, models, None, " ".join(str(error).split())))
    return tests


def p_value(p: float) -> str:
    """Return a p value as text."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def test_rows(tests: list[RoleTest]) -> list[list[str]]:
    """Return role, models, accuracy before and after, difference, p and verdict of each test."""
    rows = []
    for each in tests:
        if test := each.test:
            models = " to ".join(code(name) for name in dict.fromkeys(each.models) if name)
            shares = f"{test.before:.1%}", f"{test.after:.1%}"
            interval = f"{points(test.difference)} [{points(test.low)}, {points(test.high)}]"
            rows.append([each.role, models, *shares, interval, f"{test.p:.2g}", test.verdict])
    return rows


def sentence(test: PairedTest) -> str:
    """Return what the champion's paired test found, with its numbers."""
    alone = [
        f"{count} {when}"
        for count, when in ((test.before_alone, "before"), (test.after_alone, "after"))
        if count
    ]
    apart = f" Not compared: {' and '.join(alone)}, of one revision alone." if alone else ""
    size = f"{test.products} products in {test.groups} groups"
    if test.low == test.high == 0:
        return f"It is right and wrong on the same of {size}, {test.after:.1%} right.{apart}"
    interval = f"{points(test.difference)} points [{points(test.low)}, {points(test.high)}]"
    right = f"Right on {test.before:.1%} before and {test.after:.1%} after"
    return f"{right}: {interval}, {p_value(test.p)}; {size}.{apart}"


def verdict(old: Snapshot, new: Snapshot, tests: list[RoleTest]) -> tuple[str, str]:
    """Return the comment's title, one line, and what it rests on, a sentence or two."""
    before, after = champion(old), champion(new)
    if before is None and after is None:
        return "no champion, before or after", "Neither revision has metrics of a champion."
    if before is None:
        return f"first results, the champion is {code(after)}", "There is nothing to compare them with."
    if after is None:
        return f"the champion {code(before)} is gone", "The new revision has no metrics of a champion."
    models = (
        f"{code(after)} stays champion" if before == after else f"champion {code(before)} to {code(after)}"
    )
    first = next(each for each in tests if each.role == "champion")
    if first.test is None:
        return f"{models}, not tested", f"No paired test can be made: {first.why_not}."
    return f"{models}, {first.test.verdict}", sentence(first.test)
