"""tools/bench_scale.py, tools/measured.py, tools/scale/drawn.py: what is drawn and how it is measured."""

import json
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from aisle.pipeline import dvc_file
from aisle.pipeline.dvc_file import Stage
from tools import bench_scale
from tools.measured import measured, measured_command
from tools.scale import drawn, pipeline


def held(megabytes: int) -> int:
    """Hold so many megabytes for a moment, and use the processor."""
    block = np.ones(megabytes * 125_000)
    time.sleep(0.5)
    return int(sum(block[:1000]))


def fail() -> None:
    raise ValueError("on purpose")


def test_a_run_is_measured_in_a_process_of_its_own():
    few, many = measured(held, 10), measured(held, 210)
    assert few.result == many.result == 1000
    assert 150 < many.peak_mb - few.peak_mb < 260
    assert few.seconds >= 0.5 > few.cpu_seconds


def test_a_run_that_fails_is_told(capfd):
    with pytest.raises(RuntimeError, match="fail ended with status 1"):
        measured(fail)
    assert "on purpose" in capfd.readouterr().err


def test_a_command_is_measured_with_what_it_starts(tmp_path, capfd):
    script = "import time; held = bytearray(150_000_000); time.sleep(0.5)"
    alone = measured_command(f"{sys.executable} -c 'import time; time.sleep(0.3)'", tmp_path)
    child = measured_command(f"sh -c \"{sys.executable} -c '{script}'; true\"", tmp_path)
    assert 130 < child.peak_mb - alone.peak_mb < 180
    assert child.seconds >= 0.5 > child.cpu_seconds
    with pytest.raises(RuntimeError, match="`echo no >&2; exit 3` ended with status 3"):
        measured_command("echo no >&2; exit 3", tmp_path)
    assert "no" in capfd.readouterr().err


def test_stages_run_after_those_whose_outputs_they_read():
    stages = [
        Stage("report", deps=("metrics", "data/a.parquet")),
        Stage("score", deps=("data/a.parquet",), metrics=("metrics/a.json",)),
        Stage("read", deps=("source",), outs=("data/a.parquet",)),
    ]
    assert [each.entry for each in pipeline.order({each.name: each for each in stages})] == [
        "read",
        "score",
        "report",
    ]


def test_a_workspace_has_what_the_first_stage_reads(monkeypatch, tmp_path):
    """Also the people's labels: a catalogue that is generated has none, and says so."""
    monkeypatch.setattr(pipeline, "WORK", tmp_path)
    workspace = pipeline.prepared(20, pictures=False)
    ingest = dvc_file.read(workspace)["ingest"]
    assert [dep for dep in ingest.deps if not (workspace / dep).exists() and "code" not in dep] == []
    assert len((workspace / "data/labels.csv").read_text().splitlines()) == 1


def test_growth_is_the_exponent_of_the_products():
    def cost(seconds, megabytes):
        return {"cpu_seconds": seconds, "peak_mb": megabytes}

    small = {"linear": cost(1, 100), "square": cost(1, 100), "short": cost(0.5, 100), "gone": cost(1, 1)}
    large = {"linear": cost(10, 100), "square": cost(100, 200), "short": cost(1.9, 1000)}
    assert pipeline.growth(small, large, 10) == {
        "linear": {"memory": 0.0, "time": 1.0},
        "square": {"memory": 0.3, "time": 2.0},
        "short": {"memory": 1.0},
    }


def test_what_is_drawn_is_the_same_each_time_and_has_near_duplicates():
    texts, hashes = drawn.texts(500), drawn.hashes(500)
    assert texts.equals(drawn.texts(500)) and hashes.equals(drawn.hashes(500))
    assert not texts.equals(drawn.texts(500, seed=1)) and not hashes.equals(drawn.hashes(500, seed=1))
    assert texts.duplicated().sum() > 1 and hashes.isna().sum() == 10
    words = texts.str.split().explode().value_counts()
    assert words.iloc[0] > 20 * words.iloc[len(words) // 2]  # Zipf: few are frequent


def test_a_part_replaces_its_own_figures_alone(monkeypatch, tmp_path, capsys):
    path = tmp_path / "scale.json"
    path.write_text(json.dumps({"other": {"x": 1}, "encoding": {"old": 2}}))
    monkeypatch.setattr(
        bench_scale.importlib, "import_module", lambda _: SimpleNamespace(measure=lambda: {"new": 3})
    )
    monkeypatch.setattr(sys, "argv", ["bench_scale", "encoding", "--json", str(path)])
    bench_scale.main()
    found = json.loads(path.read_text())
    assert found["other"] == {"x": 1} and found["encoding"]["new"] == 3 and "old" not in found["encoding"]
