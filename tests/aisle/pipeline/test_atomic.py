"""pipeline/atomic.py: a file is what it was, or what it shall be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.errors import AisleError
from aisle.predict import COMPRESSIONS, write_predictions
from aisle.representations import vectors_file

REPO = Path(__file__).parents[3]
TABLE = pd.DataFrame({"product_id": [f"p{i}" for i in range(5000)], "title": "a title " * 3})
VECTORS = list(TABLE["product_id"]), np.arange(40_000, dtype="f").reshape(-1, 8)
WRITERS = {
    "parquet": lambda path: tables.write(TABLE, path, "tiny"),
    "csv": lambda path: tables.write_csv(TABLE, path, "tiny"),
    "json": lambda path: tables.write_metrics({f"n{i}": i for i in range(9000)}, path, "tiny"),
    "text": lambda path: atomic.write_text(path, "x" * 200_000),
    "features": lambda path: vectors_file.write_batches([VECTORS], {}, path),
    "predictions": lambda path: write_predictions(TABLE, str(path)),
}
LIMITED = """
import resource, sys
from tests.aisle.pipeline import test_atomic
from aisle.pipeline import cli
def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    test_atomic.WRITERS[sys.argv[1]](sys.argv[2])
cli.run(main)
"""


@pytest.mark.parametrize("kind", WRITERS)
def test_on_a_full_disk_the_old_file_stays_and_one_line_says_why(tmp_path, kind):
    path = tmp_path / "out" / "file"
    path.parent.mkdir()
    path.write_bytes(b"the old one")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, kind, str(path)],
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr, done.stderr
    assert path.read_bytes() == b"the old one"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_bytes_wherever_it_is_written(tmp_path, kind):
    for name in ("one", "other"):
        WRITERS[kind](tmp_path / name / "file")
    assert (tmp_path / "one/file").read_bytes() == (tmp_path / "other/file").read_bytes()


KILLED = """
import sys
from aisle.pipeline import atomic
with atomic.replacing(sys.argv[1]) as part:
    with part.open("w") as file:
        file.write("half"); file.flush(); print("now", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_while_it_is_written_the_old_file_stays(tmp_path, sign):
    path = tmp_path / "file"
    path.write_text("the old one")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(REPO)},
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"now\n"
        process.send_signal(sign)
        process.wait(20)
    assert path.read_text() == "the old one"
    for left in tmp_path.glob(".*.part"):
        os.utime(left, (0, time.time() - 2 * atomic.DAY))
    atomic.write_text(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["file"] and path.read_text() == "new"


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    other = tmp_path / ".file.1-1.part"
    other.write_text("half")
    atomic.write_text(tmp_path / "file", "new")
    assert other.exists()


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path):
    """As into DVC's cache."""
    (tmp_path / "cached").write_text("kept")
    (tmp_path / "file").symlink_to("cached")
    atomic.write_text(tmp_path / "file", "new")
    assert (tmp_path / "cached").read_text() == "kept" and (tmp_path / "file").read_text() == "new"


def test_a_device_is_written_as_it_stands():
    atomic.write_text("/dev/null", "x")
    assert not Path("/dev/null").is_file()


def test_a_place_is_looked_at_before_the_work(tmp_path, monkeypatch):
    atomic.check_place(tmp_path / "new/file", "--output")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(AisleError, match=r"--output must be a file; .* is a folder"):
        atomic.check_place(tmp_path, "--output")
    (tmp_path / "file").write_text("")
    with pytest.raises(AisleError, match=r"--output must be where a file can be made; .*File exists"):
        atomic.check_place(tmp_path / "file/under", "--output")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(AisleError, match="Permission denied"):
        atomic.check_place(tmp_path / "other", "--output")


@pytest.mark.parametrize("cut", [0, 4, 1000, -1])
def test_half_a_file_is_told_in_words(tmp_path, cut):
    readers = {"parquet": tables.read, "features": vectors_file.read, "json": tables.read_json}
    for kind, read in readers.items():
        path = tmp_path / kind
        WRITERS[kind](path)
        path.write_bytes(path.read_bytes()[:cut])
        if kind == "json" and cut == -1:
            continue  # the last line break
        with pytest.raises(AisleError, match=r"that a stage wrote; it is cut, damaged"):
            read(path)
    (tmp_path / "csv").write_text("")
    with pytest.raises(AisleError, match="a table in CSV that a stage wrote; it is cut"):
        tables.read_csv(tmp_path / "csv")


@pytest.mark.parametrize("kind", ["parquet", "features"])
def test_a_changed_byte_of_a_page_is_noticed(tmp_path, kind):
    """As of a damaged object of DVC's cache: pages have checksums."""
    path = tmp_path / "file"
    WRITERS[kind](path)
    data = bytearray(path.read_bytes())
    for place in (100, 300):
        data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(AisleError, match="damaged"):
        (tables.read if kind == "parquet" else vectors_file.read)(path)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (OSError(28, "No space left on device", "a.csv"), 2, "error: No space left on device: a.csv. Free"),
        (PermissionError(13, "Permission denied", "b"), 2, "error: Permission denied: b"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
        (
            UnicodeEncodeError("utf-8", "a\udcff.jpg", 1, 2, "surrogates"),
            2,
            r"error: a text must be Unicode; 'a\udcff'",
        ),
    ],
)
def test_what_the_system_refuses_is_one_line(capsys, monkeypatch, error, code, told):
    monkeypatch.delenv("AISLE_TRACEBACK", raising=False)

    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        cli.run(main, children=True)
    said = capsys.readouterr().err
    assert ended.value.code == code and said.startswith(told) and said.count("\n") == 1
    monkeypatch.setenv("AISLE_TRACEBACK", "1")
    if isinstance(error, OSError):
        with pytest.raises(OSError, match=str(error.strerror)):
            cli.run(main, children=True)


def test_predictions_are_not_made_for_nothing(tmp_path):
    """Where the output is a folder that is told at once, before the model is looked for."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "aisle.predict",
            "--model",
            "x",
            "--input",
            "a.csv",
            "--output",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"error: --output must be a file; {tmp_path} is a folder. Name a file in it.\n"


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.zip", ".CSV.GZ"])
def test_the_suffix_of_predictions_says_how_they_are_compressed(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write_predictions(TABLE.head(3), str(path))
    assert pd.read_csv(
        tmp_path / f"out{suffix}", compression=COMPRESSIONS.get(path.suffix.lower())
    ).shape == (3, 2)
    assert (path.read_bytes()[:2] in (b"PK", b"\x1f\x8b")) == (suffix != ".csv")
