"""tools/pr_report.py on a small Git and DVC repository, run as a user runs it."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "pr_report.py"
ENV = {
    **os.environ,
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_NAME": "Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "tester@example.org" for who in ("AUTHOR", "COMMITTER")},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}

DVC_YAML = """\
stages:
  prepare:
    cmd: [python stages/prepare.py, python -V]
    deps: [stages/prepare.py, library/text.py, data/raw.txt]
    params: [prepare]
    outs: [data/items.txt]
  embed:
    foreach: ${encoders}
    do:
      cmd: python stages/embed.py ${key}
      deps: [stages/embed.py, data/items.txt]
      params: ["encoders.${key}"]
      outs: ["features/${key}.txt"]
  score:
    cmd: python stages/score.py
    deps: [stages/score.py, features]  # a folder of results
    metrics:
      - metrics/score.json: {cache: false}
"""
# No param is named size or nfiles: DVC's run cache ignores these, see treeverse/dvc#10296.
PARAMS = """\
prepare: {seed: 1, limit: 10}
encoders:
  bow: {width: 5}
  tfidf: {width: 7}
"""
PREPARE = """\
from pathlib import Path
Path("data").mkdir(exist_ok=True)
Path("data/items.txt").write_text("items")
"""
EMBED = """\
import sys
from pathlib import Path
Path("features").mkdir(exist_ok=True)
line = [line for line in Path("params.yaml").read_text().splitlines() if sys.argv[1] in line][0]
Path(f"features/{sys.argv[1]}.txt").write_text(line)
"""
SCORE = """\
import json
from pathlib import Path
Path("metrics").mkdir(exist_ok=True)
Path("metrics/score.json").write_text(json.dumps(METRICS, indent=2))
"""
BEFORE = {
    "catalogue": "sample (synthetic)",
    "cv": {
        "f1": {"value": 0.90, "value_sd": 0.02, "value_low": 0.88, "value_high": 0.92},
        "ari": 0.50,
        "ari_sd": 0.04,
        "accuracy": 0.70,
        "accuracy_sd": 0.01,
    },
    "seconds": 12.0,
    "steady": 3,
    "steady_sd": 0.5,
    "loss": math.nan,
    "lost": math.nan,
    "empty": None,
    "emptied": 0.25,
    "dropped": 1,
    "model": "bow|tfidf",
    "orphan_sd": 0.125,
}
AFTER = {
    "catalogue": "sample (synthetic)",
    "cv": {
        "f1": {"value": 0.91, "value_sd": 0.02, "value_low": 0.89, "value_high": 0.93},
        "ari": 0.44,
        "ari_sd": 0.04,
        "accuracy": 0.80,
        "accuracy_sd": 0.03,
    },
    "seconds": 24.0,
    "steady": 3,
    "steady_sd": 0.6,
    "loss": math.nan,
    "lost": 0.1,
    "empty": None,
    "emptied": None,
    "added": 2,
    "model": "@minilm",
    "orphan_sd": 0.25,
}


def sh(*args: str, cwd: Path) -> str:
    done = subprocess.run(args, cwd=cwd, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


REVIEW = {
    "confusion": """\
role,model,actual,predicted,products,catalogue
floor,bow,cup,cup,20,sample
floor,bow,cup,<b>|x,3,sample
champion,both,cup,cup,21.5,sample
champion,both,cup,lamp,1.5,sample
champion,both,lamp,lamp,30,sample
best,both,cup,cup,21.5,sample
best,both,cup,lamp,1.5,sample
best,both,lamp,lamp,30,sample
""",
    "risk_coverage": """\
role,model,coverage,error,catalogue
floor,bow,0.1,0,sample
floor,bow,1,0.2,sample
champion,both,0.5,0.001,sample
champion,both,0.8,0.012,sample
champion,both,1,0.03,sample
best,both,0.5,0.001,sample
best,both,0.8,0.012,sample
best,both,1,0.03,sample
""",
    "decisions": """\
