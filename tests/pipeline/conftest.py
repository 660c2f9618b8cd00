"""Copies of the repository in which DVC runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
GIT = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
}


@dataclass(frozen=True)
class Copy:
    """A copy of the working tree, in Git, with a DVC cache of its own."""

    path: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy with this environment's programs."""
        environment = os.environ | GIT | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        environment["AISLE_CACHE"] = ""  # not off: the copy's own
        done = subprocess.run(
            command, cwd=self.path, env=environment, text=True, capture_output=True, check=False
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro`; return the stages that really ran, in order."""
        output = self.run("dvc", "repro", *arguments).stdout
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one occurrence of `old` in a file."""
        text = (self.path / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} must have {old!r} once"
        (self.path / file).write_text(text.replace(old, new), encoding="utf-8")

    def lock(self) -> bytes:
        return (self.path / "dvc.lock").read_bytes()


SMALL = {
    "weights": ("none", "minilm", "mobilenet_v2", "clip"),
    "encoders.text": ("bow", "tfidf", "word2vec", "minilm"),
    "encoders.image": ("descriptors", "mobilenet_v2", "clip"),
    "feature_sets": ("bow", "tfidf", "word2vec", "minilm", "descriptors", "mobilenet_v2", "text_picture"),
    "transfer.backbones": ("mobilenet_v2",),
    "fusion_networks.names": ("attention",),
    "fusion_networks.networks": ("attention",),
    "seeds": (0, 1),
    "fine_tunes": ("mobilenet_v2_fine_tuned",),
}
"""What the copies' params.yaml keeps: one of each kind. CI's `make repro` runs all."""
ABSENT = ("mobilenet_v2", "clip")
"""Their weights are absent in the copies, so that what is made without weights is tested too."""


def shrink(path: Path) -> None:
    """Leave out of a params.yaml what SMALL does not name."""
    yaml = YAML()
    yaml.width = 200
    params = yaml.load(path)
    for section, kept in SMALL.items():
        entries = params
        for part in section.split("."):
            entries = entries[part]
        for name in [name for name in entries if name not in kept]:
            entries.remove(name) if isinstance(entries, list) else entries.pop(name)
    for name in ABSENT:
        params["weights"][name]["source"] = "absent"
    yaml.dump(params, path)


def copy_tree(path: Path) -> Copy:
    """Copy the files that Git has or would have, without results and with fewer encoders; commit them."""
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
    shrink(path / "params.yaml")
    copy = Copy(path)
    copy.run("git", "init", "--quiet", "--initial-branch=main")
    copy.run("git", "add", "--all")
    copy.run("git", "commit", "--quiet", "-m", "copy")
    return copy


@pytest.fixture
def make_copy() -> Callable[[Path], Copy]:
    """Return the function that copies the working tree to a folder."""
    return copy_tree


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Return a copy in which the pipeline has run from cold; do not change it."""
    copy = copy_tree(tmp_path_factory.mktemp("cold") / "aisle")
    copy.repro()
    copy.run("git", "add", "--all")
    copy.run("git", "commit", "--quiet", "-m", "results")
    return copy


@pytest.fixture
def warm(cold: Copy, tmp_path: Path) -> Copy:
    """Return a copy of `cold` that a test may change: outputs, DVC cache and Git history included."""
    shutil.copytree(cold.path, tmp_path / "aisle", symlinks=True)
    return Copy(tmp_path / "aisle")
