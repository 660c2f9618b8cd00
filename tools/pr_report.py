"""Print what a pull request changes, as GitHub Markdown: metrics, figures, params, stages, DAG, stale stages.

Reads only what Git holds at two revisions (dvc.yaml, dvc.lock, params.yaml, committed metrics, code), through
DVC; it needs no data, no cache and no checkout of either revision, and sees nothing that is not committed.

A metric ``x`` may have the siblings ``x_sd`` (standard deviation over seeds or folds) and ``x_low``,
``x_high`` (interval) beside it. Its change is set against sqrt((sd_before^2 + sd_after^2) / 2).
Figures are the committed tables of `FIGURES`, by role (floor, champion, best), where the repository has them.
"""

import argparse
import csv
import html
import io
import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

from tabulate import tabulate

SIBLINGS = ("_sd", "_low", "_high")
VERDICTS = ("beyond 2 sd", "1 to 2 sd", "no noise estimate", "not comparable", "new", "gone", "within noise")
NEW_RESULT = ("added", "re-run, result changed")
ROWS_SHOWN, ROWS_FOLDED = 40, 60  # three tables of 100 rows stay under GitHub's 65,536 characters a comment
FIGURES = {  # committed tables, and their columns that are numbers
    "confusion": ("metrics/review/confusion.csv", ("products",)),
    "curve": ("metrics/review/risk_coverage.csv", ("coverage", "error")),
    "decision": ("metrics/review/decisions.csv", ("threshold", "coverage", "error", "target_error")),
}
DIGESTS = "data/code/"  # the code of each stage, a line for each file: its SHA-256 and path
ROLES = ("champion", "best", "floor")
ERRORS = (0.005, 0.01, 0.02, 0.05)  # levels at which the coverage is shown
COLOURS = {"changed": "#ffd8a8", "touched": "#d0ebff", "stale": "#ffc9c9"}
STALE = (
    "The code, params or definition in Git are not those that dvc.lock was made from, so the committed "
    "metrics of these stages and of those after them are not this revision's. "
    "**Run `dvc repro` and commit dvc.lock, metrics/ and data/code/.**"
)
NOT_STALE = "None: dvc.lock agrees with the code and params in Git. Data that is not in Git is not judged."

Flat = dict[tuple[str, str], Any]  # (file, dotted key) -> value
Row = dict[str, Any]  # column -> text or number


class ReportError(Exception):
    """The report cannot be made: what must be, what was found, what to do."""


@dataclass
class Stage:
    """One stage at one revision: what dvc.yaml declares, with the hashes and values of dvc.lock."""

    cmd: str = ""
    cmd_stale: bool = False  # cmd is not the one in dvc.lock
    deps: dict[str, str | None] = field(default_factory=dict)  # path -> hash; None: not in dvc.lock
    outs: dict[str, str | None] = field(default_factory=dict)  # the same
    params: dict[str, Any] = field(default_factory=dict)  # dotted key -> value in dvc.lock
    after: list[str] = field(default_factory=list)  # stages whose outputs it reads
    stale: list[str] = field(default_factory=list)  # what in Git is not what dvc.lock was made from


@dataclass
class Snapshot:
    """What Git holds at one revision."""

    stages: dict[str, Stage] = field(default_factory=dict)
    metrics: Flat = field(default_factory=dict)
    params: Flat = field(default_factory=dict)
    figures: dict[str, list[Row]] = field(default_factory=dict)  # by entry of FIGURES
    unreadable: list[str] = field(default_factory=list)


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested dicts as one dict with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    items = [flatten(v, f"{prefix}.{k}" if prefix else str(k)) for k, v in value.items()]
    return {key: leaf for item in items for key, leaf in item.items()}


def read_bytes(repo: Any, path: str) -> bytes | None:
    """Return a file at the revision that the repository is switched to; None where it has none."""
    file = repo.fs.join(repo.root_dir, *path.split("/"))
    return bytes(repo.fs.cat_file(file)) if repo.fs.exists(file) else None