role,model,protocol,temperature,threshold,target_error,coverage,error,catalogue
floor,bow,cv,1,inf,0.01,0.1,0,sample
champion,both,cv,1,0.9,0.01,0.75,0.0098,sample
best,both,cv,1,0.9,0.01,0.75,0.0098,sample
""",
}
"""The committed tables of stages/review.py."""


def review(**edits: tuple[str, str]) -> dict[str, str]:
    """Return the files, some with a text replaced."""
    texts = {name: text.replace(*edits.get(name, ("", ""))) for name, text in REVIEW.items()}
    return {f"metrics/review/{name}.csv": text for name, text in texts.items()}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a history of committed figures: bare, first, better (the champion's), other (another champion)."""
    root = tmp_path_factory.mktemp("reviewed")
    sh("git", "init", "--quiet", "--initial-branch=main", cwd=root)
    sh(sys.executable, "-m", "dvc", "init", "--quiet", cwd=root)
    commit(root, "bare", repro=False)
    write(root, review())
    commit(root, "first", repro=False)
    better = {
        "confusion": ("both,cup,lamp,1.5", "both,cup,lamp,0.25"),
        "risk_coverage": ("both,0.8,0.012", "both,0.8,0.0095"),
        "decisions": ("both,cv,1,0.9,0.01,0.75,0.0098", "both,cv,1,0.88,0.01,0.8,0.0095"),
    }
    write(root, review(**better))
    commit(root, "better", repro=False)
    write(root, {path: text.replace("champion,both", "champion,use") for path, text in review().items()})
    commit(root, "other", repro=False)
    return root


def test_figures_before_and_after(reviewed: Path) -> None:
    """The champion is the best too, and told once; the floor has not changed, and is not told."""
    told = section(report("first", "better", cwd=reviewed), "Figures that changed")
    title = "Confusion matrix of the champion (<code>both</code>): 1 cell changed, 1.5 to 0.2 products wrong"
    assert f"<details><summary>{title}</summary>\n\n| true |" in told
    assert "| `cup` | `lamp` | 1.5 | 0.2 | -1.2 |" in told
    risk = told.split("Risk and coverage of the champion (<code>both</code>)</summary>")[1]
    for line in (
        "| coverage at 0.5% errors | 50.0% | 50.0% | |",
        "| coverage at 1.0% errors | 50.0% | 80.0% | changed |",
        "| coverage at 2.0% errors | 80.0% | 80.0% | |",
        "| coverage at 5.0% errors | 100.0% | 100.0% | |",
        "| threshold for new products | 0.9000 | 0.8800 | changed |",
        "| decided automatically, target 1.0% | 75.0% | 80.0% | changed |",
        "| errors among these | 0.98% | 0.95% | changed |",
    ):
        assert line in risk, risk
    assert told.count("<details>") == told.count("</details>") == 2


def test_another_champion_is_compared_with_the_former(reviewed: Path) -> None:
    told = section(report("better", "other", cwd=reviewed), "Figures that changed")
    assert "champion (<code>both</code> to <code>use</code>): 1 cell changed, 0.2 to 1.5 products" in told
    assert "Confusion matrix of the best (<code>both</code>): 1 cell" in told


def test_figures_that_did_not_change_are_not_told(reviewed: Path, text: str) -> None:
    assert "Figures that changed" not in report("first", "first", cwd=reviewed)
    assert "Figures that changed" not in text  # a repository without them


def test_figures_that_are_new_or_gone(reviewed: Path) -> None:
    told = section(report("bare", "first", cwd=reviewed), "Figures that changed")
    assert "The champion <code>both</code> is new." in told and "<details>" not in told
    assert "The floor <code>bow</code> is gone." in report("first", "bare", cwd=reviewed)


def test_categories_and_models_are_shown_as_text(reviewed: Path, tmp_path: Path) -> None:
    """Names come from data: they are neither HTML, nor table cells, nor mentions."""
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", "--branch=first", str(reviewed), str(clone), cwd=tmp_path)
    changed = review(confusion=("<b>|x,3", "<b>|x,4"))
    write(clone, {path: text.replace(",bow,", ",<i>@x,") for path, text in changed.items()})
    sh("git", "commit", "--quiet", "--all", "--message=names", cwd=clone)
    told = section(report("first", cwd=clone), "Figures that changed")
    assert "floor (<code>bow</code> to <code>&lt;i&gt;@x</code>): 1 cell changed" in told
    assert "| `cup` | `<b>\\|x` | 3.0 | 4.0 | +1.0 |" in told


