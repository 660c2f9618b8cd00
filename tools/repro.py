"""Run the pipeline: say how many stages will run, run them on all processors, then say the answer.

What will run is told from dvc.yaml, params.yaml and dvc.lock, at once: `dvc repro --dry` takes
as long as the run itself where little has changed. It is an upper bound, for a stage that writes the same
bytes as before leaves those after it alone, and DVC restores what it has made before. A folder that is not
one stage's output is compared by the number and the size of its files, and an output by its size.

The stages run side by side (tools/parallel_repro.py); `dvc repro` then does what may be left, and confirms
that nothing is. Arguments are passed on to `dvc repro`, which runs one stage after another; with any of them
nothing is counted before.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.pipeline import cores, dvc_file, lock_file, names
from aisle.pipeline.cli import run
from aisle.pipeline.params import read_yaml
from tools import parallel_repro
from tools.parallel_repro import overlap

ROOT = Path(__file__).resolve().parent.parent
LOCK, CODE = "dvc.lock", "data/code/"
PAGE, TABLES = "reports/index.html", "reports/tables.md"
IGNORED = ".dvcignore"


def same_code(digests: Path, root: Path) -> bool:
    """Whether a file of data/code/ still says what the files that it names are."""
    lines = [line.split("  ", 1) for line in digests.read_text(encoding="utf-8").splitlines()]
    files = {root / name: digest for digest, name in lines}
    return all(
        file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == digest
        for file, digest in files.items()
    )


def same_data(entry: Mapping[str, Any], root: Path) -> bool:
    """Whether a dependency is on disk as dvc.lock says: a file to the byte, a folder by number and size."""
    path = root / entry["path"]
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == entry["md5"]
    lines = (root / IGNORED).read_text(encoding="utf-8").splitlines() if (root / IGNORED).is_file() else []
    patterns = [line for line in lines if line and line[0] not in "#/"]
    files = [
        file
        for file in path.rglob("*")
        if file.is_file()
        and not any(fnmatch(part, pattern) for part in file.relative_to(path).parts for pattern in patterns)
    ]
    return [len(files), sum(file.stat().st_size for file in files)] == [entry.get("nfiles"), entry["size"]]


def same_output(entry: Mapping[str, Any], root: Path) -> bool:
    """Whether an output is there, with the size that dvc.lock says."""
    path = root / entry["path"]
    return path.is_dir() if "nfiles" in entry else path.is_file() and path.stat().st_size == entry["size"]


def as_locked(stage: dvc_file.Stage, entry: Mapping[str, Any]) -> bool:
    """Whether dvc.lock has a stage's command, params' keys, deps and outputs."""
    cmd = entry["cmd"]
    return (
        (cmd if isinstance(cmd, str) else "\n".join(cmd)) == stage.cmd
        and {each["path"] for each in entry.get("deps", [])} == {*stage.deps}
        and {each["path"] for each in entry.get("outs", [])} == {*stage.outputs}
        and {file: {*keys} for file, keys in entry.get("params", {}).items()}
        == {file: {*keys} for file, keys in stage.params.items()}
    )


def same_params(entry: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    """Whether what a stage reads of the params, file by file, has the values that dvc.lock says."""
    return all(
        dvc_file.lookup(params[file], key) == value
        for file, locked in entry.get("params", {}).items()
        for key, value in locked.items()
    )


def to_run(root: Path) -> tuple[list[str], int]:
    """Return the stages that may run in a folder, and how many stages there are.

    Raises
    ------
    AisleError
        If dvc.yaml or params.yaml is not what it must be.
    """
    stages = dvc_file.read(root)
    locked = read_yaml(root / LOCK)["stages"] if (root / LOCK).is_file() else {}
    params = {file: read_yaml(root / file) for file in {*chain(*(each.params for each in stages.values()))}}
    made = {out["path"]: out["md5"] for entry in locked.values() for out in entry.get("outs", [])}
    code = {path.relative_to(root).as_posix(): path for path in (root / CODE).rglob("*.txt")}
    stale = {name for name, path in code.items() if not same_code(path, root)}

    def same_dependency(entry: Mapping[str, Any]) -> bool:
        path = entry["path"]
        if path.startswith(CODE):
            return path in code and path not in stale and same_data(entry, root)
        return made[path] == entry["md5"] if path in made else same_data(entry, root)

    def is_same(name: str, stage: dvc_file.Stage) -> bool:
        if name not in locked or not as_locked(stage, locked[name]) or not same_params(locked[name], params):
            return False
        if CODE.rstrip("/") in stage.outputs:  # its deps are the code
            return not stale and all(same_output(entry, root) for entry in locked[name]["outs"])
        return all(same_dependency(entry) for entry in locked[name].get("deps", [])) and all(
            same_output(entry, root) for entry in locked[name].get("outs", [])
        )

    found = {name for name, stage in stages.items() if not is_same(name, stage)}
    return after(found, stages), len(stages)


def after(first: Iterable[str], stages: Mapping[str, dvc_file.Stage]) -> list[str]:
    """Return some stages and all that read what they write, in the order of dvc.yaml.

    What reads the digests of the code does not follow from them: each says by itself whether it is the same.
    """
    found, queue = {*first}, [*first]
    while queue:
        outputs = [output for output in stages[queue.pop()].outputs if output != CODE.rstrip("/")]
        new = {
            name
            for name, stage in stages.items()
            if name not in found and any(overlap(dep, output) for dep in stage.deps for output in outputs)
        }
        found |= new
        queue += new
    return [name for name in stages if name in found]


def announcement(names: list[str], total: int) -> str:
    """Return the line that says how many stages will run."""
    if not names:
        return f"nothing has changed: none of the {total} stages will run"
    some = ", ".join(dict.fromkeys(name.partition("@")[0] for name in names))
    most = "" if len(names) == total else "at most "
    return f"{most}{len(names)} of {total} stages will run: {some}"


def answer(root: Path) -> str:
    """Return the report's path and its verdict in one sentence."""
    lines = (root / TABLES).read_text(encoding="utf-8").splitlines()
    verdict = next(line for line in lines if line.startswith("**"))
    return f"{PAGE}: {verdict.replace('**', '')}"


