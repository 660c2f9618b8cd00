"""tools/pr_report.py on small Git and DVC repositories, run as a user runs it."""

import json
import math
import os
import re
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest

from tools import pr_report

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # of DVC
REPO = Path(__file__).parents[2]
TOOL = REPO / "tools" / "pr_report.py"
ENV = {
    **os.environ,
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_NAME": "Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "tester@example.org" for who in ("AUTHOR", "COMMITTER")},
    "PYTHONPATH": str(REPO),  # not the checkout that the environment was made in
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
baseline,bow,cup,cup,20,sample
baseline,bow,cup,<b>|x,3,sample
champion,both,cup,cup,21.5,sample
champion,both,cup,lamp,1.5,sample
champion,both,lamp,lamp,30,sample
best,both,cup,cup,21.5,sample
best,both,cup,lamp,1.5,sample
best,both,lamp,lamp,30,sample
""",
    "risk_coverage": """\
role,model,coverage,error,catalogue
baseline,bow,0.1,0,sample
baseline,bow,1,0.2,sample
champion,both,0.5,0.001,sample
champion,both,0.8,0.012,sample
champion,both,1,0.03,sample
best,both,0.5,0.001,sample
best,both,0.8,0.012,sample
best,both,1,0.03,sample
""",
    "decisions": """\
role,model,protocol,temperature,threshold,target_error,coverage,error,catalogue
baseline,bow,cv,1,inf,0.01,0.1,0,sample
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
    """The champion is the best too, and told once; the baseline has not changed, and is not told."""
    told = report("first", "better", cwd=reviewed)
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
    assert told.count("<details>") == told.count("</details>") == 2 and "baseline" not in told


def test_another_champion_is_compared_with_the_former(reviewed: Path) -> None:
    told = report("better", "other", cwd=reviewed)
    assert "champion (<code>both</code> to <code>use</code>): 1 cell changed, 0.2 to 1.5 products" in told
    assert "Confusion matrix of the best (<code>both</code>): 1 cell" in told


def test_figures_that_did_not_change_are_not_told(reviewed: Path, text: str) -> None:
    for each in (report("first", "first", cwd=reviewed), text):  # the second has none
        assert "Confusion" not in each and "Risk" not in each


def test_figures_that_are_new_or_gone(reviewed: Path) -> None:
    told = report("bare", "first", cwd=reviewed)
    assert "The champion <code>both</code> is new." in told and "<details>" not in told
    assert "The baseline <code>bow</code> is gone." in report("first", "bare", cwd=reviewed)


def test_categories_and_models_are_shown_as_text(reviewed: Path, tmp_path: Path) -> None:
    """Names come from data: they are neither HTML, nor table cells, nor mentions."""
    clone = tmp_path / "clone"
    sh("git", "clone", "--quiet", "--branch=first", str(reviewed), str(clone), cwd=tmp_path)
    changed = review(confusion=("<b>|x,3", "<b>|x,4"))
    write(clone, {path: text.replace(",bow,", ",<i>@x,") for path, text in changed.items()})
    sh("git", "commit", "--quiet", "--all", "--message=names", cwd=clone)
    told = report("first", cwd=clone)
    assert "baseline (<code>bow</code> to <code>&lt;i&gt;@x</code>): 1 cell changed" in told
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
    assert cells(text, STAGES)["score"] == [
        "re-run, result changed",
        "script `library/score.py`; library `library/text.py`",
    ]
    assert "dvc.lock agrees" in text and not section(text, STALE)
    assert "digest_code" not in text  # it runs at every edit, and every stage comes after it


def test_code_that_was_not_run_is_stale_behind_its_digest(digested: Path) -> None:
    stale = cells(report("after", "unrun", cwd=digested), STALE)
    assert stale == {"digest_code": ["`library`"], "score": ["`library/text.py`"]}
    half = report("after", "half", cwd=digested)
    assert cells(half, STALE) == {"score": ["`data/code/score.txt`"]}
    assert not section(half, STAGES)  # its digest is new, but it has not run


def test_files_as_deps_before_and_a_digest_after(digested: Path) -> None:
    """What has not changed is not said to have changed."""
    sh("git", "checkout", "--quiet", "after", cwd=digested)
    files = "library/__init__.py, library/score.py, library/text.py"
    pipeline = DIGESTED.replace("data/code/score.txt", files)
    write(digested, {"dvc.yaml": "stages:\n" + pipeline[pipeline.index("  score:") :]})
    commit(digested, "files")
    assert cells(report("files", "after", cwd=digested), STAGES) == {}
    text = cells(report("files", "unrun", cwd=digested), STALE)
    assert text["score"] == ["`library/text.py`"]


