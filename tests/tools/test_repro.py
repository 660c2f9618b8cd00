"""tools/repro.py: which stages may run, told without DVC; tests/pipeline runs it on the pipeline itself."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aisle.pipeline.errors import AisleError
from tools import repro

DVC = """\
vars: [weights.yaml]
stages:
  digest_code:
    cmd: mkdir -p data/code && cp code.txt data/code/read.txt
    deps: [code.txt]
    outs: [data/code: {cache: false}]
  read:
    cmd: cat pictures/*.txt table.csv > products.csv
    deps: [data/code/read.txt, pictures, table.csv]
    params: [reading.level]
    outs: [products.csv]
  encode:
    foreach: ${encoders}
    do:
      cmd: mkdir -p features/${key} && echo ${item.size_} > features/${key}/vectors.txt
      deps: [products.csv]
      params: ["encoders.${key}", {weights.yaml: ["weights.${item.weights}"]}]
      outs: ["features/${key}"]
  report:
    cmd: ls features > page.html
    deps: [features]
    outs: [page.html]
"""
PARAMS = """\
reading: {level: 1e-3, other: 2}
encoders:
  bow: {weights: small, size_: 3}
  tfidf: {weights: large, size_: 4}
"""
STAGES = ["digest_code", "read", "encode@bow", "encode@tfidf", "report"]


def run(root, *command):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(command, cwd=root, env=os.environ | {"PATH": path}, check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a small pipeline that DVC has run."""
    root = tmp_path_factory.mktemp("made")
    library = root / "aisle.py"
    library.write_text("x = 1\n")
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    for name, text in {
        "dvc.yaml": DVC,
        "params.yaml": PARAMS,
        "weights.yaml": "weights: {small: {seed: 0}, large: {seed: 1}}\n",
        ".dvcignore": "# no data\n/docs\n.git*\n__pycache__\n",
        "code.txt": f"{digest}  aisle.py\n",
        "table.csv": "id\n1\n",
        "pictures/1.txt": "one\n",
        "pictures/2.txt": "two\n",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    for command in ("git init --quiet", "dvc init --quiet --force", "dvc repro --quiet"):
        run(root, *command.split())
    return root


@pytest.fixture
def root(made, tmp_path):
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def replace(root, name, old, new):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def test_nothing_runs_where_nothing_has_changed(root):
    assert repro.to_run(root) == ([], 5)
    assert repro.announcement([], 5) == "nothing has changed: none of the 5 stages will run"


def test_all_run_from_cold(root):
    (root / "dvc.lock").unlink()
    assert repro.to_run(root) == (STAGES, 5)
    assert repro.announcement(STAGES, 5) == "5 of 5 stages will run: digest_code, read, encode, report"


@pytest.mark.parametrize(
    ("name", "old", "new", "stages"),
    [
        ("params.yaml", "level: 1e-3", "level: 2e-3", STAGES[1:]),
        ("params.yaml", "level: 1e-3", "level: 0.001", []),
        ("params.yaml", "other: 2", "other: 3", []),
        ("params.yaml", "size_: 3", "size_: 5", ["encode@bow", "report"]),
        (
            "params.yaml",
            "encoders:\n",
            "encoders:\n  new: {weights: small, size_: 1}\n",
            ["encode@new", "report"],
        ),
        ("params.yaml", "  bow: {weights: small, size_: 3}\n", "", []),
        ("weights.yaml", "seed: 1", "seed: 2", ["encode@tfidf", "report"]),
        ("table.csv", "1", "2", STAGES[1:]),
        ("pictures/1.txt", "one", "three", STAGES[1:]),
        ("aisle.py", "1", "2", STAGES),
        ("dvc.yaml", "ls features", "ls -1 features", ["report"]),
        ("dvc.yaml", "deps: [features]", "deps: [features, table.csv]", ["report"]),
        ("dvc.yaml", "params: [reading.level]", "params: [reading]", STAGES[1:]),
        ("page.html", "bow", "", ["report"]),
    ],
)
def test_an_edit_runs_what_it_concerns(root, name, old, new, stages):
    replace(root, name, old, new)
    assert repro.to_run(root)[0] == stages


def test_what_is_missing_is_made_and_what_is_new_is_seen(root):
    (root / "pictures/3.txt").write_text("")
    assert repro.to_run(root)[0] == STAGES[1:]
    (root / "pictures/3.txt").unlink()
    shutil.rmtree(root / "features/bow")
    assert repro.to_run(root)[0] == ["encode@bow", "report"]


@pytest.mark.parametrize(
    ("name", "old", "new", "target", "stages"),
    [
        ("params.yaml", "size_: 3", "size_: 333", "encode", ["report"]),  # a folder above several outputs
        ("table.csv", "1", "2", "read", ["encode@bow", "encode@tfidf", "report"]),
    ],
)
def test_what_was_run_in_part_goes_on(root, name, old, new, target, stages):
    """As after `dvc exp apply`."""
    replace(root, name, old, new)
    run(root, "dvc", "repro", "--quiet", target)
    assert repro.to_run(root)[0] == stages


def test_files_that_are_no_data_do_not_count(root):
    (root / "pictures/.gitignore").write_text("/x\n")
    (root / "pictures/__pycache__").mkdir()
    (root / "pictures/__pycache__/x.pyc").write_text("x")
    assert repro.to_run(root)[0] == []


def test_an_upper_bound_is_named_as_one():
    said = repro.announcement(["encode@bow", "encode@tfidf", "report"], 5)
    assert said == "at most 3 of 5 stages will run: encode, report"


def test_the_answer_is_the_verdict(tmp_path):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/tables.md").write_text(
        "# shop\n\n## The answer\n\n**Feasible**: it is.\n\n**b**: c\n"
    )
    assert repro.answer(tmp_path) == "reports/index.html: Feasible: it is."


def test_nothing_runs_where_a_name_is_none(root, monkeypatch):
    """DVC would write it into a command, and a shell would run it."""
    replace(root, "params.yaml", "encoders:", "zero_shot: {'x;touch y': {}}\nencoders:")
    monkeypatch.setattr(repro, "ROOT", root)
    monkeypatch.setattr(repro.sys, "argv", ["repro"])
    monkeypatch.setattr(repro.subprocess, "run", lambda *_, **__: pytest.fail("DVC was started"))
    with pytest.raises(AisleError, match="a key of zero_shot must be a name"):
        repro.main()


def test_a_broken_lock_is_put_back_before_dvc_reads_it(root, monkeypatch, capsys):
    whole = (root / "dvc.lock").read_text()
    seen = []

    def dvc(*_, **__):
        seen.append((root / "dvc.lock").read_text())
        (root / "dvc.lock").write_text("")  # killed while it writes
        return subprocess.CompletedProcess([], 1)

    monkeypatch.setattr(repro, "ROOT", root)
    monkeypatch.setattr(repro.sys, "argv", ["repro", "-q"])
    monkeypatch.setattr(repro.subprocess, "run", dvc)
    for _ in range(2):
        with pytest.raises(SystemExit):
            repro.main()
    assert seen == [whole, whole]
    assert "dvc.lock was broken" in capsys.readouterr().out


def test_digests_written_by_hand_do_not_hide_that_the_code_is_another(root):
    (root / "aisle.py").write_text("x = 2\n")
    digest = hashlib.sha256((root / "aisle.py").read_bytes()).hexdigest()
    for name in ("code.txt", "data/code/read.txt"):  # as `python -m stages.digest_code` does
        (root / name).write_text(f"{digest}  aisle.py\n")
    assert "read" in repro.to_run(root)[0]


def test_on_one_core_too_stages_are_forks_of_one_process(root, monkeypatch):
    (root / "dvc.lock").unlink()
    began = []
    monkeypatch.setattr(repro.cores, "processors", lambda: 1)
    monkeypatch.setattr(repro.parallel_repro, "run", lambda *given: began.append(given) or True)
    monkeypatch.setattr(repro.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    repro.reproduce(root, [])
    assert began == [(root, STAGES, 1)]
