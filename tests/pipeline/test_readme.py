"""What the README says works as it stands: its own lines are run."""

import re
import shlex
from pathlib import Path

import pytest

from tests.pipeline.conftest import ran

pytestmark = pytest.mark.pipeline
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README.md must have a section {title!r}"
    return found[1]


def commands(title: str) -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", section(title), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line]


def test_comparing_variants(warm):
    """A fusion's parameter reruns the fusions and what depends on them: no encoder, classifier or network.

    Nor the label audit, which reads a fusion that turns out to be the same.
    """
    lines = commands("Comparing variants")
    assert [shlex.split(line)[:3] for line in lines] == [
        ["dvc", "exp", "run"],
        ["dvc", "exp", "run"],
        ["dvc", "exp", "show"],
        ["dvc", "metrics", "diff"],
    ]
    outputs = [warm.run("bash", "-c", line).stdout for line in lines]
    for output in outputs[:2]:
        assert ran(output) == ["list_models", "fuse", "evaluate"]
    show = outputs[2]
    for word in (
        "stack-strict",
        "stack-free",
        "fusions.stacking.options.C",
        "stacking.cv_accuracy_sd",
        "0.01",
    ):
        assert word in show, show
    assert "stacking.cv_accuracy" in outputs[3] and "metrics/models.json" in outputs[3]
    assert "metrics/ingest.json" not in outputs[3]
    apply = re.search(r"`(dvc exp apply [^`]*)` and `dvc repro`", section("Comparing variants"))
    assert apply, "the section must say how a variant is taken over"
    warm.run(*apply[1].split())
    assert "{C: 0.01}" in (warm.path / "params.yaml").read_text(encoding="utf-8")
    said = warm.run("python", "tools/repro.py").stdout
    total = len(warm.stages())
    after = "explain_fusion, champion, monitor, analyse_experiment, follow_categories, report, track"
    assert said.splitlines()[0] == f"at most 7 of {total} stages will run: {after}"
    # what reads the stream's products runs where the champion's words on them have changed
    surely = {"explain_fusion", "champion", "monitor", "report", "track"}
    assert surely <= {*ran(said)} <= {*after.split(", ")}


def test_reviewing_a_pull_request(warm):
    warm.edit("params.yaml", "options: {C: 0.1}", "options: {C: 0.001}")
    warm.repro("champion")  # the last of what a reviewer compares
    warm.run("git", "commit", "--quiet", "--all", "-m", "stricter stack")
    (line,) = commands("Reviewing a pull request")
    report = warm.run("bash", "-c", line).stdout
    for word in ("cv_accuracy", "fusions.stacking.options.C", "fuse", "```mermaid"):
        assert word in report, report


def test_plots(warm):
    warm.run("dvc", "plots", "show")
    page = (warm.path / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert "Accuracy of each fold" in page and "F1 per category" in page and "text_baseline" in page


def test_your_own_catalogue(warm):
    """The five lines, with a catalogue of those columns in place."""
    lines = section("Your own catalogue").split("```yaml\n")[1].split("```")[0]
    assert len(lines.splitlines()) == 6  # `catalogue:` and five lines
    params = (warm.path / "params.yaml").read_text(encoding="utf-8")
    head, tail = params.split("catalogue:\n", 1)
    rest = tail[tail.index("\ningest:") :]
    (warm.path / "params.yaml").write_text(head + lines + rest, encoding="utf-8")
    folder = warm.path / "data/my-shop"
    (folder / "images").mkdir(parents=True)
    rows = [
        f"k{n},{kind} number {n},a {kind} of kind {n % 7},{n}.jpg,{kind}/x"
        for kind in ("lamp", "cup", "ball")
        for n in [ord(kind[0]) * 100 + i for i in range(20)]
    ]
    (folder / "products.csv").write_text("\n".join(["sku,name,text,photo,path", *rows]), encoding="utf-8")
    assert warm.repro("ingest") == ["ingest"]
    assert '"products": 60' in (warm.path / "metrics/ingest.json").read_text(encoding="utf-8")
    assert '"catalogue": "my-shop"' in (warm.path / "metrics/ingest.json").read_text(encoding="utf-8")


def test_targets_of_make_exist():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"repro", "test", "lint", "study", "help"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