def score(metrics: dict) -> str:
    return SCORE.replace("METRICS", repr(metrics).replace("nan", 'float("nan")'))


def commit(root: Path, tag: str, repro: bool = True) -> None:
    if repro:
        sh(sys.executable, "-m", "dvc", "repro", "--quiet", cwd=root)
    sh("git", "add", "--all", cwd=root)
    sh("git", "commit", "--quiet", "--message", tag, cwd=root)
    sh("git", "tag", tag, cwd=root)


def report(*args: str, cwd: Path) -> str:
    """Return what the tool says, run in this process: DVC's imports take longer than a report."""
    with chdir(cwd), mock.patch.dict(os.environ, ENV), redirect_stdout(StringIO()) as said:
        pr_report.main(args)
    return said.getvalue()


def section(text: str, title: str) -> str:
    """Return the folded part whose summary has `title`, "" if there is none; or the part below a heading."""
    if f"### {title}\n" in text:
        return text.split(f"### {title}\n")[1].split("\n<details>")[0]
    parts = [
        part for part in re.findall(r"<details>.*?</details>", text, re.DOTALL) if re.search(title, part)
    ]
    found = [part for part in parts if re.search(title, part.split("</summary>")[0])]
    assert len(found) <= 1, f"{title} fits several parts"
    return found[0] if found else ""


def cells(text: str, title: str) -> dict[str, list[str]]:
    """Rows of the tables of a section by their key: the second cell of metrics and params, else the first."""
    rows = [line for line in section(text, title).splitlines() if line.startswith("| `")]
    split = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    at = 0 if "stage" in title else 1
    keyed = {row[at].strip("`"): row[:at] + row[at + 1 :] for row in split}
    assert len(keyed) == len(split)
    return keyed


BEYOND = "Beyond noise"
FRESH, QUIET, EDITED = "metrics? new or gone", "metrics? changed within noise", "params? changed"
STAGES, STALE, PIPELINE = "stages? changed", "stale stages?", "Pipeline"


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


def test_how_many_metrics_changed(text: str) -> None:
    told = section(text, BEYOND)
    assert "3 of 13 metrics moved beyond noise; 10 changed (2 within noise, 1 new, 2 gone, 2 judged" in told
    assert "3 stages changed, 3 with" not in text and "3 with a new result (<code>embed</code>, " in text
    assert "built-in synthetic catalogue" in text.splitlines()[-1]


FILE = "`metrics/score.json`"


def test_what_moved_beyond_noise_is_shown(text: str) -> None:
    assert list(cells(text, BEYOND).items()) == [
        ("lost", [FILE, "`nan`", "0.1", "-", "-", "not comparable"]),
        ("cv.accuracy", [FILE, "0.7", "0.8", "+0.1", "0.062 (sd)", "beyond noise"]),
        ("model", [FILE, "`bow\\|tfidf`", "`@minilm`", "-", "-", "changed"]),
    ]


def test_what_did_not_is_folded(text: str) -> None:
    interval = ["0.9 [0.88, 0.92]", "0.91 [0.89, 0.93]", "+0.01", "0.028 (interval)", "within noise"]
    assert cells(text, QUIET) == {
        "cv.ari": [FILE, "0.5", "0.44", "-0.06", "0.11 (sd)", "within noise"],
        "cv.f1.value": [FILE, *interval],
        "orphan_sd": [FILE, "0.125", "0.25", "+0.125", "judged by its scores", "-"],
        "seconds": [FILE, "12", "24", "+12", "unstated", "-"],
    }
    assert cells(text, FRESH) == {
        "added": [FILE, "-", "2", "-", "-", "new"],
        "dropped": [FILE, "1", "-", "-", "-", "gone"],
        "emptied": [FILE, "0.25", "-", "-", "-", "gone"],
    }


def test_params(text: str) -> None:
    assert cells(text, EDITED) == {
        "encoders.bow.width": ["`params.yaml`", "5", "50"],
        "encoders.use.width": ["`params.yaml`", "-", "9"],
        "prepare.seed": ["`params.yaml`", "1", "2"],
    }


def test_stages(text: str) -> None:
    assert cells(text, STAGES) == {
        "embed@bow": ["re-run, result changed", "params `encoders.bow.width`"],
        "embed@use": ["added", "-"],
        "prepare": ["re-run, same result", "library `library/text.py`; params `prepare.seed`"],
        "score": ["re-run, result changed", "script `stages/score.py`; data `features`"],
    }


