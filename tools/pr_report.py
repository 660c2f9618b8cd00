"""Print what a pull request changes, as GitHub Markdown: what a reviewer must know, then all else, folded.

Reads only what Git holds at two revisions (dvc.yaml, dvc.lock, params.yaml, committed metrics, code), through
DVC; it needs no data, no cache and no checkout of either revision, and sees nothing that is not committed.

The verdict is a paired test of the champion on the products of both revisions
(aisle/evaluation/revision_comparison.py). Any other metric's change is set against its noise, by naming rules
(aisle/evaluation/metric_noise.py; docs/data_dictionary.md, "Noise of a metric").
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.evaluation.metric_noise import (
    BEYOND,
    CHANGED,
    GONE,
    NEW,
    TOLD,
    UNCHANGED,
    WITHIN,
    Change,
    changes,
    same,
)
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from tools.pull_request import headline, stages
from tools.pull_request.figures import figures
from tools.pull_request.markdown import (
    code,
    folded,
    html_code,
    is_number,
    listed,
    plural,
    show,
    show_pair,
    table,
)
from tools.pull_request.snapshot import Flat, Snapshot, read_snapshot

SHOWN = 15  # changes beyond noise on the first screen
LONGEST = 65_000  # GitHub takes 65,536 characters a comment
METRICS = "file, metric, before, after, change, noise, verdict"
STALE = (
    "The code, params or definition in Git are not those that dvc.lock was made from, so the committed "
    "metrics of these stages and of those after them are not this revision's. "
    "**Run `dvc repro` and commit dvc.lock, metrics/ and data/code/.**"
)
NOT_STALE = "dvc.lock agrees with the code and params in Git; data that is not in Git is not judged."
LEGEND = "Orange: new result. Blue: re-run with the same result, or definition changed. Red: stale."

Moved = list[tuple[str, str, Change]]  # file, metric, change


def moved_metrics(before: dict[str, Flat], after: dict[str, Flat]) -> tuple[Moved, int]:
    """Return the metrics that changed, the most telling first, and the number of the others.

    Measured scores come first, by their change in units of noise, then texts, then counts.
    """
    everything = [
        (path, key, moved)
        for path in sorted(before.keys() | after.keys())
        for key, moved in changes(before.get(path, {}), after.get(path, {})).items()
    ]
    moved = [each for each in everything if each[2].verdict != UNCHANGED]

    def rank(each: tuple[str, str, Change]) -> tuple[int, float]:
        change = each[2]
        counted = change.verdict == BEYOND and change.noise is not None and not change.noise.half
        return (2 if counted else 1 if change.verdict == CHANGED else 0, -change.size)

    return sorted(moved, key=rank), len(everything) - len(moved)


def metric_rows(moved: Moved, before: dict[str, Flat], after: dict[str, Flat]) -> list[list[str]]:
    """Return file, metric, before, after (with intervals), change, noise and verdict."""
    rows = []
    for path, key, change in moved:
        cells = show_pair(change.before, change.after)
        for i, side in enumerate((before.get(path, {}), after.get(path, {}))):
            low, high = side.get(f"{key}_low"), side.get(f"{key}_high")
            cells[i] += f" [{show(low, 3)}, {show(high, 3)}]" if is_number(low) and is_number(high) else ""
        size = f"{change.difference:+.3g}" if change.difference else "-"
        rows.append([code(path), code(key), *cells, size, str(change.noise or "-"), change.verdict])
    return rows


def counts(moved: Moved, unchanged: int) -> str:
    """Return how many metrics changed, and how many of these in which way."""
    total = {word: sum(change.verdict == word for _, _, change in moved) for word in (WITHIN, NEW, GONE)}
    told = sum(change.verdict in TOLD for _, _, change in moved)
    unjudged = len(moved) - told - sum(total.values())
    parts = [f"{count} {word}" for word, count in total.items() if count]
    parts += [f"{unjudged} judged by their scores"] * bool(unjudged)
    others = f" ({', '.join(parts)})" if parts else ""
    return (
        f"{told or 'None'} of {plural(len(moved) + unchanged, 'metric')} moved beyond noise"
        f"; {len(moved)} changed{others}."
    )


def param_rows(before: dict[str, Flat], after: dict[str, Flat]) -> list[list[str]]:
    """Return file, param, before, after for every param that differs."""
    sides = [
        {(path, key): v for path, flat in side.items() for key, v in flat.items()} for side in (before, after)
    ]
    old, new = sides
    changed = [k for k in sorted(old.keys() | new.keys()) if not same(old.get(k), new.get(k))]
    return [[code(k[0]), code(k[1]), *show_pair(old.get(k), new.get(k))] for k in changed]


def stage_parts(old: Snapshot, new: Snapshot) -> list[str]:
    """Return the folded parts on stages: those that changed, the pipeline, the stale ones."""
    rows = stages.stage_rows(old.stages, new.stages)
    reran = [name for name, fate, _ in rows if fate in stages.NEW_RESULT]
    families = [html_code(name) for name in dict.fromkeys(map(stages.family, reran))]
    title = f"{plural(len(rows), 'stage')} changed, {len(reran)} with a new result"
    title += f" ({listed(families)})" if families else ""
    drawn = stages.mermaid(new.stages, {name: fate for name, fate, _ in rows}) if new.stages else ""
    stale = [[code(name), ", ".join(stage.stale)] for name, stage in new.stages.items() if stage.stale]
    stale_text = f"{STALE}\n\n{table('stage, differs from dvc.lock', stale)}" if stale else ""
    return [
        folded(title, table("stage, what happened, what changed", stages.collapsed(rows))),
        folded("Pipeline", f"{drawn}\n\n{LEGEND}") if rows or stale else "",
        folded(plural(len(stale), "stale stage"), stale_text),
    ]


def folded_parts(moved: Moved, old: Snapshot, new: Snapshot) -> list[str]:
    """Return all that is behind a click, the most telling first."""
    metrics = (old.metrics, new.metrics)
    told = [each for each in moved if each[2].verdict in TOLD][SHOWN:]
    fresh = [each for each in moved if each[2].verdict in (NEW, GONE)]
    quiet = [each for each in moved if each[2].verdict not in (*TOLD, NEW, GONE)]
    params = param_rows(old.params, new.params)
    return [
        folded(f"{len(told)} more beyond noise", table(METRICS, metric_rows(told, *metrics))),
        *figures(old.figures, new.figures),
        folded(f"{plural(len(params), 'param')} changed", table("file, param, before, after", params)),
        *stage_parts(old, new),
        folded(f"{plural(len(fresh), 'metric')} new or gone", table(METRICS, metric_rows(fresh, *metrics))),
        folded(
            f"{plural(len(quiet), 'metric')} changed within noise, or judged by others",
            table(METRICS, metric_rows(quiet, *metrics)),
        ),
    ]


def alerts(base: str, head: str, old: Snapshot, new: Snapshot, diverged: bool) -> list[str]:
    """Return what makes the figures other than they look."""
    stale = [code(name) for name, stage in new.stages.items() if stage.stale]
    labels = [catalogues(side) for side in (old, new)]
    found = []
    if stale:
        found.append(
            f"**{plural(len(stale), 'stage')} stale** ({listed(stale)}): these figures are not this "
            "revision's. Run `dvc repro` and commit dvc.lock, metrics/ and data/code/."
        )
    if all(labels) and labels[0] != labels[1]:
        found.append(
            f"The catalogue is another: {' to '.join(', '.join(map(code, side)) for side in labels)}."
        )
    found += [f"**Unreadable at {code(head)}:** {', '.join(new.unreadable)}."] * bool(new.unreadable)
    if diverged:
        found.append(
            f"{code(base)} has commits that {code(head)} lacks; they show here in reverse. Merge them first."
        )
    return found


def catalogues(snapshot: Snapshot) -> list[str]:
    """Return the labels of the catalogues that the metrics are of."""
    return sorted({str(flat["catalogue"]) for flat in snapshot.metrics.values() if "catalogue" in flat})


def render(base: str, head: str, old: Snapshot, new: Snapshot, diverged: bool = False) -> str:
    """Return the report for the snapshots of the revisions named `base` and `head`."""
    tests = headline.role_tests(old, new, base, head)
    title, sentence = headline.verdict(old, new, tests)
    moved, unchanged = moved_metrics(old.metrics, new.metrics)
    beyond = [each for each in moved if each[2].verdict in TOLD][:SHOWN]
    parts = [part for part in folded_parts(moved, old, new) if part]
    footer = [] if any(stage.stale for stage in new.stages.values()) else [NOT_STALE]
    if any("(synthetic)" in label for label in catalogues(new)):
        footer.append("Metrics were measured on the built-in synthetic catalogue.")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pull_request"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown: `code` and `html_code` make text of what comes from data
    )
    environment.filters["table"] = lambda rows, headers: table(headers, rows)
    first = {
        "title": title,
        "sentence": sentence,
        "alerts": alerts(base, head, old, new, diverged),
        "champion": headline.champion_rows(old, new),
        "tests": headline.test_rows(tests),
        "untested": untested(tests),
        "counts": counts(moved, unchanged),
        "beyond": metric_rows(beyond, old.metrics, new.metrics),
        "base": code(base),
        "head": code(head),
    }
    template = environment.get_template("comment.md.j2")
    kept = list(parts)
    while True:
        left = [f"{plural(len(parts) - len(kept), 'part')} left out, too long for a comment."] * (
            kept != parts
        )
        text = template.render(**first, folded=kept, footer=" ".join([*footer, *left]))
        if len(text) <= LONGEST or not kept:
            return text
        kept.remove(max(kept, key=len))


def untested(tests: list[headline.RoleTest]) -> list[str]:
    """Return why roles other than the champion have no paired test, where the champion has one."""
    first = tests[0]
    if first.test is None:
        return []
    return [f"No paired test of the {each.role}: {each.why_not}." for each in tests[1:] if each.test is None]


def revisions(repo: object, base: str, head: str) -> tuple[list[str], bool]:
    """Return the commits of two revisions, and whether the first has commits that the second lacks."""
    root = repo.root_dir  # type: ignore[attr-defined]

    def git(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=False)

    shas = []
    shallow = "true" in git("rev-parse", "--is-shallow-repository").stdout
    hint = "this clone is shallow: fetch all history (`git fetch --unshallow`; in CI `fetch-depth: 0`)"
    for label, rev in (("BASE", base), ("HEAD", head)):
        found = git("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}")
        if found.returncode:
            todo = hint if shallow else "check its spelling, or run `git fetch`"
            raise AisleError(f"{label} must be a commit of this clone, but {rev!r} is not; {todo}")
        shas.append(found.stdout.strip())
    return shas, not shallow and bool(git("merge-base", "--is-ancestor", *shas).returncode)


def report(base: str, head: str) -> str:
    """Return the report for two revisions of the repository around the working directory."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo
    from dvc.scm import NoSCM, SCMError

    try:
        repo = Repo()
    except (NotDvcRepoError, SCMError) as exc:
        raise AisleError(f"the working directory must be in a DVC repository inside Git, but: {exc}") from exc
    if isinstance(repo.scm, NoSCM):
        raise AisleError("the DVC repository must be inside Git, but is not; run `git init`")
    shas, diverged = revisions(repo, base, head)
    old, new = (read_snapshot(repo, sha) for sha in shas)
    return render(base, head, old, new, diverged)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", help="revision to compare with, such as origin/main")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="revision (default: HEAD)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to standard output")
    args = parser.parse_args(argv)
    text = report(args.base, args.head)
    if not args.output:
        sys.stdout.write(text)
        return
    try:
        atomic.write_text(args.output, text)
    except OSError as exc:
        raise AisleError(f"{args.output} must be a file that can be written, but: {exc}") from exc


if __name__ == "__main__":
    cli.run(main, children=True)