def read_stage(stage: Any, after: list[str], made: list[str], read: Callable[[str], bytes | None]) -> Stage:
    """Return a DVC stage as plain data, while the repository is switched to the stage's revision.

    `made` lists the outputs of all stages: a dep that is one, or a folder of them, is judged there. Of the
    committed digests of code the files that they list are the deps; `read` returns a file of the revision.
    """
    files = [dep for dep in stage.deps if dep not in stage.params]
    cmd = stage.cmd if isinstance(stage.cmd, str) else "\n".join(stage.cmd or [])
    result = Stage(cmd, bool(getattr(stage, "cmd_changed", False)), after=after)
    result.deps = {dep.def_path: dep.hash_info.value for dep in files}
    edited = []
    for path in [path for path in result.deps if path.startswith(DIGESTS)]:
        listed, recorded = read(path) or b"", result.deps.pop(path)
        for line in listed.decode().splitlines():  # as sha256sum writes
            digest, _, file = line.partition("  ")
            content = read(file)
            agrees = content is not None and sha256(content).hexdigest() == digest
            edited += [] if agrees else [code(file)]
            # None if dvc.lock was made from another list; MD5, as dvc.lock has of files
            known = agrees and md5(listed).hexdigest() == recorded
            result.deps[file] = md5(content or b"").hexdigest() if known else None
    result.outs = {out.def_path: out.hash_info.value for out in stage.outs}
    for dep in stage.params:
        where = "" if dep.def_path == "params.yaml" else f"{dep.def_path}:"
        result.params |= {where + k: v for k, v in flatten(dep.hash_info.value or {}).items() if k}
    if not stage.cmd or stage.frozen:
        return result
    result.stale = ["command"] if result.cmd_stale else []
    committed = [out for out in stage.outs if not out.use_cache]
    sources = [dep for dep in files if not any(f"{out}/".startswith(f"{dep.def_path}/") for out in made)]
    for kind, item in [("", dep) for dep in sources] + [("committed output ", out) for out in committed]:
        if not item.hash_info:
            result.stale.append(f"{kind}{code(item.def_path)} (not in dvc.lock)")
        elif item.is_in_repo and item.exists and item.status():  # not in Git: data, which cannot be judged
            result.stale.append(kind + code(item.def_path))
    result.stale += edited
    for dep in stage.params:
        for status in dep.status().values():
            keys = status if isinstance(status, dict) else [dep.def_path]
            result.stale += [f"param {code(key)}" for key in keys]
    return result


