"""Copies of the repository in which DVC runs."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from ruamel.yaml import YAML

from aisle.pipeline import dvc_file

ROOT = Path(__file__).resolve().parents[2]
GIT = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
}
FOLDERS = ("data", "features", "models", "predictions", "packages", "metrics", "reports")
"""Where the outputs are."""
SAID = "said.txt"
"""Beside a copy that has run from cold: what `dvc repro` and its stages said, stderr included."""

KEPT = {
    "weights": ("minilm", "efficientnet_lite0", "clip", "mobilenet_v2"),
    "encoders.text": ("tfidf", "word2vec", "minilm"),
    "encoders.image": ("descriptors", "efficientnet_lite0", "clip"),
    "feature_sets": ("tfidf", "descriptors", "text_picture"),
    "transfer.heads": ("dense",),
    "fusion_networks.names": ("attention",),
    "fusion_networks.networks": ("attention",),
    "seeds": (0, 1),
}
"""What the copies keep of these sections: one of each kind. CI's `make repro` runs all."""
LESS: dict[str, Any] = {
    "weights.clip.source": "absent",
    "folds.n_splits": 3,
    "folds.n_repeats": 2,
    "exploration.cloud_words": 20,
    "encoders.text.word2vec.options.epochs": 5,
    "transfer.heads.dense.training.epochs": 1,
    "fusion_networks.networks.attention.training.epochs": 2,
    "evaluation.n_bootstrap": 200,
    "clustering.n_seeds": 2,
    "clustering.n_iter": 250,
    "clustering.max_k": 9,
    "monitoring.stream": "data/sample/images",  # has not begun; tests/pipeline/test_demo.py has one that has
    "grad_cam.n_bootstrap": 200,
    "grad_cam.pictures": 10,
}
"""What has another value there. CLIP is absent, so that what is made without weights is tested too."""


@dataclass(frozen=True)
class Copy:
    """A copy of the working tree, in Git, with a DVC cache of its own."""

    path: Path

    def run(
        self, *command: str, check: bool = True, stderr: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy with this environment's programs."""
        environment = os.environ | GIT | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        environment |= {"AISLE_CACHE": "", "PYTHONPATH": str(self.path)}  # its own; not off
        done = subprocess.run(
            command,
            cwd=self.path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro`; return the stages that really ran, in order."""
        return ran(self.run("dvc", "repro", *arguments).stdout)

    def from_cold(self, *prefix: str) -> list[str]:
        """Do as `make repro` does, keep in SAID what it says, commit; return the stages that ran."""
        said = self.run(*prefix, "python", "tools/repro.py", stderr=subprocess.STDOUT).stdout
        (self.path.parent / SAID).write_text(said, encoding="utf-8")
        self.commit("results")
        return ran(said)

    def stages(self) -> list[str]:
        """Return every stage, as DVC names it."""
        return [*dvc_file.read(self.path)]

    def commit(self, message: str) -> None:
        """Commit everything that Git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "-m", message)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one occurrence of `old` in a file."""
        text = (self.path / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} must have {old!r} once"
        (self.path / file).write_text(text.replace(old, new), encoding="utf-8")

    def write(self, file: str, text: str) -> None:
        """Write a new file."""
        assert not (self.path / file).exists(), f"{file} must not be there yet"
        (self.path / file).write_text(text, encoding="utf-8")

    def lock(self) -> bytes:
        return (self.path / "dvc.lock").read_bytes()

    def said(self) -> str:
        """Return what was said when it ran from cold."""
        return (self.path.parent / SAID).read_text(encoding="utf-8")

    def outputs(self) -> dict[str, str]:
        """Return the digest of every file below FOLDERS."""
        return {
            str(path.relative_to(self.path)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in FOLDERS
            for path in sorted((self.path / folder).rglob("*"))
            if path.is_file()
        }


def ran(said: str) -> list[str]:
    """Return the stages that DVC says to run, in order."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


def reach(params: Any, path: str) -> tuple[Any, str]:
    """Return the mapping that holds a dotted path's last part, and that part; ({}, last) if there is none."""
    *sections, last = path.split(".")
    for section in sections:
        params = params.get(section, {})
    return params, last


def shrink(path: Path) -> None:
    """Make a params.yaml or weights.yaml what KEPT and LESS say of it."""
    yaml = YAML()
    yaml.width = 200
    params = yaml.load(path)
    for section, kept in KEPT.items():
        holder, last = reach(params, section)
        entries = holder.get(last, {})
        assert not entries or {*kept} <= {*entries}, f"{path.name} must have {kept} under {section}"
        for name in [name for name in entries if name not in kept]:
            entries.remove(name) if isinstance(entries, list) else entries.pop(name)
    for name, value in LESS.items():
        holder, last = reach(params, name)
        if holder:
            assert last in holder, f"{path.name} must have {name}"
            holder[last] = value
    yaml.dump(params, path)


def copy_tree(path: Path) -> Copy:
    """Copy the files that Git has or would have, without results and with less to do; commit them.

    DVC links from its cache, so that a copy of the copy need not copy either.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in listed.strip("\0").split("\0"):
        result = name.startswith(("dvc.lock", "metrics/", "data/code/")) and name != "metrics/.gitignore"
        if (ROOT / name).is_file() and not result:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, path / name)
    for name in ("params.yaml", "weights.yaml"):
        shrink(path / name)
    (path / ".dvc/config.local").write_text("[cache]\n    type = hardlink\n", encoding="utf-8")
    copy = Copy(path)
    copy.run("git", "init", "--quiet", "--initial-branch=main")
    copy.commit("copy")
    return copy


def link(source: str, target: str) -> None:
    """Link a read-only file, as are DVC's and Git's objects and the outputs linked to them; copy others."""
    if os.stat(source).st_mode & 0o222:
        shutil.copy2(source, target)
    else:
        os.link(source, target)


@pytest.fixture
def make_copy() -> Callable[[Path], Copy]:
    """Return the function that copies the working tree to a folder."""
    return copy_tree


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Return a copy in which the pipeline has run from cold; do not change it.

    Where pytest runs in several processes, the first to ask makes it and the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    copy, made, failed = Copy(shared / "cold/aisle"), shared / "cold/made", shared / "cold/failed"
    with FileLock(shared / "cold.lock"):
        if failed.exists():
            pytest.fail(failed.read_text(encoding="utf-8"))
        if not made.exists():
            try:
                copy_tree(copy.path).from_cold()
            except BaseException as error:
                failed.write_text(f"there is no cold copy: {error}", encoding="utf-8")
                raise
            made.touch()
    return copy


@pytest.fixture(scope="session")
def make_warm(cold: Copy) -> Callable[[Path], Copy]:
    """Return a function that copies `cold` into a folder: outputs, DVC cache and Git history included."""

    def make(folder: Path) -> Copy:
        # not MLflow's store: it names the folder that it was made in, and is refused in another
        kept = shutil.ignore_patterns("mlflow.db", "mlruns")
        shutil.copytree(cold.path, folder / "aisle", symlinks=True, copy_function=link, ignore=kept)
        return Copy(folder / "aisle")

    return make


@pytest.fixture
def warm(make_warm: Callable[[Path], Copy], tmp_path: Path) -> Copy:
    """Return a copy of `cold` that the test may change."""
    return make_warm(tmp_path)
