"""tools/bench_repro.py: what counts as a cold run, a no-op, a variant; all three on a tiny pipeline."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from aisle.pipeline.errors import AisleError
from tools import bench_repro as bench
from tools import stage_times

TOOL = Path(bench.__file__)
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")

OUTPUT = """\
Stage 'digest_code' didn't change, skipping
Running stage 'embed@bow':
> python -m stages.embed --encoder bow
Stage 7 of 'everything' is cached

Stage 'embed@tfidf' is cached - skipping run, checking out outputs
Updating lock file 'dvc.lock'

Running stage 'evaluate':
Use `dvc push` to send your updates to remote storage.
"""
STAGES = ["digest_code", "embed@bow", "embed@tfidf", "evaluate"]


@pytest.fixture
def outcome():
    """Return what OUTPUT says."""
    found = bench.Outcome()
    begun = [bench.note(line, found) for line in OUTPUT.splitlines(keepends=True)]
    assert list(filter(None, begun)) == ["embed@bow", "evaluate"]
    return found


def test_output_tells_what_ran_what_was_restored_and_what_was_left(outcome):
    assert outcome == bench.Outcome(["embed@bow", "evaluate"], ["embed@tfidf"], ["digest_code"])


def test_cold_run_is_refused_unless_every_stage_ran_or_may_be_spared(outcome):
    bench.check_cold(STAGES, STAGES)
    bench.check_cold(outcome.ran, STAGES, ["digest_code", "embed@tfidf"])
    with pytest.raises(AisleError, match=r"2 did not: digest_code, embed@tfidf\."):
        bench.check_cold(outcome.ran, STAGES)
    with pytest.raises(AisleError, match=r"1 did not: embed@tfidf\."):
        bench.check_cold(outcome.ran, STAGES, ["digest_code"])


def test_no_op_is_refused_if_anything_ran_or_was_restored():
    bench.check_noop(bench.Outcome(unchanged=STAGES))
    for found in (bench.Outcome(ran=["evaluate"]), bench.Outcome(restored=["evaluate"])):
        with pytest.raises(AisleError, match="it ran or restored evaluate"):
            bench.check_noop(found)


def test_variant_is_refused_if_it_stops_short_or_takes_over_results(outcome):
    bench.check_variant(bench.Outcome(["embed@bow", "evaluate"], [], ["digest_code"]))
    with pytest.raises(AisleError, match="ran embed@bow and restored nothing"):
        bench.check_variant(bench.Outcome(["embed@bow"]))
    with pytest.raises(AisleError, match="restored embed@tfidf"):
        bench.check_variant(outcome)


def test_variants_are_all_different():
    found = [bench.variant("weights.yaml:a.dropout=0.25", number) for number in range(3)]
    assert found == [f"weights.yaml:a.dropout={value}" for value in ("0.25", "0.26", "0.27")]
    for bad in ("dropout", "dropout=", "=0.1", "dropout=high", "dropout=nan"):
        with pytest.raises(AisleError, match="must be NAME=NUMBER"):
            bench.variant(bad, 0)


def test_sides_take_turns_and_the_new_one_is_first():
    assert "".join(side for _, side in bench.turns("on", 4)) == "noonnoon"


def side(name, tmp_path, **seconds):
    made = bench.Side(name, tmp_path, name * 4, tmp_path, bench.VARIANT, False, tmp_path / name, seconds)
    made.stages, made.ran = {"old": (115, 115), "new": (70, 70)}[name]
    return made


def test_summary_has_ratios_of_medians_and_null_for_what_was_not_measured(tmp_path):
    old = side("old", tmp_path, cold=[100.0, 300.0, 101.0], noop=[8.0], variant=[])
    new = side("new", tmp_path, cold=[40.4], noop=[2.0, 6.0], variant=[])
    new.clone.mkdir(parents=True)
    (new.clone / "dvc.lock").write_text("schema: '2.0'\nstages:\n")
    assert bench.summary(old, new) == {
        "cores": len(os.sched_getaffinity(0)),
        "commit_old": "oldoldoldold",
        "commit_new": "newnewnewnew",
        "cold_ratio": 0.4,
        "noop_ratio": 0.5,
        "variant_ratio": None,
        "cold_seconds_old": [100.0, 300.0, 101.0],
        "cold_seconds_new": [40.4],
        "noop_seconds_old": [8.0],
        "noop_seconds_new": [2.0, 6.0],
        "variant_seconds_old": None,
        "variant_seconds_new": None,
        "stages": 70,
        "stages_old": 115,
        "ran_old": 115,
        "ran_new": 70,
        "lock_lines": 2,
    }


def test_figures_measured_elsewhere_are_given_or_kept(tmp_path, monkeypatch):
    def found(*options):
        monkeypatch.setattr(sys, "argv", ["bench_repro", "--json", str(tmp_path / "repro.json"), *options])
        return bench.given(bench.arguments())

    assert found("--ci-seconds", "1700") == {"test_seconds": None, "ci_seconds": 1700.0}
    (tmp_path / "repro.json").write_text('{"cold_ratio": 0.3, "test_seconds": 590.5, "ci_seconds": null}')
    assert found("--ci-seconds", "1700") == {"test_seconds": 590.5, "ci_seconds": 1700.0}
    assert found() == {"test_seconds": 590.5, "ci_seconds": None}


def test_the_callers_caches_and_repositories_do_not_reach_a_run(tmp_path, monkeypatch):
    for name in ("AISLE_CACHE", "AISLE_CACHE_GB", "GIT_DIR", "DVC_ROOT", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
        monkeypatch.setenv(name, "elsewhere")
    made = side("old", tmp_path)
    environment = made.environment()
    assert "elsewhere" not in environment.values()
    caches = ("AISLE_CACHE", "AISLE_WEIGHTS", "DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "TMPDIR")
    folders = {environment[name] for name in caches}
    assert len(folders) == len(caches) and {Path(each).parent for each in folders} == {made.folder}
    assert environment["PYTHONPATH"] == str(made.clone)
    assert environment["PATH"].split(os.pathsep)[0] == str(tmp_path)


def test_arguments_that_make_no_sense(monkeypatch, capsys):
    for options, message in (
        (["--parts", "cold,warm"], "must be some of cold,noop,variant"),
        (["--repeats", "0"], "must be a whole number of at least 1"),
    ):
        monkeypatch.setattr(sys, "argv", ["bench_repro", *options])
        with pytest.raises(SystemExit):
            bench.arguments()
        assert message in capsys.readouterr().err


DVC = """\
stages:
  digest:
    cmd: sleep {seconds} && cp code.txt digest.txt
    deps: [code.txt]
    outs: [{{digest.txt: {{cache: false}}}}]
  train:
    foreach: [0, 1]
    do:
      cmd: echo $DVC_STAGE && sleep {seconds} && cp digest.txt model-${{item}}
      deps: [digest.txt]
      params: [net.dropout]
      outs: ["model-${{item}}"]
  evaluate:
    cmd: cat params.yaml model-0 model-1 > scores.txt
    deps: [model-0, model-1]
    params: [net.dropout]
    outs: [scores.txt]
