"""What Git holds at one revision: stages, metrics, params, tables; read through DVC, without data."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import md5, sha256
from typing import Any

from aisle.pipeline.errors import AisleError
from tools.pull_request.markdown import code

FIGURES = {  # committed tables, and their columns that are numbers
    "confusion": ("metrics/review/confusion.csv", ("products",)),
    "curve": ("metrics/review/risk_coverage.csv", ("coverage", "error")),
    "decision": ("metrics/review/decisions.csv", ("threshold", "coverage", "error", "target_error")),
}
PAIRED = "metrics/review/paired.csv"
DIGESTS = "data/code/"  # the code of each stage, a line for each file: its SHA-256 and path

Flat = dict[str, Any]  # dotted key -> value
Row = dict[str, Any]  # column -> text or number
Read = Callable[
    [str], bytes | None
]  # a file of the revision by its path from the root; None where it has none


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
    metrics: dict[str, Flat] = field(default_factory=dict)  # by file
    params: dict[str, Flat] = field(default_factory=dict)  # by file
    figures: dict[str, list[Row]] = field(default_factory=dict)  # by entry of FIGURES
    paired: str | None = None  # the text of PAIRED; None: not there
    unreadable: list[str] = field(default_factory=list)


def flatten(value: Any, prefix: str = "") -> Flat:
    """Return nested dicts as one dict with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    items = [flatten(v, f"{prefix}.{k}" if prefix else str(k)) for k, v in value.items()]
    return {key: leaf for item in items for key, leaf in item.items()}


def read_bytes(repo: Any, path: str) -> bytes | None:
    """Return a file at the revision that the repository is switched to; None where it has none."""
    file = repo.fs.join(repo.root_dir, *path.split("/"))
    return bytes(repo.fs.cat_file(file)) if repo.fs.exists(file) else None


def read_params(repo: Any, path: str) -> Any:
    """Return a params file at the revision that the repository is switched to, as DVC reads it."""
    from dvc.dependency.param import read_param_file

    return read_param_file(repo.fs, path) if repo.fs.exists(path) else None


def code_files(path: str, recorded: str | None, read: Read) -> tuple[dict[str, str | None], list[str]]:
    """Return the files of a committed digest of code with their hashes, and those that are not as it says.

    A hash is None if dvc.lock was made from another list than the committed one, or the file is another.
    """
    listed = read(path) or b""
    files: dict[str, str | None] = {}
    edited = []
    for line in listed.decode().splitlines():  # as sha256sum writes
        digest, _, file = line.partition("  ")
        content = read(file)
        agrees = content is not None and sha256(content).hexdigest() == digest
        edited += [] if agrees else [code(file)]
        known = agrees and md5(listed).hexdigest() == recorded  # MD5, as dvc.lock has of files
        files[file] = md5(content or b"").hexdigest() if known else None
    return files, edited


def stale_params(dep: Any, content: Any) -> list[str]:
    """Return the keys of a params file whose values are not those of dvc.lock, as DVC's status does.

    DVC parses the file anew for every stage: 28 of 46 s of a report. `content` is the parsed file.
    """
    recorded, absent = dep.hash_info.value, object()
    if content is None or recorded is None:
        return [dep.def_path]

    def value(key: str) -> Any:
        found = content
        for part in key.split("."):
            found = found.get(part, absent) if isinstance(found, dict) else absent
        return found

    keys = dep.params or dict.fromkeys([*content, *recorded])
    return [key for key in keys if value(key) is absent or value(key) != recorded.get(key, absent)]


def stale(stage: Any, files: list[Any], made: list[str], params: Callable[[str], Any]) -> list[str]:
    """Return what in Git is not what dvc.lock was made from: command, files, committed outputs, params."""
    result = ["command"] if getattr(stage, "cmd_changed", False) else []
    committed = [out for out in stage.outs if not out.use_cache]
    sources = [dep for dep in files if not any(f"{out}/".startswith(f"{dep.def_path}/") for out in made)]
    for kind, item in [("", dep) for dep in sources] + [("committed output ", out) for out in committed]:
        if not item.hash_info:
            result.append(f"{kind}{code(item.def_path)} (not in dvc.lock)")
        elif item.is_in_repo and item.exists and item.status():  # not in Git: data, which cannot be judged
            result.append(kind + code(item.def_path))
    return result + [
        f"param {code(key)}" for dep in stage.params for key in stale_params(dep, params(dep.fs_path))
    ]


