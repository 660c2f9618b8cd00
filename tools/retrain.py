"""Retrain on new labels and products; a candidate that passes the gates may take the champion's place.

    python tools/retrain.py              run the pipeline on them, judge, make the branch retrain/<key>
    python tools/retrain.py --merge      merge that branch; the package and MLflow's alias follow
    python tools/retrain.py --in-place   after a pull request was merged and pulled: the same two follow
    python tools/retrain.py --rollback   take the last merged candidate back; package and alias follow

What is new is what differs from the last commit among the inputs of the pipeline: data/labels.csv, which
`make labels` fills, or another table. The key is a digest of the commit and of these, so the same command
gives the same branch. The pipeline runs in a clone, .retrain/<key>/, with the repository's DVC cache and item
cache and an MLflow store of its own: until the merge nothing of the repository changes, and a run that was
killed goes on where it stopped. The candidate is judged by aisle/deployment/gates.py with `retraining` of
params.yaml; a pull request's text is written to .retrain/<key>.md, the gates to .retrain/<key>.json.

Exit status: 0 done, 1 the candidate is refused, 2 an error.
"""

import argparse
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from jinja2 import Environment, StrictUndefined

from aisle.deployment import gates
from aisle.pipeline import atomic, dvc_file, escaping, item_cache, lock_file
from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import load_params
from aisle.pretrained import download

CODE = ("aisle", "stages")
"""Inputs of the pipeline that are none to learn from."""
FOLDER, PREFIX = ".retrain", "retrain/"
PASSED, ROLLED_BACK = "Aisle-Retrained", "Aisle-Rolled-Back"
"""Trailers of commits: of a merge, its key; of a rollback, the merge that it takes back."""
IDENTITY = ("-c", "user.name=aisle", "-c", "user.email=aisle@localhost")
OUTCOME = {True: "passed", False: "**failed**"}
TEXT = """\
**{{ "May be merged" if passed else "Refused" }}**: {{ reason }}

| gate | | found | must be |
|---|---|---|---|
{% for gate in gates -%}
| {{ gate.name }} | {{ outcome[gate.passed] }} | {{ gate.found | md }} | {{ gate.limit | md }} |
{% endfor %}
New: {{ changed | join(", ") }}.
"""


def git(root: Path, *arguments: str) -> str:
    """Return what a Git command prints in a folder.

    Raises
    ------
    AisleError
        If it fails.
    """
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip()
        raise AisleError(f"`git {' '.join(arguments)}` must succeed in {root}, but: {told}")
    return done.stdout.rstrip("\n")