"""
"""One output in Git, and two stages that write the same bytes."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a repository of two commits: `slow`, with its results, and one whose stages do not sleep."""
    folder = tmp_path_factory.mktemp("repository")

    def run(*command):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def commit(name):
        run("git", "add", "--all")
        run(*GIT, "commit", "--quiet", "-m", name)
        run("git", "tag", name)

    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (folder / ".gitignore").write_text("/model-?\n/scores.txt\n")
    (folder / "params.yaml").write_text("net: {dropout: 0.5}\n")
    (folder / "code.txt").write_text("code\n")
    (folder / "dvc.yaml").write_text(DVC.format(seconds=0.3))
    run("git", "init", "--quiet")
    run(str(Path(sys.executable).parent / "dvc"), "repro", "--quiet")
    commit("slow")
    (folder / "dvc.yaml").write_text(DVC.format(seconds=0))
    (folder / "tools").mkdir()
    (folder / "tools/repro.py").write_text(
        "import subprocess\nsubprocess.run(['dvc', 'repro'], check=True)\n"
    )
    run(str(Path(sys.executable).parent / "dvc"), "repro", "--quiet")
    commit("fast")
    return folder


def command(repository, tmp_path, *options):
    (tmp_path / "clones").mkdir()
    return {
        "args": [
            *(sys.executable, TOOL, "--repository", repository, "--json", tmp_path / "repro.json"),
            *("--old", "slow", "--old-variant", "net.dropout=0.25", "--new-variant", "net.dropout=0.2"),
            *options,
        ],
        "env": os.environ | {"TMPDIR": str(tmp_path / "clones")},
        "cwd": tmp_path,
        "text": True,
        "stderr": subprocess.PIPE,
    }


