"""tools/retrain.py: a branch for what is new, merged or refused, taken back; in a small DVC repository."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from aisle.deployment.gates import Gate
from aisle.pipeline.cli import run
from tools import retrain

MAKE = """\
import json, pathlib, shutil, sys
labels = pathlib.Path("data/labels.csv").read_text()
if "kill" in labels and not pathlib.Path("again").exists():
    pathlib.Path("again").touch()
    sys.exit("killed")
folder = pathlib.Path("packages/champion")
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
(folder / "labels.csv").write_text(labels)
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/champion.json").write_text(json.dumps({"labels": labels.count("\\n")}))
"""
PIPELINE = """\
stages:
  train:
    cmd: {python} stages/make.py
    deps: [stages, data/labels.csv, features]
    outs: [packages/champion]
    metrics: [{{metrics/champion.json: {{cache: false}}}}]
  track:
    cmd: {python} track.py
    deps: [packages]
"""
TRACK = """\
import pathlib
pathlib.Path("mlflow.db").write_text(pathlib.Path("packages/champion/labels.csv").read_text())
"""
PARAMS = """\
retraining: {alpha: 0.05, newest_days: 30, min_newest: 30, max_coverage_loss: 0.05, max_size_ratio: 1.5,
  max_latency_ratio: 1.5, tie_size_ratio: 1.05}
"""


def call(folder, *command):
    """Run a command that must succeed; return what it prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def first_shop(tmp_path_factory, write_files) -> Path:
    """Return a repository whose pipeline has run once; copy it."""
    folder, python = tmp_path_factory.mktemp("shop"), Path(sys.executable).parent / "python"
    write_files(
        folder,
        {
            "stages/make.py": MAKE, "track.py": TRACK, "params.yaml": PARAMS,
            "dvc.yaml": PIPELINE.format(python=python), "data/labels.csv": "product_id\n1\n",
            ".gitignore": ".retrain/\nmlflow.db\nagain\n",
        },
    )  # fmt: skip
    (folder / "features").mkdir()  # which none writes here: Git does not know it
    call(folder, "git", "init", "--quiet")
    for key in ("name", "email"):
        call(folder, "git", "config", f"user.{key}", "test")
    dvc = str(python.with_name("dvc"))
    call(folder, dvc, "init", "--quiet")
    call(folder, dvc, "repro", "--quiet")
    call(folder, "git", "add", "--all")
    call(folder, "git", "commit", "--quiet", "-m", "first")
    return folder


@pytest.fixture
def shop(first_shop, tmp_path) -> Path:
    """Return a repository of its own, whose pipeline has run once."""
    return Path(shutil.copytree(first_shop, tmp_path / "shop", symlinks=True))


@pytest.fixture
def judge(monkeypatch):
    """Return a setter of the verdict of the gates, which have tests of their own; none is asked twice."""

    def set_to(passed: bool, times: int = 1) -> list[tuple[Path, Path]]:
        asked: list[tuple[Path, Path]] = []

        def judged(present, candidate, params):
            asked.append((present, candidate))
            assert len(asked) <= times
            return [Gate("accuracy", passed, "0.9 | before", "not worse")]

        monkeypatch.setattr(retrain.gates, "judge", judged)
        return asked

    return set_to


