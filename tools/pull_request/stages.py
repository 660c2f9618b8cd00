"""What happened to the stages between two revisions, and why; the pipeline drawn with it."""

from typing import Any

from aisle.evaluation.metric_noise import same
from tools.pull_request.markdown import code
from tools.pull_request.snapshot import Stage

NEW_RESULT = ("added", "re-run, result changed")
COLOURS = {"changed": "#ffd8a8", "touched": "#d0ebff", "stale": "#ffc9c9"}


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


def family(name: str) -> str:
    """Return the name of a stage without the item of its foreach or matrix."""
    return name.split("@")[0]


def collapsed(rows: list[tuple[str, str, str]]) -> list[list[str]]:
    """Return table rows, new results first; items of one foreach to which the same happened share a row."""
    items: dict[tuple[str, str, str], list[str]] = {}
    for name, fate, why in rows:
        items.setdefault((family(name), fate, why), []).append(name)
    ranked = sorted(items, key=lambda key: (key[1] not in NEW_RESULT, key))
    return [
        [code(items[key][0]) if len(items[key]) == 1 else f"{code(key[0])} ({len(items[key])})", *key[1:]]
        for key in ranked
    ]


def mermaid(stages: dict[str, Stage], happened: dict[str, str]) -> str:
    """Return the DAG as a Mermaid block; the items of a foreach or matrix are one node with their count."""
    groups: dict[str, list[str]] = {}
    for name in stages:
        groups.setdefault(family(name), []).append(name)
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
