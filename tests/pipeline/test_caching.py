"""The pipeline reruns what has changed, and only that; from cold it gives the same bytes."""

import hashlib
import shutil
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline


def files(copy) -> dict[str, str]:
    folders = ("data", "features", "models", "predictions", "packages", "metrics", "reports")
    return {
        str(path.relative_to(copy.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted((copy.path / folder).rglob("*"))
        if path.is_file()
    }


def test_second_run_from_cold_gives_the_same_bytes(cold, make_copy, tmp_path):
    second = make_copy(tmp_path / "elsewhere")
    assert len(second.repro()) == len(cold.run("dvc", "stage", "list").stdout.splitlines())
    assert second.lock() == cold.lock()
    assert files(second) == files(cold)


def test_one_core_gives_the_same_bytes(warm, cold):
    """What learns and what sums, again on one core: neither threads nor their number change a bit."""
    stages = ["cluster@descriptors", "classify@descriptors", "classify@text_floor", "fuse@late_fusion"]
    stages += ["classify@text_specifications", "train_fusion@attention-0"]
    warm.run("taskset", "-c", "0", "dvc", "repro", "--force", "--single-item", *stages)
    assert files(warm) == files(cold)


def test_second_run_does_nothing(cold):
    before = cold.lock()
    assert cold.repro() == []
    assert cold.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert cold.lock() == before
    assert cold.run("git", "status", "--porcelain").stdout == ""


def test_fusion_parameter_reruns_the_fusion_and_what_depends_on_it(warm):
    """No encoder, no classifier, no network, no other fusion."""
    warm.edit("params.yaml", "options: {C: 0.1}", "options: {C: 0.3}")
    ran = warm.repro()
    after = {"explain_fusion@stacking", "evaluate", "champion", "review", "track", "report"}
    assert ran[0] == "fuse@stacking" and set(ran[1:]) == after and ran[-1] in ("report", "track")


def test_comment_in_a_figure_module_reruns_the_report_alone(warm):
    path = warm.path / "aisle/report/sections/clusters.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    assert warm.repro() == ["digest_code", "report"]


def test_encoder_leaves_its_siblings_cached(warm):
    warm.edit("aisle/encoders/text/bow.py", '"""Bag of words:', '"""Bag of words, which are')
    assert warm.repro("embed_text") == ["digest_code", "embed_text@bow"]


def test_contributing_guide_adds_an_encoder(warm):
    """The example of CONTRIBUTING.md as it stands: one file and one params entry, siblings cached."""
    guide = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = guide.split("```python\n")[1].split("```")[0]
    entry = guide.split("```yaml\n")[1].split("```")[0]
    (warm.path / "aisle/encoders/text/characters.py").write_text(code, encoding="utf-8")
    warm.edit("params.yaml", "  image:\n    descriptors:\n", entry + "  image:\n    descriptors:\n")
    (warm.path / "docs").mkdir(exist_ok=True)
    assert warm.repro("embed_text") == ["digest_code", "embed_text@characters"]
    assert (warm.path / "features/text/characters.parquet").is_file()


def idle(copy, stages: int, params: Path | None) -> None:
    """Make a pipeline of stages that copy a file each and, given a params.yaml, have a param of it."""
    copy.path.mkdir()
    copy.run("git", "init", "--quiet")
    copy.run("dvc", "init", "--quiet")
    lines = ["stages:"]
    for number in range(stages):
        (copy.path / f"{number}.txt").write_text(str(number))
        lines += [f"  s{number}:", f"    cmd: cp {number}.txt {number}.out"]
        lines += [f"    deps: [{number}.txt]", f"    outs: [{number}.out]"]
        lines += ["    params: [seeds]"] if params else []
    (copy.path / "dvc.yaml").write_text("\n".join(lines) + "\n")
    if params:
        shutil.copyfile(params, copy.path / "params.yaml")
    assert len(copy.repro()) == stages


@pytest.fixture(scope="module")
def no_op(cold, tmp_path_factory) -> dict[str, float]:
    """Return seconds of a no-op repro, of idle stages and of such with params: the shortest of five."""
    folder = tmp_path_factory.mktemp("idle")
    copies = {"ours": cold} | {name: type(cold)(folder / name) for name in ("idle", "with params")}
    stages = len(cold.run("dvc", "stage", "list").stdout.splitlines())
    idle(copies["idle"], stages, None)
    idle(copies["with params"], stages, cold.path / "params.yaml")
    seconds: dict[str, list[float]] = {name: [] for name in copies}
    for _ in range(5):
        for name, copy in copies.items():
            start = time.perf_counter()
            assert copy.repro() == []
            seconds[name].append(time.perf_counter() - start)
    found = {name: min(each) for name, each in seconds.items()}
    print(f"no-op repro of {stages} stages, seconds: {found}")
    return found


@pytest.mark.xfail(reason="DVC parses params.yaml for each stage that has params (decision 17)", strict=False)
def test_no_op_costs_under_a_second_more_than_dvc_itself(no_op):
    """What part 1 promises. Some machines keep it; the limits below hold on all."""
    assert no_op["ours"] - no_op["idle"] < 1, no_op


def test_no_op_costs_under_a_second_more_than_idle_stages_with_params(no_op):
    """DVC parses params.yaml for each of these too."""
    assert no_op["ours"] - no_op["with params"] < 1, no_op


def test_no_op_costs_under_two_seconds_more_than_idle_stages(no_op):
    """The parsing included: it grows with params.yaml."""
    assert no_op["ours"] - no_op["idle"] < 2, no_op