def command(shop, monkeypatch, *flags) -> int:
    """Run the tool; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["retrain", *flags, "--folder", str(shop)])
    try:
        run(retrain.main, children=True)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def state(shop) -> tuple[str, str, str]:
    """Return what is in use: the package, where the alias points, and the commit."""
    alias = shop / "mlflow.db"
    package = (shop / "packages/champion/labels.csv").read_text()
    return package, alias.read_text() if alias.exists() else "", call(shop, "git", "rev-parse", "HEAD")


def learn(shop, text: str) -> None:
    """Put labels."""
    (shop / "data/labels.csv").write_text(text)


def test_a_better_candidate_is_merged_and_taken_back(shop, judge, monkeypatch, capsys):
    before, asked = state(shop), judge(True)
    learn(shop, "product_id\n1\n2\n")
    assert command(shop, monkeypatch) == 0
    told = capsys.readouterr().out
    assert "may be merged" in told
    (branch,) = call(shop, "git", "branch", "--list", "--format=%(refname:short)", "retrain/*").split()
    assert branch.removeprefix("retrain/") in told
    assert state(shop) == before  # nothing is in use yet
    assert call(shop, "git", "show", f"{branch}:data/labels.csv").endswith("2")
    assert '"labels": 3' in call(shop, "git", "show", f"{branch}:metrics/champion.json")
    page = (shop / ".retrain" / f"{branch.removeprefix('retrain/')}.md").read_text()
    assert "May be merged" in page and "0.9 \\| before" in page
    assert json.loads((shop / ".retrain" / f"{branch.removeprefix('retrain/')}.json").read_text())["passed"]

    assert command(shop, monkeypatch) == 0  # again: the same branch, nothing is run or judged
    assert len(asked) == 1 and asked[0][0] == shop
    assert command(shop, monkeypatch, "--merge") == 0
    package, alias, head = state(shop)
    assert package == alias == "product_id\n1\n2\n" and head != before[2]
    assert call(shop, "git", "status", "--porcelain") == ""
    assert command(shop, monkeypatch, "--merge") == 0  # again: nothing
    assert state(shop)[2] == head
    assert command(shop, monkeypatch) == 0 and "nothing is new" in capsys.readouterr().out

    assert command(shop, monkeypatch, "--rollback") == 0
    package, alias, back = state(shop)
    assert package == alias == before[0] and back != head
    assert command(shop, monkeypatch, "--rollback") == 0  # again: nothing
    assert state(shop) == (package, alias, back)
    assert call(shop, sys.executable, "-m", "dvc", "status", "--quiet") == ""


def test_a_worse_candidate_is_refused_with_the_reason(shop, judge, monkeypatch, capsys):
    before = state(shop)
    judge(False)
    learn(shop, "product_id\n3\n")
    assert command(shop, monkeypatch) == 1
    assert "refused: accuracy: 0.9 | before, must be not worse" in capsys.readouterr().out
    assert command(shop, monkeypatch, "--merge") == 2
    assert "must have passed the gates" in capsys.readouterr().err
    assert state(shop) == before
    assert (shop / "data/labels.csv").read_text() == "product_id\n3\n"


def test_a_killed_run_leaves_what_is_in_use_and_goes_on(shop, judge, monkeypatch, capsys):
    before = state(shop)
    judge(True)
    learn(shop, "product_id\nkill\n")
    assert command(shop, monkeypatch) == 2
    assert state(shop) == before and not call(shop, "git", "branch", "--list", "retrain/*")
    assert command(shop, monkeypatch, "--merge") == 2  # there is no candidate
    assert command(shop, monkeypatch) == 0
    assert state(shop) == before


def test_a_merge_that_was_killed_is_ended_by_the_next(shop, judge, monkeypatch):
    judge(True)
    learn(shop, "product_id\n1\n4\n")
    assert command(shop, monkeypatch) == 0
    with monkeypatch.context() as patch:
        patch.setattr(retrain, "put_in_place", lambda root: (_ for _ in ()).throw(KeyboardInterrupt))
        assert command(shop, patch, "--merge") == 130
    assert "4" not in state(shop)[0]  # merged in Git, the old package is still there
    assert command(shop, monkeypatch, "--merge") == 0
    assert state(shop)[0] == state(shop)[1] == "product_id\n1\n4\n"


def test_what_else_differs_is_no_candidate(shop, judge, monkeypatch, capsys):
    judge(True)
    learn(shop, "product_id\n5\n")
    with (shop / "stages/make.py").open("a") as file:
        file.write("# changed\n")
    assert command(shop, monkeypatch) == 2
    assert "stages/make.py" in capsys.readouterr().err
    call(shop, "git", "checkout", "stages/make.py")
    (shop / "notes.txt").write_text("")
    assert command(shop, monkeypatch) == 2
    assert "notes.txt" in capsys.readouterr().err
    learn(shop, "product_id\n1\n")
    (shop / "notes.txt").unlink()
    assert command(shop, monkeypatch, "--merge") == 2  # nothing is new
    assert command(shop, monkeypatch, "--rollback") == 2  # nothing was merged


def test_the_workflow_runs_with_least_rights(repo):
    text = (repo / ".github/workflows/retrain.yml").read_text()
    flow = YAML(typ="safe").load(text)
    (job,) = flow["jobs"].values()
    assert flow["permissions"] == {"contents": "read"}
    assert job["permissions"] == {"contents": "write", "pull-requests": "write"}
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
    assert job["steps"][0]["with"]["persist-credentials"] is False
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert "tools/retrain.py" in commands and "${{" not in commands  # nothing from outside is run as shell