def call(root: Path, command: list[str] | str, **variables: str) -> None:
    """Run a program of the environment in a folder; it says itself what is wrong.

    Raises
    ------
    AisleError
        If it fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = isinstance(command, str)  # a stage's own command, as DVC runs it
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PATH": path} | variables, shell=shell, check=False
    )
    if done.returncode:
        shown = command if shell else " ".join(command)
        raise AisleError(f"`{shown}` failed in {root}, see above; what ran before is kept, run this again")


def changed_inputs(root: Path) -> list[str]:
    """Return the inputs of the pipeline that differ from the last commit.

    Raises
    ------
    AisleError
        If other files differ too: a candidate is to differ by what it learned from alone.
    """
    stages = dvc_file.read(root).values()
    written = {path for stage in stages for path in stage.outputs}
    inputs = {path for stage in stages for path in stage.deps} - written - {*CODE}
    listed = git(root, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z").split("\0")
    paths = [entry[3:] for entry in listed if entry]
    code = {path for path in paths if path.split("/")[0] in CODE}
    data = [path for path in paths if any(Path(path).is_relative_to(each) for each in inputs)]
    data = [path for path in data if path not in code]
    if others := sorted({*paths} - {*data}):
        raise AisleError(
            f"all but the pipeline's inputs must be as committed; {some(others)} differ. Commit them, with a "
            "`dvc repro`, or put them aside: a candidate differs from the champion by what it learned from"
        )
    return sorted(data)


def digest(root: Path, changed: list[str]) -> str:
    """Return the key of a candidate: of the commit and of the contents of what is new."""
    found = sha256(git(root, "rev-parse", "HEAD").encode())
    for path in changed:
        file = root / path
        found.update(f"\0{path}\0".encode() + (file.read_bytes() if file.is_file() else b"deleted"))
    return found.hexdigest()[:12]


def clone(root: Path, key: str, changed: list[str]) -> Path:
    """Return a clone of the repository, with what is new; one that a killed run left is taken up.

    Raises
    ------
    AisleError
        If the pipeline reads what lies elsewhere by a relative path, which would lead from the clone to
        another place.
    """
    outside = [dep for stage in dvc_file.read(root).values() for dep in stage.deps if dep.startswith("..")]
    if outside:
        raise AisleError(
            f"what the pipeline reads must lie in the repository, or be named from the root of the disk; "
            f"{some(sorted({*outside}))} does not"
        )
    target = root / FOLDER / key
    if not (target / ".git" / "HEAD").is_file():
        git(root, "clone", "--quiet", "--no-checkout", str(root.resolve()), str(target))
    git(target, "checkout", "--quiet", "--force", "-B", f"{PREFIX}{key}", git(root, "rev-parse", "HEAD"))
    for path in changed:
        if (root / path).is_file():
            atomic.write_bytes(target / path, (root / path).read_bytes())
        else:
            (target / path).unlink(missing_ok=True)
    for dep in {dep for stage in dvc_file.read(root).values() for dep in stage.deps}:
        if (root / dep).is_dir():  # DVC wants it there, and Git knows no empty folder
            (target / dep).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    cache = (root / done.stdout.strip()).resolve()
    atomic.write_text(target / ".dvc" / "config.local", f"[cache]\n    dir = {cache}\n")
    return target


def reproduce(root: Path, target: Path) -> None:
    """Run the pipeline in the clone: alias and packages of the repository stay as they are."""
    tool = Path("tools", "repro.py")
    command = [str(tool)] if (target / tool).is_file() else ["-m", "dvc", "repro"]
    call(
        target,
        [sys.executable, *command],
        AISLE_CACHE=str(item_cache.folder(root.resolve()) or "off"),
        AISLE_WEIGHTS=str((root / download.store()).resolve()),
        MLFLOW_TRACKING_URI="sqlite:///mlflow.db",
        PYTHONPATH=str(target.resolve()),
    )
    lock_file.keep(target)


def describe(judged: list[gates.Gate], changed: list[str]) -> tuple[str, str]:
    """Return why a candidate may be merged or not, in one sentence, and the text of its pull request."""
    failed = [gate for gate in judged if not gate.passed]
    if failed:
        reason = "; ".join(f"{gate.name}: {gate.found}, must be {gate.limit}" for gate in failed)
    else:
        reason = f"all of {len(judged)} gates are passed. {judged[0].name.capitalize()}: {judged[0].found}"
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters["md"] = escaping.markdown
    text = environment.from_string(TEXT).render(
        passed=not failed, outcome=OUTCOME, reason=escaping.markdown(reason), gates=judged, changed=changed
    )
    return reason, text


def commit(target: Path, key: str, changed: list[str], verdict: str, passed: bool) -> None:
    """Commit what the pipeline wrote in the clone; the trailer says whether the gates are passed."""
    git(target, "add", "--all")
    message = (
        f"Retrain on {', '.join(changed)}\n\n{verdict}\n\nAisle-Gates: {'passed' if passed else 'failed'}"
    )
    git(target, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", f"{message}\nAisle-Key: {key}")


def trailer(root: Path, revision: str, name: str) -> str:
    """Return a trailer of a commit, "" without one."""
    return git(root, "log", "-1", f"--format=%(trailers:key={name},valueonly)", revision).strip()


def has_branch(root: Path, name: str) -> bool:
    """Whether there is a branch."""
    return bool(git(root, "branch", "--list", name))


def retrain(root: Path) -> bool:
    """Make the candidate's branch and texts; return whether it may be merged."""
    changed = changed_inputs(root)
    if not changed:
        print("nothing is new: the pipeline's inputs are as committed. `make labels` fetches labels.")
        return True
    key = digest(root, changed)
    branch, page = f"{PREFIX}{key}", root / FOLDER / f"{key}.md"
    if not (has_branch(root, branch) and page.is_file()):
        target = clone(root, key, changed)
        reproduce(root, target)
        judged = gates.judge(
            root, target, load_params(root / "params.yaml", "retraining", gates.RetrainingParams)
        )
        reason, text = describe(judged, changed)
        facts = gates.as_dict(judged)
        commit(target, key, changed, reason, facts["passed"])
        report = root / "tools" / "pr_report.py"
        if report.is_file():
            out = target / ".git" / "aisle-report.md"
            call(target, [sys.executable, str(report), "HEAD~1", "HEAD", "--output", str(out)])
            text += "\n" + out.read_text(encoding="utf-8")
        atomic.write_text(
            root / FOLDER / f"{key}.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        )
        git(root, "fetch", "--quiet", "--force", str(target.resolve()), f"{branch}:{branch}")
        atomic.write_text(page, text)
    passed = trailer(root, branch, "Aisle-Gates") == "passed"
    subject = git(root, "log", "-1", "--format=%b", branch).split("\n\n")[0]
    print(f"{branch}: {'may be merged' if passed else 'refused'}: {' '.join(subject.split())}")
    print(f"text of the pull request: {page}")
    return passed


def merged(root: Path, key: str) -> bool:
    """Whether a candidate was merged into HEAD."""
    return bool(git(root, "log", "--first-parent", "--format=%H", f"--grep=^{PASSED}: {key}$", "HEAD"))


def merge(root: Path) -> None:
    """Merge the candidate of what is new, and put its package and alias in place; safe to run again.

    Raises
    ------
    AisleError
        If there is no candidate of this commit and these inputs, or it did not pass the gates.
    """
    changed = changed_inputs(root)
    if not changed:
        last = last_merge(root)
        if last is None:
            raise AisleError("there must be a candidate to merge; nothing is new. Run tools/retrain.py first")
        put_in_place(root)  # a merge that was killed before it was through
        print(f"{last[1]} is merged already; package and alias are in place")
        return
    key = digest(root, changed)
    branch = f"{PREFIX}{key}"
    if not has_branch(root, branch):
        raise AisleError(
            f"there must be the branch {branch}, a candidate of this commit and these inputs; there is none. "
            "Run tools/retrain.py first"
        )
    if trailer(root, branch, "Aisle-Gates") != "passed":
        raise AisleError(f"{branch} must have passed the gates; it did not, see {FOLDER}/{key}.md")
    for path in changed:  # the branch has them, byte for byte: the key says so
        if git(root, "ls-tree", "HEAD", "--", path):
            git(root, "checkout", "HEAD", "--", path)
        else:
            (root / path).unlink()
    message = f"Merge {branch}\n\n{PASSED}: {key}"
    git(root, *IDENTITY, "merge", "--quiet", "--no-ff", "-m", message, branch)
    put_in_place(root)
    print(f"{branch} is merged; package and alias are in place")


def last_merge(root: Path) -> tuple[str, str] | None:
    """Return the last merged candidate that was not taken back: commit and key; None without one."""
    trailers = "\t".join(f"%(trailers:key={key},valueonly,separator=%x2c)" for key in (PASSED, ROLLED_BACK))
    taken_back: set[str] = set()
    for line in git(root, "log", "--first-parent", f"--format=%H\t{trailers}", "HEAD").splitlines():
        revision, key, back = line.split("\t")
        if back:
            taken_back.add(back)
        elif key and revision not in taken_back:
            return revision, key
    return None


def rollback(root: Path) -> None:
    """Take the last merged candidate back by a commit, and put the package and alias of before in place.

    Its labels go with it, for outputs and inputs belong together; they stay in the merge and the store.

    Raises
    ------
    AisleError
        If none was merged, or files differ from the last commit.
    """
    if dirty := git(root, "status", "--porcelain", "--untracked-files=no"):
        raise AisleError(f"all files must be as committed; these differ: {some(dirty.splitlines())}")
    back = git(root, "log", "-1", f"--format=%(trailers:key={ROLLED_BACK},valueonly)").strip()
    if back:
        put_in_place(root)
        print(f"{back[:12]} is taken back already; package and alias are in place")
        return
    last = last_merge(root)
    if last is None:
        raise AisleError("there must be a merged candidate to take back; there is none")
    revision, key = last
    git(root, *IDENTITY, "revert", "--no-commit", "--mainline", "1", revision)
    message = f"Take {PREFIX}{key} back\n\n{ROLLED_BACK}: {revision}"
    git(root, *IDENTITY, "commit", "--quiet", "-m", message)
    put_in_place(root)
    print(
        f"{PREFIX}{key} is taken back; package and alias are in place. Its labels: `git show {revision[:12]}`"
    )


def put_in_place(root: Path) -> None:
    """Make the outputs those of dvc.lock, and move MLflow's aliases; the service looks at the package."""
    call(root, [sys.executable, "-m", "dvc", "checkout", "--quiet", "--force"])
    stages = dvc_file.read(root)
    if track := stages.get("track"):
        call(root, track.cmd, PYTHONPATH=str(root.resolve()))


def main() -> None:
    """Do what the flags say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--merge", action="store_true", help="merge the candidate that passed the gates")
    what.add_argument("--in-place", action="store_true", help="make package and alias those of this commit")
    what.add_argument("--rollback", action="store_true", help="take the last merged candidate back")
    parser.add_argument("--folder", type=Path, default=Path(), help="the repository (%(default)s)")
    args = parser.parse_args()
    with atomic.alone(args.folder / FOLDER / ".lock"):
        if args.merge:
            merge(args.folder)
        elif args.in_place:
            put_in_place(args.folder)
        elif args.rollback:
            rollback(args.folder)
        elif not retrain(args.folder):
            raise SystemExit(1)


if __name__ == "__main__":
    run(main, children=True)