def read_stage(
    stage: Any, after: list[str], made: list[str], read: Read, params: Callable[[str], Any]
) -> Stage:
    """Return a DVC stage as plain data, while the repository is switched to the stage's revision.

    Parameters
    ----------
    stage
        DVC's.
    after
        Names of the stages whose outputs it reads.
    made
        Outputs of all stages: a dep that is one, or a folder of them, is judged there.
    read, params
        Return a file of the revision; a params file of it, parsed.
    """
    files = [dep for dep in stage.deps if dep not in stage.params]
    cmd = stage.cmd if isinstance(stage.cmd, str) else "\n".join(stage.cmd or [])
    result = Stage(cmd, bool(getattr(stage, "cmd_changed", False)), after=after)
    result.deps = {dep.def_path: dep.hash_info.value for dep in files}
    edited = []
    for path in [path for path in result.deps if path.startswith(DIGESTS)]:
        behind, differ = code_files(path, result.deps.pop(path), read)
        result.deps |= behind
        edited += differ
    result.outs = {out.def_path: out.hash_info.value for out in stage.outs}
    for dep in stage.params:
        where = "" if dep.def_path == "params.yaml" else f"{dep.def_path}:"
        result.params |= {where + k: v for k, v in flatten(dep.hash_info.value or {}).items() if k}
    if stage.cmd and not stage.frozen:
        result.stale = [*dict.fromkeys([*stale(stage, files, made, params), *edited])]
    return result


def read_rows(content: bytes | None, numbers: Sequence[str]) -> list[Row]:
    """Return the rows of a committed CSV; none without it.

    Raises
    ------
    KeyError, ValueError
        If it lacks a column, or has no number where one must be.
    """
    if content is None:
        return []
    rows = [dict(row) for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    keys = ("role", "model", *(["actual", "predicted"] if "products" in numbers else []))
    return [
        {key: row[key] for key in keys} | {number: float(row[number] or "") for number in numbers}
        for row in rows
    ]


def read_stages(repo: Any) -> dict[str, Stage]:
    """Return the stages, by name, of the revision that the repository is switched to."""

    def name(stage: Any) -> str:
        file = repo.fs.relpath(stage.path, repo.root_dir)
        local = getattr(stage, "name", None)  # a .dvc file has none
        return file if local is None else local if file == "dvc.yaml" else f"{file}:{local}"

    graph = repo.index.graph
    made = [out.def_path for stage in graph for out in stage.outs]
    source, params = cache(partial(read_bytes, repo)), cache(partial(read_params, repo))
    # What writes the digests runs at every edit, and every stage comes after it: only told if stale
    digesting = {s for s in graph if any(f"{out.def_path}/" == DIGESTS for out in s.outs)}
    stages = {}
    for stage in sorted(graph, key=name):
        after = [name(s) for s in graph.successors(stage) if s not in digesting]
        read_one = read_stage(stage, after, made, source, params)
        if read_one.stale or stage not in digesting:
            stages[name(stage)] = read_one
    return stages


def read_snapshot(repo: Any, rev: str) -> Snapshot:
    """Return what Git holds at `rev`; empty where the project does not exist yet."""
    from dvc.exceptions import DvcException, NotDvcRepoError

    snapshot = Snapshot()
    try:
        with repo.switch(rev):
            snapshot.stages = read_stages(repo)
            for read, files in ((repo.metrics.show, snapshot.metrics), (repo.params.show, snapshot.params)):
                for path, content in sorted(read()[""].get("data", {}).items()):
                    files[path] = flatten(content.get("data", {}))
                    if "error" in content:
                        snapshot.unreadable.append(f"{code(path)} ({type(content['error']).__name__})")
            for figure, (path, numbers) in FIGURES.items():
                try:
                    snapshot.figures[figure] = read_rows(read_bytes(repo, path), numbers)
                except (KeyError, ValueError) as exc:
                    snapshot.figures[figure] = []
                    snapshot.unreadable.append(f"{code(path)} ({type(exc).__name__})")
            paired = read_bytes(repo, PAIRED)
            snapshot.paired = None if paired is None else paired.decode(errors="replace")
    except NotDvcRepoError:
        return Snapshot()
    except DvcException as exc:
        raise AisleError(f"dvc.yaml and dvc.lock must be readable at {rev[:9]}, but: {exc}") from exc
    return snapshot