def test_removed_stage(project: Path) -> None:
    rows = cells(report("after", "before", cwd=project), STAGES)
    assert rows["embed@use"] == ["removed", "-"]


def test_dag_collapses_foreach_and_marks_changes(text: str) -> None:
    block = section(text, PIPELINE)
    assert "</summary>\n\n```mermaid\nflowchart TD\n" in block
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
    assert "dvc.lock agrees" in text.splitlines()[-1] and not section(text, STALE)


def test_code_and_params_without_repro_are_stale(project: Path) -> None:
    unrun = report("after", cwd=project)  # HEAD is `unrun`
    assert cells(unrun, STALE) == {
        "embed@bow": ["`stages/embed.py`"],
        "embed@tfidf": ["`stages/embed.py`, param `encoders.tfidf`"],
        "embed@use": ["`stages/embed.py`"],
    }
    assert "**Run `dvc repro` and commit dvc.lock, metrics/ and data/code/.**" in section(unrun, STALE)
    alert = (
        "> [!WARNING]\n> **3 stages stale** (`embed@bow`, `embed@tfidf`, `embed@use`): these figures are not"
    )
    assert alert in unrun.split("<details>")[0]
    assert not section(unrun, STAGES)
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
    stale = cells(edited_report, STALE)
    assert stale["score"] == ["command, committed output `metrics/score.json`"]
    assert stale["embed@bow"] == ["`data/other.txt` (not in dvc.lock)"]
    assert "prepare" not in stale
    stages = cells(edited_report, STAGES)
    assert stages["score"] == ["definition changed", "command"]
    assert stages["embed` (3)"] == ["definition changed", "data `+data/other.txt`"]


@pytest.mark.parametrize("base", ["empty", "bare"])
def test_first_pull_request(project: Path, base: str) -> None:
    first = report(base, "before", cwd=project)
    metrics = cells(first, FRESH)
    assert len(metrics) == 12 and {row[-1] for row in metrics.values()} == {"new"}
    assert metrics["cv.f1.value"][2] == "0.9 [0.88, 0.92]"
    assert {row[0] for row in cells(first, STAGES).values()} == {"added"}
    back = cells(report("before", base, cwd=project), FRESH)
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


