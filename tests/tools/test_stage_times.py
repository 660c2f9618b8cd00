"""tools/stage_times.py: what a command says reaches its reader, and what becomes of the command."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from aisle.pipeline.errors import AisleError
from tools import stage_times


def test_seconds_and_imports_of_each_stage(capsys):
    timed = [
        (0.5, "import time:     20000 |      20000 | dvc\n"),
        (1.0, "Running stage 'ingest':\n"),
        (1.5, "import time:    300000 |     900000 | pandas\n"),
        (3.0, "Running stage 'cluster@bow':\n"),
        (4.5, "done\n"),
    ]
    assert stage_times.per_stage(stage_times.echo(timed)) == [
        ("(dvc)", 1.0, 0.02),
        ("ingest", 2.0, 0.3),
        ("cluster@bow", 1.5, 0.0),
    ]
    assert capsys.readouterr().err == "Running stage 'ingest':\nRunning stage 'cluster@bow':\ndone\n"


def test_a_reader_that_stops_leaves_no_process(tmp_path):
    start = time.perf_counter()
    with closing(stage_times.lines(tmp_path, os.environ, "sh", "-c", "sleep 60 & echo $!; wait")) as timed:
        pid = int(next(timed)[1])
    assert time.perf_counter() - start < 30
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] in "ZX"


def test_a_command_that_fails_is_an_error_with_what_it_said_last(tmp_path):
    with pytest.raises(AisleError, match="ended with 3: why"):
        list(stage_times.lines(tmp_path, os.environ, "sh", "-c", "echo why >&2; exit 3"))