def check_names(root: Path) -> None:
    """See that what DVC will write into commands is plain words, before it does.

    Raises
    ------
    AisleError
        If a name or a path of params.yaml, or of a file of `vars:`, is none.
    """
    names.check(dvc_file.values(root, read_yaml(root / dvc_file.FILE)), f"{dvc_file.PARAMS} and weights.yaml")


def side_by_side(root: Path, names: list[str]) -> None:
    """Run stages with all processors; `dvc repro` then has nothing left, or says what failed.

    Raises
    ------
    SystemExit
        If one failed: it has said why.
    """
    lock = root / LOCK
    known = [*read_yaml(lock)["stages"]] if lock.is_file() else []
    went_well = parallel_repro.run(root, names, cores.processors())
    if lock.is_file():
        parallel_repro.put_in_order(root, known)
    lock_file.keep(root)
    if not went_well:
        raise SystemExit(255)  # as of `dvc repro`


def reproduce(root: Path, arguments: list[str]) -> None:
    """Run what must run of the pipeline in a folder; dvc.lock survives a run that was killed.

    Parameters
    ----------
    root
        The folder with dvc.yaml.
    arguments
        Of `dvc repro`; with none the stages run side by side.

    Raises
    ------
    SystemExit
        If a stage failed: it has said why.
    """
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if done := lock_file.restore(root):
        print(done, flush=True)
    lock_file.keep(root)
    if not arguments:
        names, total = to_run(root)
        print(announcement(names, total), flush=True)
        if len(names) > 1:
            side_by_side(root, names)
            arguments = ["--quiet"]  # it would say of each stage that nothing has changed
    ran = subprocess.run(["dvc", "repro", *arguments], cwd=root, check=False)
    lock_file.keep(root)
    if ran.returncode:
        raise SystemExit(ran.returncode)


def main() -> None:
    """Check, count, run, answer."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return
    check_names(ROOT)
    reproduce(ROOT, arguments)
    print(answer(ROOT))


if __name__ == "__main__":
    run(main, children=True)
