"""Confusion matrices, risk and coverage of the roles' models at two revisions, as folded tables."""

from tools.pull_request.markdown import code, folded, html_code, plural, table
from tools.pull_request.snapshot import Row

ROLES = ("champion", "best", "baseline")
ERRORS = (0.005, 0.01, 0.02, 0.05)  # levels at which the coverage is shown


def of_role(rows: list[Row], role: str) -> tuple[str | None, list[Row]]:
    """Return the name of a role's model, None where there is none, and its rows."""
    found = [row for row in rows if row["role"] == role]
    return (found[0]["model"] if found else None), found


def confusion_rows(before: list[Row], after: list[Row]) -> list[list[str]]:
    """Return true category, predicted one, products before, after and change of the cells that differ.

    The largest change comes first. Products are means over repeats; less than 0.05 is no change.
    """
    old, new = (
        {(row["actual"], row["predicted"]): row["products"] for row in side} for side in (before, after)
    )
    rows = []
    for key in old.keys() | new.keys():
        a, b = old.get(key, 0.0), new.get(key, 0.0)
        if abs(b - a) >= 0.05:
            right = " (right)" * (key[0] == key[1])
            cells = [code(key[0]), code(key[1]) + right, f"{a:.1f}", f"{b:.1f}", f"{b - a:+.1f}"]
            rows.append((-abs(b - a), key, cells))
    return [cells for _, _, cells in sorted(rows)]


def wrong(rows: list[Row]) -> float:
    """Return how many products are in a wrong category."""
    return sum(row["products"] for row in rows if row["actual"] != row["predicted"])


def coverage_at(curve: list[Row], error: float) -> float:
    """Return the largest share of products, the most certain first, with at most this share of errors."""
    return max((row["coverage"] for row in curve if row["error"] <= error), default=0.0)


def risk_rows(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> list[list[str]]:
    """Return what is told of risk and coverage, before, after and change, if anything of it differs."""

    def told(side: dict[str, list[Row]]) -> dict[str, tuple[float, str]]:
        decision = side["decision"][0] if side["decision"] else {}
        target = decision.get("target_error")
        lines = {
            f"coverage at {error:.1%} errors": (coverage_at(side["curve"], error), "{:.1%}")
            for error in ERRORS
        }
        if target is not None:
            lines["threshold for new products"] = (decision["threshold"], "{:.4f}")
            lines[f"decided automatically, target {target:.1%}"] = (decision["coverage"], "{:.1%}")
            lines["errors among these"] = (decision["error"], "{:.2%}")
        return lines

    old, new = told(before), told(after)
    rows = []
    for name in dict.fromkeys([*old, *new]):
        cells = [side[name][1].format(side[name][0]) if name in side else "-" for side in (old, new)]
        rows.append([name, *cells, "" if cells[0] == cells[1] else "changed"])
    return rows if any(row[-1] for row in rows) else []


def figures(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> list[str]:
    """Return the figures that changed as folded tables: confusion matrix, risk and coverage of each role."""
    parts: list[str] = []
    shown: set[tuple[str | None, str | None]] = set()
    for role in ROLES:
        sides = [{name: of_role(rows, role)[1] for name, rows in side.items()} for side in (before, after)]
        names = [next((rows[0]["model"] for rows in side.values() if rows), None) for side in sides]
        pair = (names[0], names[1])
        if pair in shown or pair == (None, None):
            continue
        shown.add(pair)
        models = " to ".join(html_code(name) for name in dict.fromkeys(pair) if name)
        if None in pair:
            parts.append(f"The {role} {models} is {'new' if names[0] is None else 'gone'}.")
            continue
        old, new = sides
        if cells := confusion_rows(old["confusion"], new["confusion"]):
            counts = f"{wrong(old['confusion']):.1f} to {wrong(new['confusion']):.1f} products wrong"
            title = (
                f"Confusion matrix of the {role} ({models}): {plural(len(cells), 'cell')} changed, {counts}"
            )
            parts.append(folded(title, table("true, predicted, before, after, change", cells)))
        if lines := risk_rows(old, new):
            title = f"Risk and coverage of the {role} ({models})"
            parts.append(folded(title, table("figure, before, after, ", lines)))
    return parts