def alone(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the tool in a process of its own, as a user does."""
    return subprocess.run([sys.executable, TOOL, *args], cwd=cwd, env=ENV, capture_output=True, text=True)


def test_output_file_and_determinism(project: Path, tmp_path: Path, text: str) -> None:
    done = alone("before", "after", "--output", str(tmp_path / "comment.md"), cwd=project)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "comment.md").read_text() == text
    assert alone("before", "after", cwd=project).stdout == text


def failure(*args: str, cwd: Path) -> str:
    done = alone(*args, cwd=cwd)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")
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


def outcomes(right: dict[int, str], n: int = 120) -> str:
    """Return the runs of products 0 to n - 1: right in all three, unless `right` says otherwise."""
    return "".join(f"{i:08x},{i - i % 2},{right.get(i, '111')},101,101,shop\n" for i in range(n))


def results(champion: str, accuracy: float, right: dict[int, str], sixth: int = 0) -> dict[str, str]:
    """Return the committed metrics of two models and the table for the paired test.

    `sixth` is added to the sixth decimal of 200 scores.
    """
    scores: dict[str, object] = {"catalogue": "shop"}
    for name, value in (("both", 0.9), ("late", 0.91), (champion, accuracy)):
        scores[name] = {
            f"cv_{score}{end}": round(value + add, 6)
            for score in ("accuracy", "macro_f1", "coverage_at_target_error", "error_at_coverage")
            for end, add in (("", 0.0), ("_low", -0.02), ("_high", 0.02))
        }
    others = {f"x_{i}": round(i / 300 + sixth * 1e-6, 6) for i in range(200)}
    scores["other"] = others | {
        f"{name}_{end}": value for name, value in others.items() for end in ("low", "high")
    }
    choice = {"catalogue": "shop", "champion": champion, "champion_megabytes": 90.0 + accuracy}
    table = "digest,group,champion,baseline,best,catalogue\n" + outcomes(right)
    return {
        "metrics/models.json": json.dumps(scores),
        "metrics/champion.json": json.dumps(choice),
        "metrics/review/paired.csv": table,
        "dvc.yaml": "metrics:\n  - metrics/models.json\n  - metrics/champion.json\n",
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a history: none, first, noise, better, other (champion), broken and lost (the table)."""
    root = tmp_path_factory.mktemp("shop")
    sh("git", "init", "--quiet", "--initial-branch=main", cwd=root)
    sh(sys.executable, "-m", "dvc", "init", "--quiet", cwd=root)
    commit(root, "none", repro=False)
    wrong = dict.fromkeys(range(0, 60, 2), "000")
    history = {
        "first": results("both", 0.90, wrong),
        "noise": results("both", 0.90, wrong | {0: "100", 3: "110"}, sixth=3),
        "better": results("both", 0.96, dict.fromkeys(range(0, 60, 6), "000")),
        "other": results("late", 0.97, dict.fromkeys(range(0, 60, 10), "000")),
    }
    for tag, files in history.items():
        write(root, files)
        commit(root, tag, repro=False)
    write(root, {"metrics/review/paired.csv": files["metrics/review/paired.csv"].replace(",111,", ",11,", 1)})
    commit(root, "broken", repro=False)
    (root / "metrics/review/paired.csv").unlink()
    commit(root, "lost", repro=False)
    return root


def screen(text: str) -> list[str]:
    """Return what is shown without a click, line by line."""
    shown = re.sub("<details>.*?</details>", "", text, flags=re.DOTALL)
    return [line for line in shown.splitlines() if line]


def test_noise_alone_fits_one_screen(shop: Path) -> None:
    """200 metrics moved in the sixth digit, and two products of 120 in one run of three."""
    text = report("first", "noise", cwd=shop)
    shown = screen(text)
    assert shown[0] == "## Aisle: `both` stays champion, no difference that can be told from noise"
    assert shown[1].startswith("Right on 75.0% before and 75.0% after: +0.0 points [")
    assert "p = 1; 120 products in 60 groups." in shown[1]
    assert "None of 212 metrics moved beyond noise; 0 changed." in shown
    assert len(shown) <= 20 and "<details>" not in text


def test_a_real_improvement_is_told_first(shop: Path) -> None:
    text = report("noise", "better", cwd=shop)
    shown = screen(text)
    assert shown[0] == "## Aisle: `both` stays champion, better"
    found = re.match(
        r"Right on 75.0% before and 91.7% after: \+16.\d points \[\+(\d+.\d), \+\d+.\d\]", shown[1]
    )
    assert found and float(found[1]) > 5 and "p < 0.001" in shown[1]
    assert "| accuracy | 90.0% [88.0, 92.0] | 96.0% [94.0, 98.0] | +6.0 points, beyond noise |" in shown
    assert "| package | 90.9 MB | 91.0 MB | same |" in shown
    assert len(shown) <= 26
    back = screen(report("better", "noise", cwd=shop))
    assert back[0] == "## Aisle: `both` stays champion, worse" and "-16" in back[1]


def test_the_baseline_has_a_test_of_its_own(shop: Path) -> None:
    row = next(line for line in screen(report("noise", "better", cwd=shop)) if line.startswith("| baseline"))
    assert row.endswith(
        "| 66.7% | 66.7% | +0.0 [+0.0, +0.0] | 1 | no difference that can be told from noise |"
    )


def test_a_changed_champion(shop: Path) -> None:
    shown = screen(report("better", "other", cwd=shop))
    assert shown[0].startswith("## Aisle: champion `both` to `late`, no difference")
    assert "| model | `both` | `late` | changed |" in shown
    assert "| accuracy | 96.0% [94.0, 98.0] | 97.0% [95.0, 99.0] | +1.0 points, within noise |" in shown
    assert any(
        re.match(r"\| `metrics/champion.json` \| `champion` \| `both` \| `late`", line) for line in shown
    )


def test_first_results_and_results_that_are_gone(shop: Path) -> None:
    text = report("none", "first", cwd=shop)
    assert screen(text)[0] == "## Aisle: first results, the champion is `both`"
    assert "| accuracy | - | 90.0% [88.0, 92.0] | new |" in text
    assert screen(report("first", "none", cwd=shop))[0] == "## Aisle: the champion `both` is gone"


def test_why_there_is_no_paired_test(shop: Path) -> None:
    lost = screen(report("better", "lost", cwd=shop))
    assert lost[0].endswith(", not tested")
    assert lost[1] == (
        "No paired test can be made: `metrics/review/paired.csv` (who is right on which product) is not in "
        "Git at `lost`."
    )
    assert (
        "the table after must have as many runs of the champion for each product; it has 2, 3"
        in (screen(report("better", "broken", cwd=shop))[1])
    )
