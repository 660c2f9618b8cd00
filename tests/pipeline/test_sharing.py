"""README's way to share results, in clones of a miniature project: a remote, experiments, merges.

Its stages write down that they ran, beside the clones, so that "without running anything" is seen.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.merge_lock import merged

pytestmark = pytest.mark.pipeline
ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNS = "runs.txt"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_NAME": "test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "test@example.org" for who in ("AUTHOR", "COMMITTER")},
}
SCRIPT = f"""\
import json, sys
from pathlib import Path

name, out, *deps = sys.argv[1:]
with (Path(__file__).resolve().parents[1] / "{RUNS}").open("a") as runs:
    runs.write(name + "\\n")
own = [line for line in Path("params.yaml").read_text().splitlines() if line.startswith(name)]
text = "; ".join([*own, *(Path(dep).read_text() for dep in deps)])
metrics = json.dumps({{"length": len(text), "of": text}})
for path, content in ((out, text), (f"metrics/{{name}}.json", metrics)):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(content)
"""
STAGES = {
    "text": ("models/text.txt", []),
    "picture": ("models/picture.txt", []),
    "report": ("reports/index.html", ["models/text.txt", "models/picture.txt"]),
}


def pipeline(stages: dict[str, tuple[str, list[str]]]) -> str:
    """Return a dvc.yaml: each stage writes an output and, into Git, a metrics file."""
    lines = ["stages:"]
    for name, (out, deps) in stages.items():
        lines += [
            f"  {name}:",
            f"    cmd: python run.py {' '.join([name, out, *deps])}",
            f"    deps: [{', '.join(['run.py', *deps])}]",
            f"    params: [{name}]",
            f"    outs: [{out}]",
            "    metrics:",
            f"      - metrics/{name}.json: {{cache: false}}",
        ]
    return "\n".join(lines) + "\n"


class Clone:
    """One person's clone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, line: str, fails: bool = False) -> str:
        """Run a shell line; return what it prints, both streams."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.path,
            env=ENVIRONMENT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert bool(done.returncode) == fails, f"{line}: {done.stdout}"
        return done.stdout

    def read(self, file: str) -> str:
        return (self.path / file).read_text(encoding="utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        assert old in self.read(file)
        (self.path / file).write_text(self.read(file).replace(old, new), encoding="utf-8")

    def ran(self) -> list[str]:
        """Return the stages that ran in any clone since the last call."""
        runs = self.path.parent / RUNS
        names = runs.read_text().split() if runs.exists() else []
        runs.write_text("")
        return names

    def save(self, message: str) -> None:
        """Run the pipeline, commit, share."""
        self.run("dvc repro --quiet && git add --all")
        self.run(f"git commit --quiet -m '{message}' && git push --quiet origin HEAD && dvc push --quiet")


def lines(prefix: str) -> list[str]:
    """Return README's command lines on sharing that begin so."""
    found = re.search(r"^## Sharing results\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    assert found, "README.md must have a section 'Sharing results'"
    blocks = re.findall(r"```bash\n(.*?)```", found[1], re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith(prefix)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the clone of one who ran the pipeline and pushed as README says, and a fresh one of another."""
    tmp_path = tmp_path_factory.mktemp("sharing")
    first = Clone(tmp_path / "first")
    git = ["git", "init", "--quiet", "--initial-branch=main"]
    subprocess.run([*git, "--bare", str(tmp_path / "origin.git")], check=True, env=ENVIRONMENT)
    subprocess.run([*git, str(first.path)], check=True, env=ENVIRONMENT)
    files = {
        "dvc.yaml": pipeline(STAGES),
        "run.py": SCRIPT,
        "params.yaml": "text: 1\n\npicture: 1\n\nreport: 1\n",
    }
    for file, text in files.items():
        (first.path / file).write_text(text, encoding="utf-8")
    first.run("git remote add origin ../origin.git && dvc init --quiet && dvc repro --quiet")
    add, push = [*lines("dvc remote"), *lines("dvc push")]  # two lines
    first.run(add.replace("/path/to/store", "../../store"))
    first.run(push)
    first.run("git add --all && git commit --quiet -m first && git push --quiet origin main")
    assert sorted(first.ran()) == sorted(STAGES)
    first.run("git clone --quiet ../origin.git ../second")
    Clone(tmp_path / "second").run("git remote set-url origin ../origin.git")  # relative: all of it is copied
    return tmp_path


@pytest.fixture
def clones(made: Path, tmp_path: Path) -> tuple[Clone, Clone]:
    """Return copies of both clones, beside a copy of what they share."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    return Clone(tmp_path / "first"), Clone(tmp_path / "second")


def test_another_clone_has_the_report_without_running_anything(clones: tuple[Clone, Clone]) -> None:
    first, second = clones
    assert not (second.path / "reports/index.html").exists()
    second.run("dvc pull")
    for out, _ in STAGES.values():
        assert second.read(out) == first.read(out)
    assert "up to date" in second.run("dvc repro")
    assert second.ran() == []


def test_a_variant_is_taken_over_without_running_anything(clones: tuple[Clone, Clone]) -> None:
    first, second = clones
    first.run("dvc exp run --name stack-strict -S text=7")
    assert sorted(first.ran()) == ["report", "text"]
    page = first.read("reports/index.html")
    assert "text: 7" in page
    push, pull = lines("dvc exp")
    first.run(push)
    second.run("dvc pull --quiet")
    assert "stack-strict" in second.run("dvc exp list origin")
    second.run(pull)
    second.run("dvc exp apply stack-strict")
    assert second.read("reports/index.html") == page
    assert "up to date" in second.run("dvc repro")
    assert second.ran() == []


@pytest.fixture(scope="module")
def merging(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a merge that waits: each side changed the params of a stage, and both lead to a third."""
    folder = tmp_path_factory.mktemp("merging")
    shutil.copytree(made, folder, dirs_exist_ok=True, symlinks=True)
    first, second = Clone(folder / "first"), Clone(folder / "second")
    second.run("git checkout --quiet -b pictures && dvc pull --quiet")
    second.edit("params.yaml", "picture: 1", "picture: 2")
    second.save("pictures")
    first.edit("params.yaml", "text: 1", "text: 2")
    first.save("texts")
    first.ran()
    first.run("git fetch --quiet")
    said = first.run("git merge origin/pictures", fails=True)
    assert "CONFLICT (content): Merge conflict in dvc.lock" in said
    return folder


@pytest.fixture
def diverged(merging: Path, tmp_path: Path) -> Clone:
    """Return a copy of the clone in which the merge waits."""
    shutil.copytree(merging, tmp_path, dirs_exist_ok=True, symlinks=True)
    return Clone(tmp_path / "first")


def merge_lock(clone: Clone, fails: bool = False) -> str:
    """Do as `make merge-lock` does."""
    assert lines("make") == ["make merge-lock"]
    recipe = re.search(r"^merge-lock:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    return clone.run(recipe[1].strip().replace("tools/", f"{ROOT}/tools/"), fails)


def test_two_branches_that_changed_different_stages(diverged: Clone) -> None:
    """Nothing runs again but the stage that both lead to: what the other made is pulled."""
    merge_lock(diverged)
    assert diverged.ran() == ["report"]
    assert diverged.read("models/picture.txt") == "picture: 2"
    assert diverged.read("reports/index.html") == "report: 1; text: 2; picture: 2"
    assert "report: 1; text: 2; picture: 2" in diverged.read("metrics/report.json")
    staged = diverged.run("git status --short").splitlines()
    assert staged and not [line for line in staged if line[1] != " "], "all must be staged"
    diverged.run("git commit --quiet -m merged")
    assert "up to date" in merge_lock(diverged) and diverged.ran() == []  # no merge: it runs the pipeline
    merged = diverged.read("dvc.lock")
    (diverged.path / "dvc.lock").unlink()
    diverged.run("dvc repro --force --quiet")
    assert sorted(diverged.ran()) == sorted(STAGES)
    assert diverged.run("git status --short") == "" and diverged.read("dvc.lock") == merged  # as from cold


def test_without_a_remote_what_is_missing_runs_again(diverged: Clone) -> None:
    diverged.run("dvc remote remove store")
    merge_lock(diverged)
    assert sorted(diverged.ran()) == ["picture", "report"]
    assert diverged.read("reports/index.html") == "report: 1; text: 2; picture: 2"


def test_stages_that_came_and_went(clones: tuple[Clone, Clone]) -> None:
    """One adds a stage and the other removes one, while both change a third. DVC keeps old entries."""
    first, second = clones
    second.run("git checkout --quiet -b more && dvc pull --quiet")
    second.run("printf '\\nsound: 1\\n' >> params.yaml")
    second.edit("params.yaml", "report: 1", "report: 2")
    added = STAGES | {"sound": ("models/sound.txt", [])}
    (second.path / "dvc.yaml").write_text(pipeline(added), encoding="utf-8")
    second.save("sound")
    left = {"text": STAGES["text"], "report": ("reports/index.html", ["models/text.txt"])}
    first.run("git rm --quiet metrics/picture.json")
    (first.path / "dvc.yaml").write_text(pipeline(left), encoding="utf-8")
    first.run("dvc repro --quiet")
    first.save("without pictures")
    first.ran()
    first.run("git fetch --quiet && git merge origin/more", fails=True)
    both = left | {"sound": added["sound"]}
    (first.path / "dvc.yaml").write_text(pipeline(both), encoding="utf-8")
    first.run("git add dvc.yaml")
    merge_lock(first)
    assert first.ran() == ["report"]
    assert first.read("reports/index.html") == "report: 2; text: 1"
    assert re.findall(r"^  (\w+):$", first.read("dvc.lock"), re.MULTILINE) == [
        "text",
        "picture",
        "report",
        "sound",
    ]


def test_what_people_write_comes_first(clones: tuple[Clone, Clone]) -> None:
    first, second = clones
    second.run("git checkout --quiet -b other")
    for clone, value in ((second, 2), (first, 3)):
        clone.edit("params.yaml", "picture: 1", f"picture: {value}")
        clone.run("git commit --quiet --all -m pictures && git push --quiet origin HEAD")
    first.ran()
    first.run("git fetch --quiet && git merge origin/other", fails=True)
    before = first.run("git status --short")
    said = merge_lock(first, fails=True)
    assert said.startswith(
        "error: what people write must be merged by people first: resolve params.yaml, `git"
    )
    assert first.run("git status --short") == before and first.ran() == []


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 2}),
        ({"a": 1}, {}, {"a": 1}, {}),
        ({"a": 1}, {"a": 1}, {}, {}),
        ({"a": 1}, {}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 2}, {}, {"a": 2}),
        ({}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({}, {"a": 1}, {"a": 2}, {"a": 1}),
    ],
)
def test_entries_of_two_sides(base: dict, ours: dict, theirs: dict, expected: dict) -> None:
    assert merged(base, ours, theirs) == expected