def read_rows(repo: Any, path: str, numbers: Sequence[str]) -> list[Row]:
    """Return the rows of a committed CSV at the revision that the repository is switched to; none without it.

    Raises
    ------
    KeyError, ValueError
        If it lacks a column, or has no number where one must be.
    """
    content = read_bytes(repo, path)
    if content is None:
        return []
    rows = [dict(row) for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    keys = ("role", "model", *(["actual", "predicted"] if "products" in numbers else []))
    return [
        {key: row[key] for key in keys} | {number: float(row[number] or "") for number in numbers}
        for row in rows
    ]


def read_snapshot(repo: Any, rev: str) -> Snapshot:
    """Return what Git holds at `rev`; empty where the project does not exist yet."""
    from dvc.exceptions import DvcException, NotDvcRepoError

    def name(stage: Any) -> str:
        file = repo.fs.relpath(stage.path, repo.root_dir)
        local = getattr(stage, "name", None)  # a .dvc file has none
        return file if local is None else local if file == "dvc.yaml" else f"{file}:{local}"

    snapshot = Snapshot()
    try:
        with repo.switch(rev):
            graph = repo.index.graph
            made = [out.def_path for stage in graph for out in stage.outs]
            source = cache(partial(read_bytes, repo))
            # What writes the digests runs at every edit, and every stage comes after it: only told if stale
            digesting = {s for s in graph if any(f"{out.def_path}/" == DIGESTS for out in s.outs)}
            for stage in sorted(graph, key=name):
                after = [name(s) for s in graph.successors(stage) if s not in digesting]
                read_one = read_stage(stage, after, made, source)
                if read_one.stale or stage not in digesting:
                    snapshot.stages[name(stage)] = read_one
            for read, flat in ((repo.metrics.show, snapshot.metrics), (repo.params.show, snapshot.params)):
                for path, content in sorted(read()[""].get("data", {}).items()):
                    flat.update({(path, key): v for key, v in flatten(content.get("data", {})).items()})
                    if "error" in content:
                        snapshot.unreadable.append(f"{code(path)} ({type(content['error']).__name__})")
            for figure, (path, numbers) in FIGURES.items():
                try:
                    snapshot.figures[figure] = read_rows(repo, path, numbers)
                except (KeyError, ValueError) as exc:
                    snapshot.figures[figure] = []
                    snapshot.unreadable.append(f"{code(path)} ({type(exc).__name__})")
    except NotDvcRepoError:
        return Snapshot()
    except DvcException as exc:
        raise ReportError(f"dvc.yaml and dvc.lock must be readable at {rev[:9]}, but: {exc}") from exc
    return snapshot


def code(text: Any) -> str:
    """Return `text` as a Markdown code span that is safe in a table and mentions nobody."""
    line = " ".join(str(text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line if len(line) <= 100 else line[:97] + '...'}`"


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def show(value: Any, digits: int = 4) -> str:
    """Return a value as a table cell, a float to so many significant digits."""
    if isinstance(value, float) and is_number(value):
        return f"{value:.{digits - 4}f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return "-" if value is None else str(value) if is_number(value) else code(value)


def show_pair(before: Any, after: Any) -> list[str]:
    """Return both values with as many digits as it takes to tell them apart."""
    pairs = [[show(before, digits), show(after, digits)] for digits in (4, 6, 9, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def same(before: Any, after: Any) -> bool:
    """Return whether two values are equal, NaN being equal to NaN."""
    return bool(before == after or (before != before and after != after))


def pooled_sd(before: Any, after: Any) -> float | None:
    """Return the root mean square of the standard deviations that are there, None where none is."""
    known = [sd for sd in (before, after) if is_number(sd) and sd >= 0]
    return math.sqrt(sum(sd * sd for sd in known) / len(known)) if known else None


def verdict(before: Any, after: Any, noise: float | None) -> str:
    """Return one of `VERDICTS` for a metric that went from `before` to `after` (None: not there)."""
    if before is None or after is None:
        return "new" if before is None else "gone"
    if not (is_number(before) and is_number(after)):
        return "not comparable"
    if noise is None:
        return "no noise estimate"
    change = abs(after - before) / (1 + 1e-9)  # 0.8 - 0.7 is to be 0.1
    return "within noise" if change <= noise else "1 to 2 sd" if change <= 2 * noise else "beyond 2 sd"


def metric_rows(before: Flat, after: Flat) -> tuple[list[list[str]], int]:
    """Return file, metric, before, after, change, noise, verdict of what changed, and the number of the rest.

    The most telling come first: by verdict, then by size of change. A sibling of another metric never counts.
    """
    keys = before.keys() | after.keys()
    siblings = {(path, key + end) for path, key in keys for end in SIBLINGS}
    ranked: list[tuple[Any, list[str]]] = []
    for path, key in sorted(keys - siblings):
        old: Any = before.get((path, key))
        new: Any = after.get((path, key))
        if same(old, new):
            continue
        sd, low, high = ([side.get((path, key + end)) for side in (before, after)] for end in SIBLINGS)
        noise = pooled_sd(*sd)
        word = verdict(old, new, noise)
        change = new - old if is_number(old) and is_number(new) else 0.0
        size = abs(change) / (noise or max(abs(old), abs(new))) if change else 0.0
        cells = [
            f"{cell} [{show(a)}, {show(b)}]" if is_number(a) and is_number(b) else cell
            for cell, a, b in zip(show_pair(old, new), low, high, strict=True)
        ]
        cells += [f"{change:+.3g}" if change else "-", "-" if noise is None else f"{noise:.3g}", word]
        ranked.append(((VERDICTS.index(word), noise != 0, -size, path, key), [code(path), code(key), *cells]))
    return [row for _, row in sorted(ranked)], len(keys - siblings) - len(ranked)


def param_rows(before: Flat, after: Flat) -> list[list[str]]:
    """Return file, param, before, after for every param that differs."""
    changed = [k for k in sorted(before.keys() | after.keys()) if not same(before.get(k), after.get(k))]
    return [[code(k[0]), code(k[1]), *show_pair(before.get(k), after.get(k))] for k in changed]


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the keys whose values differ; a key of one side only is marked ``+`` or ``-``."""
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    changed = {key for key in before.keys() & after.keys() if not same(before[key], after[key])}
    return [*sorted(changed), *(f"+{key}" for key in sorted(new)), *(f"-{key}" for key in sorted(gone))]


def causes(before: Stage, after: Stage) -> str:
    """Return in words what differs: command, script, library modules, params, data, list of outputs."""
    kinds: dict[str, list[str]] = {"script": [], "library": [], "data": []}
    for path in differing(before.deps, after.deps):
        file = path.lstrip("+-")
        module = file.removesuffix(".py").replace("/", ".")  # as in `python -m stages.ingest`
        script = {file, module} & {*f"{before.cmd} {after.cmd}".split()}
        kinds["data" if not file.endswith(".py") else "script" if script else "library"].append(path)
    kinds["params"] = differing(before.params, after.params)
    kinds["outputs"] = [path for path in differing(before.outs, after.outs) if path[0] in "+-"]
    parts = ["command"] if before.cmd != after.cmd else []
    for kind, names in kinds.items():
        more = [f"and {len(names) - 4} more"] * (len(names) > 4)
        parts += [f"{kind} {', '.join([*map(code, names[:4]), *more])}"] * bool(names)
    return "; ".join(parts) or "-"


def stage_rows(before: dict[str, Stage], after: dict[str, Stage]) -> list[tuple[str, str, str]]:
    """Return name, what happened, and what changed of every stage that is not as it was."""

    def recorded(old: dict[str, str | None], new: dict[str, str | None]) -> bool:
        return any(value and value != old.get(key) for key, value in new.items())

    rows = [(name, "added", "-") for name in after.keys() - before.keys()]
    rows += [(name, "removed", "-") for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        params = any(not key.startswith("-") for key in differing(old.params, new.params))
        if recorded(old.outs, new.outs):
            rows.append((name, "re-run, result changed", causes(old, new)))
        elif params or recorded(old.deps, new.deps) or (old.cmd != new.cmd and not new.cmd_stale):
            rows.append((name, "re-run, same result", causes(old, new)))
        elif any([old.cmd != new.cmd, {*old.deps} ^ {*new.deps}, {*old.outs} ^ {*new.outs}]):
            rows.append((name, "definition changed", causes(old, new)))
    return sorted(rows)


def mermaid(stages: dict[str, Stage], happened: dict[str, str]) -> str:
    """Return the DAG as a Mermaid block; the items of a foreach or matrix are one node with their count."""
    groups: dict[str, list[str]] = {}
    for name in stages:
        groups.setdefault(name.split("@")[0], []).append(name)
    ids = {item: f"n{i}" for i, items in enumerate(groups.values()) for item in items}
    lines = ["```mermaid", "flowchart TD"]
    for group, items in groups.items():
        fates = {happened[item] for item in items if item in happened}
        style = "changed" if fates & {*NEW_RESULT} else "touched" if fates else ""
        style = "stale" if any(stages[item].stale for item in items) else style
        count = f" ({len(items)})" if items != [group] else ""
        lines.append(f'    {ids[items[0]]}["{group}{count}"]' + (f":::{style}" if style else ""))
    lines += sorted(
        {f"    {ids[up]} --> {ids[name]}" for name, stage in stages.items() for up in stage.after}
    )
    lines += [f"    classDef {style} fill:{fill},color:#000" for style, fill in COLOURS.items()]
    return "\n".join([*lines, "```"])


def plural(count: int, noun: str) -> str:
    """Return ``1 stage``, ``2 stages``."""
    return f"{count} {noun}" + "s" * (count != 1)


def table(headers: str, rows: Sequence[Sequence[str]]) -> str:
    """Return the first rows as a table, more behind a click, and the number of those left out."""

    def block(start: int, stop: int) -> str:
        text = tabulate(rows[start:stop], headers.split(", "), tablefmt="github", disable_numparse=True)
        return re.sub(" {2,}", " ", text)

    end = ROWS_SHOWN + ROWS_FOLDED
    text = block(0, ROWS_SHOWN) if rows else "None."
    if len(rows) > ROWS_SHOWN:
        more = plural(len(rows[ROWS_SHOWN:end]), "more row")
        text += f"\n\n<details><summary>{more}</summary>\n\n{block(ROWS_SHOWN, end)}\n\n</details>"
    return text + (f"\n\n{plural(len(rows) - end, 'further row')} left out." if len(rows) > end else "")


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
        models = " to ".join(f"<code>{html.escape(name)}</code>" for name in dict.fromkeys(pair) if name)
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


def folded(summary: str, text: str) -> str:
    """Return Markdown behind a click; the summary is HTML."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def render(base: str, head: str, old: Snapshot, new: Snapshot, note: str = "") -> str:
    """Return the report for the snapshots of the revisions named `base` and `head`."""
    metrics, unchanged = metric_rows(old.metrics, new.metrics)
    changed = figures(old.figures, new.figures)
    stages = stage_rows(old.stages, new.stages)
    stale = [(code(name), ", ".join(stage.stale)) for name, stage in new.stages.items() if stage.stale]
    beyond = sum(row[-1] in VERDICTS[:2] for row in metrics)
    reran = [name for name, fate, _ in stages if fate in NEW_RESULT]
    names = [code(name) for name in dict.fromkeys(name.split("@")[0] for name in reran)]
    headline = (
        f"{len(metrics)} of {plural(len(metrics) + unchanged, 'metric')} changed, {beyond} beyond noise "
        f"(by more than 1 sd); {plural(len(reran), 'stage')} with a new result"
        + f" ({', '.join(names[:8])}{', ...' * (len(names) > 8)})" * bool(names)
        + "."
    )
    catalogues = [str(value) for (_, key), value in new.metrics.items() if key.split(".")[-1] == "catalogue"]
    if any("(synthetic)" in catalogue for catalogue in catalogues):
        headline += " Metrics were measured on the built-in synthetic catalogue."
    if stale:
        headline += f" **{plural(len(stale), 'stage')} stale, see the end.**"
    parts = [
        f"## Pipeline report: {code(base)} to {code(head)}\n\n{headline}",
        note,
        "### Metrics that changed",
        table("file, metric, before, after, change, noise, verdict", metrics),
        f"{plural(unchanged, 'metric')} unchanged. Noise is the standard deviation over seeds or folds, "
        "pooled over both revisions: a yardstick for the size of a change, not a test.",
        f"**Unreadable at {code(head)}:** {', '.join(new.unreadable)}." if new.unreadable else "",
        "\n\n".join(["### Figures that changed", *changed]) if changed else "",
        f"### Params\n\n{table('file, param, before, after', param_rows(old.params, new.params))}",
        "### Stages that changed",
        table("stage, what happened, what changed", [(code(name), *rest) for name, *rest in stages]),
        "### Pipeline",
        mermaid(new.stages, {name: fate for name, fate, _ in stages}) if new.stages else "No stages.",
        "Orange: new result. Blue: re-run with the same result, or definition changed. Red: stale.",
        "### Stale stages",
        f"{STALE}\n\n{table('stage, differs from dvc.lock', stale)}" if stale else NOT_STALE,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def report(base: str, head: str) -> str:
    """Return the report for two revisions of the repository around the working directory."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo
    from dvc.scm import NoSCM, SCMError

    try:
        repo = Repo()
    except (NotDvcRepoError, SCMError) as exc:
        raise ReportError(
            f"the working directory must be in a DVC repository inside Git, but: {exc}"
        ) from exc

    def git(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *args], cwd=repo.root_dir, capture_output=True, text=True, check=False)

    if isinstance(repo.scm, NoSCM):
        raise ReportError("the DVC repository must be inside Git, but is not; run `git init`")
    shas = []
    shallow = "true" in git("rev-parse", "--is-shallow-repository").stdout
    hint = "this clone is shallow: fetch all history (`git fetch --unshallow`; in CI `fetch-depth: 0`)"
    for label, rev in (("BASE", base), ("HEAD", head)):
        found = git("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}")
        if found.returncode:
            todo = hint if shallow else "check its spelling, or run `git fetch`"
            raise ReportError(f"{label} must be a commit of this clone, but {rev!r} is not; {todo}")
        shas.append(found.stdout.strip())
    note = ""
    if not shallow and git("merge-base", "--is-ancestor", *shas).returncode:
        note = (
            f"{code(base)} has commits that {code(head)} lacks; they show here in reverse. Merge them first."
        )
    old, new = (read_snapshot(repo, sha) for sha in shas)
    return render(base, head, old, new, note)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", help="revision to compare with, such as origin/main")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="revision (default: HEAD)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to standard output")
    args = parser.parse_args(argv)
    try:
        text = report(args.base, args.head)
        if args.output:
            args.output.write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
    except (ReportError, OSError) as exc:
        print(f"pr_report: {' '.join(str(exc).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
