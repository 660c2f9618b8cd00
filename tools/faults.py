"""Kill `dvc repro` at random moments, fill the disk under each kind of output, and count what is lost.

Two parts, whose figures go to docs/benchmarks/faults.json:

kills: a small pipeline, the first stages of the repository's own on the built-in catalogue, is run from
cold in a folder of its own, killed (SIGKILL, with all that it started) at a random moment, and run to
its end as `make repro` does. `kill_differences` are runs whose dvc.lock or outputs then differ from those
of a run that nobody killed.

disk_full: commands of the repository's pipeline, which must have run, with outputs redirected to a temporary
folder and no file allowed above 4 kB; also predictions in the place of their input. `tracebacks` are commands
that showed one, `lost` those after which an input is not what it was, or an output neither that nor whole. A
command that does not fail there is no point and an error.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.pipeline import atomic, dvc_file, lock_file
from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import read_yaml
from tools.study import CODE, LABELS, OUTPUTS

ROOT = Path(__file__).resolve().parent.parent
SMALL = ("digest_code", "ingest", "prepare_images", "preprocess_text", "make_folds", "classify")
CLASSIFIERS = ("text_baseline",)
POINTS = (
    "ingest",
    "prepare_images",
    "preprocess_text",
    "make_folds",
    "explore",
    "embed_text@tfidf",
    "embed_images@descriptors",
    "classify@text_baseline",
    "fuse",
    "champion",
    "report",
)
"""Stages, each with another kind of output: tables, pictures, features, models, packages, a page."""
LIMIT = 4096  # bytes of a file
OLD = b"what was here before"


def environment(**more: str) -> dict[str, str]:
    """Return the environment of what is started: this one's programs, the code of the folder it runs in."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": ".", **more}


def digests(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file at or below some paths."""
    found = {}
    for path in sorted({*paths}):
        place = root / path
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file():
                found[file.relative_to(root).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def small_pipeline(root: Path) -> None:
    """Make a folder with the small pipeline, a Git and DVC repository with a cache of its own."""
    for name in (*CODE, LABELS, "data/sample", "weights.yaml"):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    yaml = YAML()
    pipeline, params = yaml.load(ROOT / "dvc.yaml"), yaml.load(ROOT / "params.yaml")
    pipeline["stages"] = {name: pipeline["stages"][name] for name in SMALL}
    pipeline.pop("plots", None)
    params["classifiers"] = {name: params["classifiers"][name] for name in CLASSIFIERS}
    yaml.dump(pipeline, root / "dvc.yaml")
    yaml.dump(params, root / "params.yaml")
    for command in (["git", "init", "--quiet"], ["dvc", "config", "--local", "core.analytics", "false"]):
        subprocess.run(command, cwd=root, env=environment(), check=True, capture_output=True)


GIVEN = ("sample", ".gitignore", "adjudicated.csv", "category_changes.csv", "labels.csv", "pretrained")
"""What lies among the outputs and no run has made."""


def cool(root: Path) -> None:
    """Remove what a run has made, DVC's cache with it."""
    for name in (*OUTPUTS, ".dvc/cache"):
        for path in (root / name).glob("*"):
            if path.name not in GIVEN:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / lock_file.LOCK).unlink(missing_ok=True)


