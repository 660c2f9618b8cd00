"""tools/parallel_repro.py: stages side by side, in a small pipeline with DVC."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aisle.pipeline.params import read_yaml
from tools import parallel_repro

WAIT = """\
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:])
pathlib.Path("started").mkdir(exist_ok=True)
(pathlib.Path("started") / mine.name).touch()
end = time.monotonic() + 60
while not (pathlib.Path("started") / other.name).exists():
    if time.monotonic() > end:
        sys.exit(f"{other} did not start")
    time.sleep(0.02)
mine.write_text(pathlib.Path("table.txt").read_text())
print(f"{mine} is made")
"""
DVC = """\
stages:
  report: {{cmd: "cat right.txt left.txt > report.txt", deps: [left.txt, right.txt], outs: [report.txt]}}
  right: {{cmd: "{python} wait.py right.txt left.txt", deps: [table.txt], outs: [right.txt]}}
  left: {{cmd: "{python} wait.py left.txt right.txt", deps: [table.txt], outs: [left.txt]}}
  ingest: {{cmd: "{ingest}", deps: [given.txt], outs: [table.txt]}}
"""
INGEST = "cp given.txt table.txt && echo " + " ".join(["a command that is longer than a line"] * 5)
NAMES = ["report", "right", "left", "ingest"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """Return a repository of DVC without a pipeline; copy it."""
    root = tmp_path_factory.mktemp("empty")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=root, check=True)
    return root


@pytest.fixture
def make_root(empty, tmp_path, write_files, monkeypatch):
    """Return a maker of repositories with the small pipeline."""

    def make(name: str, ingest: str = INGEST) -> Path:
        root = Path(shutil.copytree(empty, tmp_path / name))
        python = Path(sys.executable)
        files = {"dvc.yaml": DVC.format(python=python, ingest=ingest), "given.txt": "a\n", "wait.py": WAIT}
        write_files(root, files)
        return root

    return make


def test_two_run_at_a_time_and_none_before_what_it_reads(make_root, capfd):
    root = make_root("a")
    assert parallel_repro.run(root, NAMES, 2)  # left waits for right, and right for left
    assert (root / "report.txt").read_text() == "a\na\n"
    told = capfd.readouterr().out
    assert told.index("Running stage 'ingest'") < told.index("left.txt is made") < told.index("cat right.txt")
    left = told[told.index("Running stage 'left'") :].splitlines()
    assert left[2] == "left.txt is made"  # in one piece
    assert "git add" not in told
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=root, capture_output=True, text=True, check=True
    )
    assert "up to date" in done.stdout


def test_the_lock_file_is_that_of_dvc_whoever_was_faster(make_root):
    root, one_by_one = make_root("a"), make_root("b")
    for name in ("left.txt", "right.txt"):
        (one_by_one / "started").mkdir(exist_ok=True)
        (one_by_one / "started" / name).touch()  # so that none waits
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=one_by_one, check=True)
    assert parallel_repro.run(root, NAMES, 2)
    parallel_repro.put_in_order(root, [])
    assert (root / "dvc.lock").read_bytes() == (one_by_one / "dvc.lock").read_bytes()
    parallel_repro.put_in_order(root, ["left", "gone", "right"])  # what was there keeps its place
    assert [*read_yaml(root / "dvc.lock")["stages"]] == ["left", "right", "ingest", "report"]


def test_after_a_failure_nothing_starts_that_needs_it(make_root, capfd):
    root = make_root("a", ingest="echo it is broken >&2; exit 3")
    assert not parallel_repro.run(root, NAMES, 2)
    assert "it is broken" in capfd.readouterr().out
    assert not (root / "left.txt").exists() and not (root / "report.txt").exists()


def test_the_longest_way_first():
    needs = {"a": set(), "b": {"a"}, "c": {"b"}, "d": set()}
    assert parallel_repro.lengths(needs) == {"a": 3, "b": 2, "c": 1, "d": 1}