def test_all_parts_of_a_tiny_pipeline(repository, tmp_path):
    options = ("--force", "--noop-repeats", "1", "--variant-repeats", "2", "--test-seconds", "9.5")
    done = subprocess.run(
        **command(repository, tmp_path, *options), check=False, stdout=subprocess.PIPE, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "repro.json").read_text())
    assert found["stages"] == found["stages_old"] == found["ran_old"] == found["ran_new"] == 4
    assert found["cold_seconds_old"][0] > 0.9  # three stages that sleep 0.3 seconds
    for part, repeats in zip(bench.PARTS, (1, 1, 2), strict=True):
        theirs, ours = (found[f"{part}_seconds_{name}"] for name in ("old", "new"))
        assert len(theirs) == len(ours) == repeats
        assert found[f"{part}_ratio"] == pytest.approx(median(ours) / median(theirs), rel=0.05)
    assert (found["test_seconds"], found["ci_seconds"]) == (9.5, None)
    for name in ("old", "new"):
        revision = {"old": "slow", "new": "HEAD"}[name]
        sought = subprocess.run(
            ["git", "rev-parse", revision], cwd=repository, capture_output=True, text=True, check=True
        )
        assert found[f"commit_{name}"] == sought.stdout.strip()
    assert found["lock_lines"] > 40
    begun = [line.split("  ")[-1] for line in done.stderr.splitlines() if line.endswith("(3)")]
    variants = [
        f"{name} variant net.dropout={value}: evaluate (3)"
        for name, value in (("new", "0.20"), ("old", "0.25"), ("old", "0.26"), ("new", "0.21"))
    ]
    assert begun[-4:] == variants
    assert [row.split()[1] for row in done.stdout.splitlines()[2:]] == ["cold", "noop", "variant"]
    assert list((tmp_path / "clones").iterdir()) == []


@pytest.mark.parametrize(("commit", "program"), [("slow", "dvc repro"), ("fast", "python tools/repro.py")])
def test_a_cold_run_does_as_make_repro_and_may_spare_what_git_has_and_what_a_sibling_made(
    repository, tmp_path, monkeypatch, commit, program
):
    monkeypatch.chdir(tmp_path)
    called, lines = [], stage_times.lines

    def seen(folder, environment, *command):
        called.append(" ".join(command))
        return lines(folder, environment, *command)

    monkeypatch.setattr(stage_times, "lines", seen)
    made = bench.Side("old", repository, commit, Path(sys.executable).parent, "", False, tmp_path / "old")
    made.cold()
    assert called == [program]
    assert (made.stages, made.ran) == (4, 2)  # train@0 and evaluate
    assert bench.committed_stages(made.clone) == {"digest"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_clone(repository, tmp_path, number):
    def heard() -> None:  # a shell's background job is started deaf to SIGINT, and so are its children
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    slow = command(repository, tmp_path, "--new", "slow")
    with subprocess.Popen(**slow, preexec_fn=heard) as process:
        for line in process.stderr:
            if "train" in line:
                break
        (folder,) = (tmp_path / "clones").iterdir()
        assert (folder / "new/aisle/dvc.yaml").is_file()
        process.send_signal(number)
        process.stderr.read()
    assert process.returncode
    assert list((tmp_path / "clones").iterdir()) == [] and not (tmp_path / "repro.json").exists()


def test_a_commit_that_is_not_there_is_one_line(repository, tmp_path):
    done = subprocess.run(**command(repository, tmp_path, "--new", "nowhere"), check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: `git rev-parse"), done.stderr