def repro(root: Path, after: float | None = None) -> float:
    """Run the pipeline, to its end or until it is killed after some seconds; return how long it ran."""
    begun = time.monotonic()
    with subprocess.Popen(
        ["dvc", "repro"], cwd=root, env=environment(AISLE_CACHE="off"), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            said = process.communicate(timeout=after)[1]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return time.monotonic() - begun
    if process.returncode:
        raise AisleError(f"`dvc repro` in {root} must end; it said: {said[-2000:]}")
    return time.monotonic() - begun


def state(root: Path) -> dict[str, str]:
    """Return the digests of dvc.lock and of every output."""
    outputs = [path for stage in dvc_file.read(root).values() for path in stage.outputs]
    return digests(root, [lock_file.LOCK, *outputs])


def kills(root: Path, count: int, seed: int) -> dict[str, int]:
    """Kill the small pipeline so many times, each time run it to its end, and compare."""
    small_pipeline(root)
    seconds = repro(root)
    expected, rng, different = state(root), random.Random(seed), 0
    for number in range(1, count + 1):
        cool(root)
        moment = rng.uniform(0.2, 0.95) * seconds
        repro(root, moment)
        lock_file.restore(root)
        lock_file.keep(root)
        repro(root)
        found = state(root)
        names = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        different += bool(names)
        told = f"differs in {some(names)}" if names else "the same"
        print(f"kill {number} of {count} after {moment:.1f} of {seconds:.1f} s: {told}", flush=True)
    return {"kills": count, "kill_differences": different}


def limited(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository that may write no file above LIMIT; caches are off."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    return subprocess.run(
        command, cwd=ROOT, env=environment(AISLE_CACHE="off"), preexec_fn=limit,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def stage_point(stage: dvc_file.Stage, folder: Path) -> tuple[list[str], dict[Path, bytes]]:
    """Return a stage's command with its outputs in a folder, and the old files that lie there."""
    moved = {path: str(folder / path) for path in stage.outputs}
    old = {Path(path): OLD for path in moved.values() if Path(path).suffix}
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(OLD)
    words = [moved.get(word, word) for word in shlex.split(stage.cmd)]
    return [sys.executable if word == "python" else word for word in words], old


def predict_point(folder: Path) -> tuple[list[str], dict[Path, bytes]]:
    """Return the command that predicts a table into its own place, and that table."""
    table = folder / "products.csv"
    rows = "".join(f"{number},wall clock of wood number {number}\n" for number in range(300))
    table.write_text(f"id,title\n{rows}", encoding="utf-8")
    command = [sys.executable, "-m", "aisle.predict", "--model", "champion"]
    return [*command, "--input", str(table), "--output", str(table)], {table: table.read_bytes()}


def is_whole(path: Path, folder: Path, before: bytes) -> bool:
    """Whether a file is what it was, or what the pipeline made of it: there is room for a small one."""
    made = ROOT / path.relative_to(folder)
    wanted = [before, *([made.read_bytes()] if made.is_file() else [])]
    return path.is_file() and path.read_bytes() in wanted


def full_disk() -> dict[str, int]:
    """Run each point with a full disk and count."""
    stages, found = dvc_file.read(ROOT), {"disk_full": 0, "tracebacks": 0, "lost": 0}
    if lacking := sorted({*POINTS} - {*stages}):
        raise AisleError(f"dvc.yaml must have the stages of POINTS; it lacks {some(lacking)}")
    for name in (*POINTS, "predict"):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            command, old = predict_point(folder) if name == "predict" else stage_point(stages[name], folder)
            inputs = ["packages/champion"] if name == "predict" else stages[name].deps
            before = digests(ROOT, inputs)
            done = limited(command)
            kept = all(is_whole(path, folder, content) for path, content in old.items())
            lost = digests(ROOT, inputs) != before or not kept
        if not done.returncode:
            raise AisleError(f"{name} must fail where no file may have more than {LIMIT} bytes; it did not")
        traceback = "Traceback (most recent call last)" in done.stderr
        found["disk_full"] += 1
        found["tracebacks"] += traceback
        found["lost"] += lost
        print(f"{name}: {done.stderr.strip().splitlines()[-1][:150]}{', LOST' * lost}", flush=True)
    return found


def main() -> None:
    """Run both parts, or one, and write their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=20, help="how many (%(default)s); 0 leaves that part out"
    )
    parser.add_argument("--no-disk-full", action="store_true", help="leave that part out")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/benchmarks/faults.json")
    args = parser.parse_args()
    result: dict[str, Any] = read_yaml(args.output) if args.output.is_file() else {}
    if args.kills:
        with tempfile.TemporaryDirectory() as place:
            result |= kills(Path(place), args.kills, args.seed)
    if not args.no_disk_full:
        result |= full_disk()
    atomic.write_text(args.output, json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    run(main, children=True)
