"""End a merge's conflicts in what the pipeline writes: dvc.lock and its outputs in Git, such as metrics/.

Each entry of dvc.lock says that a command made these outputs of these dependencies. That stays true whatever
else is merged, so the merged file takes each stage's entry from the side that changed it, and HEAD's where
both did. `dvc repro` then runs the stages whose entries do not fit the merged tree, and fetches from the DVC
remote, if there is one, what the other side made. Run it in a merge whose other conflicts are resolved.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from aisle.pipeline import atomic, yaml_reader
from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError, some

LOCK = "dvc.lock"
BASE, OURS, THEIRS = 1, 2, 3
"""Git's numbers of the versions of a file in conflict."""


def git(*arguments: str) -> str:
    """Return what a Git command prints.

    Raises
    ------
    AisleError
        If it fails.
    """
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AisleError(f"git {arguments[0]} must succeed, but: {done.stderr.strip()}")
    return done.stdout


def conflicts() -> dict[str, set[int]]:
    """Return the files in conflict, by path from the root, and which versions of each there are."""
    found: dict[str, set[int]] = {}
    for entry in git("ls-files", "--unmerged", "-z", "--full-name").split("\0"):
        if entry:
            facts, path = entry.split("\t", 1)
            found.setdefault(path, set()).add(int(facts.split()[2]))
    return found


def merged(base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of both sides: of each stage that of the side that changed it, ours where both did.

    A stage that one side removed and the other left alone is gone.
    """
    result = {}
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        old, mine, other = (side.get(name) for side in (base, ours, theirs))
        entry = other if mine == old else mine
        entry = other if entry is None and other != old else entry  # ours removed what theirs changed
        if entry is not None:
            result[name] = entry
    return result


def outputs(stages: Mapping[str, Any]) -> set[str]:
    """Return the paths that stages write."""
    return {out["path"] for entry in stages.values() for out in entry.get("outs", ())}


def written_by(path: str, outs: set[str]) -> bool:
    """Return whether a file is an output, or in a folder that is one."""
    return any(path == out or path.startswith(f"{out}/") for out in outs)


def resolve(unmerged: Mapping[str, set[int]]) -> set[str]:
    """Resolve the files in conflict that the pipeline writes; return the paths that its stages write.

    Raises
    ------
    AisleError
        If other files are in conflict: nothing is changed then.
    """
    sides = {}
    for number in (BASE, OURS, THEIRS):
        conflict = f":{number}:{LOCK}" if number in unmerged.get(LOCK, ()) else None
        text = git("show", conflict) if conflict else "" if LOCK in unmerged else git("show", f":{LOCK}")
        sides[number] = yaml_reader.loads(text) or {}
    stages = {number: side.get("stages", {}) for number, side in sides.items()}
    outs = set().union(*map(outputs, stages.values())) | {LOCK}
    if by_hand := sorted(path for path in unmerged if not written_by(path, outs)):
        raise AisleError(
            f"what people write must be merged by people first: resolve {some(by_hand)}, `git add`, and run "
            "this again"
        )
    for path in sorted(unmerged.keys() - {LOCK}):  # both sides changed it: its stage will run
        if OURS in unmerged[path]:
            git("checkout", "--ours", "--", path)
            git("add", "--", path)
        else:
            git("rm", "--quiet", "--force", "--", path)
    if LOCK in unmerged:
        yaml = YAML()
        yaml.default_flow_style = False  # as DVC writes it
        with atomic.replacing(LOCK) as part, part.open("w", encoding="utf-8") as file:
            both = merged(stages[BASE], stages[OURS], stages[THEIRS])
            yaml.dump({**sides[THEIRS], **sides[OURS], "stages": both}, file)
        git("add", "--", LOCK)
    return outs


def dvc(*arguments: str, quiet: bool = False) -> bool:
    """Run DVC; return whether it succeeded."""
    shown = subprocess.DEVNULL if quiet else None
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], stdout=shown, stderr=shown, check=False)
    return done.returncode == 0


def main() -> None:
    """Resolve, run what must be, and stage what was written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    if inside := git("rev-parse", "--show-prefix").strip():
        raise AisleError(f"it must run in the root of the repository, but runs in {inside}")
    outs = resolve(conflicts())
    remote = ["--pull"] * dvc("remote", "default", quiet=True)
    if not dvc("repro", *remote):
        raise AisleError(f"{LOCK} is merged; then `dvc repro` must succeed, but did not: see above")
    outs |= outputs(yaml_reader.loads(Path(LOCK).read_text(encoding="utf-8")).get("stages", {}))
    changed = git("ls-files", "--modified", "--others", "--exclude-standard", "-z").split("\0")
    if written := sorted({path for path in changed if path and written_by(path, outs)}):
        git("add", "--", *written)
    print("Merged, run and staged: `git commit`, `dvc push`.")


if __name__ == "__main__":
    run(main, children=True)