@pytest.mark.parametrize("damage", [("predicted", "guess"), ("both,cup,cup,21.5", "both,cup,cup,many")])
def test_unreadable_figures_are_named(reviewed: Path, tmp_path: Path, damage: tuple[str, str]) -> None:
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", "--branch=first", str(reviewed), str(clone), cwd=tmp_path)
    write(clone, review(confusion=damage))
    sh("git", "commit", "--quiet", "--all", "--message=broken", cwd=clone)
    assert "**Unreadable at `HEAD`:** `metrics/review/confusion.csv`" in report("first", cwd=clone)


DIGESTED = """\
stages:
  digest_code:
    cmd: mkdir -p data/code && sha256sum library/*.py > data/code/score.txt
    deps: [library]
    outs:
      - data/code: {cache: false}
  score:
    cmd: python -m library.score
    deps: [data/code/score.txt]
    metrics:
      - metrics/score.json: {cache: false}
"""


@pytest.fixture
def digested(tmp_path: Path) -> Path:
    """Make a history of before, after, unrun and half (run in part); a stage has a digest of its code."""
    sh("git", "init", "--quiet", "--initial-branch=main", cwd=tmp_path)
    sh(sys.executable, "-m", "dvc", "init", "--quiet", cwd=tmp_path)
    library = {"library/__init__.py": "", "library/text.py": "", "library/score.py": score(BEFORE)}
    write(tmp_path, {"dvc.yaml": DIGESTED, ".dvcignore": "__pycache__\n", **library})
    write(tmp_path, {".gitignore": "__pycache__\n"})
    commit(tmp_path, "before")
    write(tmp_path, {"library/text.py": "ONE = 1\n", "library/score.py": score(AFTER)})
    commit(tmp_path, "after")
    write(tmp_path, {"library/text.py": "ONE = 2\n"})
    commit(tmp_path, "unrun", repro=False)
    sh(sys.executable, "-m", "dvc", "repro", "--quiet", "digest_code", cwd=tmp_path)
    commit(tmp_path, "half", repro=False)
    return tmp_path


def test_files_behind_a_digest_of_code_are_named(digested: Path) -> None:
    text = report("before", "after", cwd=digested)
    assert cells(text, "Stages that changed")["score"] == [
        "re-run, result changed",
        "script `library/score.py`; library `library/text.py`",
    ]
    assert "None: dvc.lock agrees" in section(text, "Stale stages")
    assert "digest_code" not in text  # it runs at every edit, and every stage comes after it


def test_code_that_was_not_run_is_stale_behind_its_digest(digested: Path) -> None:
    stale = cells(report("after", "unrun", cwd=digested), "Stale stages")
    assert stale == {"digest_code": ["`library`"], "score": ["`library/text.py`"]}
    half = report("after", "half", cwd=digested)
    assert cells(half, "Stale stages") == {"score": ["`data/code/score.txt`"]}
    assert "None." in section(half, "Stages that changed")  # its digest is new, but it has not run


def test_files_as_deps_before_and_a_digest_after(digested: Path) -> None:
    """What has not changed is not said to have changed."""
    sh("git", "checkout", "--quiet", "after", cwd=digested)
    files = "library/__init__.py, library/score.py, library/text.py"
    pipeline = DIGESTED.replace("data/code/score.txt", files)
    write(digested, {"dvc.yaml": "stages:\n" + pipeline[pipeline.index("  score:") :]})
    commit(digested, "files")
    assert cells(report("files", "after", cwd=digested), "Stages that changed") == {}
    text = cells(report("files", "unrun", cwd=digested), "Stale stages")
    assert text["score"] == ["`library/text.py`"]


def score(metrics: dict) -> str:
    return SCORE.replace("METRICS", repr(metrics).replace("nan", 'float("nan")'))


def commit(root: Path, tag: str, repro: bool = True) -> None:
    if repro:
        sh(sys.executable, "-m", "dvc", "repro", "--quiet", cwd=root)
    sh("git", "add", "--all", cwd=root)
    sh("git", "commit", "--quiet", "--message", tag, cwd=root)
    sh("git", "tag", tag, cwd=root)


def pr_report(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *args], cwd=cwd, env=ENV, capture_output=True, text=True)


def report(*args: str, cwd: Path) -> str:
    done = pr_report(*args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def section(text: str, title: str) -> str:
    return text.split(f"### {title}\n")[1].split("\n### ")[0]


def cells(text: str, title: str) -> dict[str, list[str]]:
    """Rows of the tables of a section by their key: the second cell of metrics and params, else the first."""
    rows = [line for line in section(text, title).splitlines() if line.startswith("| `")]
    split = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    at = 1 if title in ("Metrics that changed", "Params") else 0
    keyed = {row[at].strip("`"): row[:at] + row[at + 1 :] for row in split}
    assert len(keyed) == len(split)
    return keyed


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a history of the tags empty, bare, before, after and unrun (code and params without dvc repro)."""
    root = tmp_path_factory.mktemp("project")
    sh("git", "init", "--quiet", "--initial-branch=main", cwd=root)
    write(root, {"README.md": "A project that has no pipeline yet.\n"})
    commit(root, "empty", repro=False)
    sh(sys.executable, "-m", "dvc", "init", "--quiet", cwd=root)
    commit(root, "bare", repro=False)
    write(root, {"data/raw.txt": "raw"})
    sh(sys.executable, "-m", "dvc", "add", "--quiet", "data/raw.txt", cwd=root)
    write(root, {"dvc.yaml": DVC_YAML, "params.yaml": PARAMS, "library/text.py": "ONE = 1\n"})
    write(root, {"stages/prepare.py": PREPARE, "stages/embed.py": EMBED, "stages/score.py": score(BEFORE)})
    commit(root, "before")
    more = "  use: {width: 9}\n"
    params = PARAMS.replace("seed: 1", "seed: 2").replace("width: 5", "width: 50") + more
    write(root, {"params.yaml": params, "library/text.py": "ONE = 2\n", "stages/score.py": score(AFTER)})
    commit(root, "after")
    write(
        root,
        {"stages/embed.py": EMBED + "# edited\n", "params.yaml": params.replace("width: 7", "width: 70")},
    )
    commit(root, "unrun", repro=False)
    return root


@pytest.fixture(scope="module")
def text(project: Path) -> str:
    return report("before", "after", cwd=project)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pr_report", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pr_report"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_headline(text: str) -> None:
    headline = text.splitlines()[2]
    assert "10 of 13 metrics changed, 2 beyond noise" in headline
    assert "3 stages with a new result (`embed`, `score`)" in headline
    assert "built-in synthetic catalogue" in headline
    assert "stale" not in headline


def test_metrics(text: str) -> None:
    rows = cells(text, "Metrics that changed")
    file = "`metrics/score.json`"
    assert list(rows.items()) == [
        ("cv.accuracy", [file, "0.7", "0.8", "+0.1", "0.0224", "beyond 2 sd"]),
        ("cv.ari", [file, "0.5", "0.44", "-0.06", "0.04", "1 to 2 sd"]),
        ("orphan_sd", [file, "0.125", "0.25", "+0.125", "-", "no noise estimate"]),
        ("seconds", [file, "12", "24", "+12", "-", "no noise estimate"]),
        ("lost", [file, "`nan`", "0.1", "-", "-", "not comparable"]),
        ("model", [file, "`bow\\|tfidf`", "`@minilm`", "-", "-", "not comparable"]),
        ("added", [file, "-", "2", "-", "-", "new"]),
        ("dropped", [file, "1", "-", "-", "-", "gone"]),
        ("emptied", [file, "0.25", "-", "-", "-", "gone"]),
        ("cv.f1.value", [file, "0.9 [0.88, 0.92]", "0.91 [0.89, 0.93]", "+0.01", "0.02", "within noise"]),
    ]


def test_unchanged_metrics_are_counted(text: str) -> None:
    assert "3 metrics unchanged." in section(text, "Metrics that changed")  # catalogue, steady, loss


def test_params(text: str) -> None:
    assert cells(text, "Params") == {
        "encoders.bow.width": ["`params.yaml`", "5", "50"],
        "encoders.use.width": ["`params.yaml`", "-", "9"],
        "prepare.seed": ["`params.yaml`", "1", "2"],
    }


def test_stages(text: str) -> None:
    assert cells(text, "Stages that changed") == {
        "embed@bow": ["re-run, result changed", "params `encoders.bow.width`"],
        "embed@use": ["added", "-"],
        "prepare": ["re-run, same result", "library `library/text.py`; params `prepare.seed`"],
        "score": ["re-run, result changed", "script `stages/score.py`; data `features`"],
    }


def test_removed_stage(project: Path) -> None:
    rows = cells(report("after", "before", cwd=project), "Stages that changed")
    assert rows["embed@use"] == ["removed", "-"]


def test_dag_collapses_foreach_and_marks_changes(text: str) -> None:
    block = section(text, "Pipeline")
    assert block.strip().startswith("```mermaid\nflowchart TD\n")
    nodes = dict(re.findall(r'(n\d+)(\[".*)', block))
    assert sorted(nodes.values()) == [
        '["data/raw.txt.dvc"]',
        '["embed (3)"]:::changed',
        '["prepare"]:::touched',
        '["score"]:::changed',
    ]
    names = {node: label.split('"')[1] for node, label in nodes.items()}
    edges = {(names[a], names[b]) for a, b in re.findall(r"(n\d+) --> (n\d+)", block)}
    assert edges == {("data/raw.txt.dvc", "prepare"), ("prepare", "embed (3)"), ("embed (3)", "score")}


def test_clean_revision_has_no_stale_stage(text: str) -> None:
    assert section(text, "Stale stages").strip().startswith("None: dvc.lock agrees")


def test_code_and_params_without_repro_are_stale(project: Path) -> None:
    unrun = report("after", cwd=project)  # HEAD is `unrun`
    assert cells(unrun, "Stale stages") == {
        "embed@bow": ["`stages/embed.py`"],
        "embed@tfidf": ["`stages/embed.py`, param `encoders.tfidf`"],
        "embed@use": ["`stages/embed.py`"],
    }
    assert "**Run `dvc repro` and commit dvc.lock, metrics/ and data/code/.**" in section(
        unrun, "Stale stages"
    )
    assert "**3 stages stale, see the end.**" in unrun.splitlines()[2]
    assert "None." in section(unrun, "Stages that changed")
    assert '["embed (3)"]:::stale' in unrun


@pytest.mark.parametrize("revisions", [("before", "after"), ("after", "unrun")])
def test_a_clone_without_data_gives_the_same_report(project: Path, tmp_path: Path, revisions: tuple) -> None:
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", str(project), str(clone), cwd=tmp_path)
    assert (project / "data" / "items.txt").exists() and not (clone / "data" / "items.txt").exists()
    (clone / "sub").mkdir()
    assert report(*revisions, cwd=clone / "sub") == report(*revisions, cwd=project)


def test_command_and_dependency_edited_without_repro(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", "--branch=after", str(project), str(clone), cwd=tmp_path)
    edited = DVC_YAML.replace("python stages/score.py", "python -O stages/score.py")
    edited = edited.replace("[stages/embed.py, ", "[stages/embed.py, data/other.txt, ")
    write(clone, {"dvc.yaml": edited, "metrics/score.json": json.dumps(BEFORE)})
    sh("git", "commit", "--quiet", "--all", "--message=edited", cwd=clone)
    edited_report = report("after", cwd=clone)
    stale = cells(edited_report, "Stale stages")
    assert stale["score"] == ["command, committed output `metrics/score.json`"]
    assert stale["embed@bow"] == ["`data/other.txt` (not in dvc.lock)"]
    assert "prepare" not in stale
    stages = cells(edited_report, "Stages that changed")
    assert stages["score"] == ["definition changed", "command"]
    assert stages["embed@tfidf"] == ["definition changed", "data `+data/other.txt`"]


@pytest.mark.parametrize("base", ["empty", "bare"])
def test_first_pull_request(project: Path, base: str) -> None:
    first = report(base, "before", cwd=project)
    metrics = cells(first, "Metrics that changed")
    assert len(metrics) == 12 and {row[-1] for row in metrics.values()} == {"new"}
    assert metrics["cv.f1.value"][2] == "0.9 [0.88, 0.92]"
    assert {row[0] for row in cells(first, "Stages that changed").values()} == {"added"}
    back = cells(report("before", base, cwd=project), "Metrics that changed")
    assert back.keys() == metrics.keys() and {row[-1] for row in back.values()} == {"gone"}


def test_base_that_is_not_an_ancestor_is_said(project: Path, text: str) -> None:
    assert "`after` has commits that `before` lacks" in report("after", "before", cwd=project)
    assert "lacks" not in text


def test_unreadable_metrics_are_named(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", "--branch=after", str(project), str(clone), cwd=tmp_path)
    write(clone, {"metrics/score.json": "{"})
    sh("git", "commit", "--quiet", "--all", "--message=broken", cwd=clone)
    assert "**Unreadable at `HEAD`:** `metrics/score.json` (JSONFileCorruptedError)." in report(
        "after", cwd=clone
    )


def test_output_file_and_determinism(project: Path, tmp_path: Path, text: str) -> None:
    assert report("before", "after", "--output", str(tmp_path / "comment.md"), cwd=project) == ""
    assert (tmp_path / "comment.md").read_text() == text


def failure(*args: str, cwd: Path) -> str:
    done = pr_report(*args, cwd=cwd)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("pr_report: ")
    return done.stderr


def test_unknown_revision(project: Path) -> None:
    message = failure("before", "nowhere", cwd=project)
    assert "HEAD must be a commit of this clone, but 'nowhere' is not; check its spelling" in message
    assert "fetch-depth" not in message
    assert "BASE must be a commit" in failure("before:dvc.yaml", cwd=project)


def test_shallow_clone(project: Path, tmp_path: Path) -> None:
    sh("git", "clone", "--quiet", "--depth=1", project.as_uri(), "shallow", cwd=tmp_path)
    message = failure("HEAD~1", cwd=tmp_path / "shallow")
    assert "'HEAD~1' is not; this clone is shallow" in message and "fetch-depth: 0" in message


def test_not_a_dvc_repository(tmp_path: Path) -> None:
    assert "must be in a DVC repository inside Git" in failure("HEAD", cwd=tmp_path)
    sh(sys.executable, "-m", "dvc", "init", "--quiet", "--no-scm", cwd=tmp_path)
    assert "must be inside Git" in failure("HEAD", cwd=tmp_path)


def test_broken_pipeline(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", str(project), str(clone), cwd=tmp_path)
    write(clone, {"dvc.yaml": "stages: ["})
    sh("git", "commit", "--quiet", "--all", "--message=broken", cwd=clone)
    assert "dvc.yaml and dvc.lock must be readable at" in failure("before", cwd=clone)


@pytest.mark.parametrize(
    ("before", "after", "noise", "expected"),
    [
        (0.5, 0.6, 0.2, "within noise"),
        (0.7, 0.8, 0.1, "within noise"),  # 0.8 - 0.7 is a little more than 0.1 in binary
        (0.6, 0.4, 0.1, "1 to 2 sd"),
        (0.6, 0.41, 0.1, "1 to 2 sd"),
        (0.6, 0.39, 0.1, "beyond 2 sd"),
        (0.5, 0.51, 0.0, "beyond 2 sd"),
        (0.5, 0.6, None, "no noise estimate"),
        (None, 0.6, 0.1, "new"),
        (0.5, None, 0.1, "gone"),
        (0.5, math.nan, 0.1, "not comparable"),
        (0.5, math.inf, 0.1, "not comparable"),
        ("bow", "tfidf", None, "not comparable"),
        (True, False, None, "not comparable"),
    ],
)
def test_verdict(tool: ModuleType, before: object, after: object, noise: float | None, expected: str) -> None:
    assert tool.verdict(before, after, noise) == expected


def test_pooled_sd(tool: ModuleType) -> None:
    assert tool.pooled_sd(0.03, 0.04) == pytest.approx(math.sqrt(0.00125))
    assert tool.pooled_sd(None, 0.04) == pytest.approx(0.04)
    assert tool.pooled_sd(math.nan, 0.04) == pytest.approx(0.04)
    assert tool.pooled_sd(None, "0.04") is None


def test_same_value_with_another_interval_is_unchanged(tool: ModuleType) -> None:
    before = {("m.json", "f1"): 0.5, ("m.json", "f1_low"): 0.4, ("m.json", "f1_high"): 0.6}
    assert tool.metric_rows(before, {**before, ("m.json", "f1_low"): 0.3}) == ([], 1)


def test_values_differ_on_the_page_when_they_differ(tool: ModuleType) -> None:
    assert tool.show_pair(0.94512, 0.94513) == ["0.94512", "0.94513"]
    assert tool.show_pair(12345.6, 12345.7) == ["12345.60", "12345.70"]
    assert tool.show_pair(1, 2) == ["1", "2"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"params": {"seed": 2}}, [("s", "re-run, same result", "params `seed`")]),
        ({"params": {"seed": 1, "k": None}}, [("s", "re-run, same result", "params `+k`")]),
        ({"params": {}}, []),
        ({"deps": {"s.py": "b"}}, [("s", "re-run, same result", "script `s.py`")]),
        ({"cmd": "python s.py -q"}, [("s", "re-run, same result", "command")]),
        ({"cmd": "python s.py -q", "cmd_stale": True}, [("s", "definition changed", "command")]),
        ({"outs": {"o": "b"}}, [("s", "re-run, result changed", "-")]),
        ({"outs": {"o": "a", "p": None}}, [("s", "definition changed", "outputs `+p`")]),
        ({}, []),
    ],
)
def test_stage_rows(tool: ModuleType, changes: dict, expected: list) -> None:
    was = {"cmd": "python s.py", "deps": {"s.py": "a"}, "outs": {"o": "a"}, "params": {"seed": 1}}
    assert tool.stage_rows({"s": tool.Stage(**was)}, {"s": tool.Stage(**{**was, **changes})}) == expected


def test_causes_are_told_apart(tool: ModuleType) -> None:
    was = {"stages/s.py": "a", "aisle/t.py": "a", "data/x.parquet": "a", "predictions": "a"}
    stages = [
        tool.Stage(
            "python -m stages.s --input data/x.parquet --folder predictions", deps=dict.fromkeys(was, hash_)
        )
        for hash_ in "ab"
    ]
    assert tool.causes(*stages) == (
        "script `stages/s.py`; library `aisle/t.py`; data `data/x.parquet`, `predictions`"
    )


def test_long_tables_fold(tool: ModuleType) -> None:
    rows = [[f"`m{i:03}`", "1"] for i in range(130)]
    text = tool.table("metric, before", rows)
    head, rest = text.split("<details>")
    assert head.count("| `m") == 40 and "`m039`" in head
    assert rest.count("| `m") == 60 and "60 more rows</summary>\n\n| metric |" in rest
    assert text.endswith("30 further rows left out.")
    assert "<details>" not in tool.table("metric, before", rows[:40])


def test_long_report_fits_a_comment(tool: ModuleType) -> None:
    metrics = {
        ("metrics/models/fusion/minilm_efficientnet.json", f"cv.f1_macro.{i:04}"): i / 7 for i in range(999)
    }
    params = {("params.yaml", f"encoders.image.backbone_{i:04}.batch_size"): i for i in range(999)}
    stages = {f"embed_image@backbone_{i:04}": tool.Stage(cmd="python x.py") for i in range(999)}
    text = tool.render("a", "b", tool.Snapshot(), tool.Snapshot(stages, metrics, params))
    assert "899 further rows left out." in text and len(text) < 65_536
