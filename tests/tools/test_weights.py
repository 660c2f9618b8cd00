"""tools/weights.py: downloads all, records digests that are null, and says which could not be had."""

import http.server
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "weights.py"
CONTENT = b"weights" * 1000
WEIGHTS = """\
# facts
weights:
  none: {export: none, source: none}   # needs none
  one:
    export: none
    source: random
    licence: MIT
    files:
      a.bin: {url: "URL/a.bin", sha256: null, megabytes: 0.007}   # not known yet
      b.bin:
        url: URL/b.bin
        sha256: DIGEST
  two:
    export: none
    source: absent
    files:
      c.bin: {url: "http://127.0.0.1:1/c.bin", sha256: null}
"""


@pytest.fixture
def workspace(tmp_path):
    """Return a folder with a weights.yaml whose first model a server on this machine has."""
    (tmp_path / "hub").mkdir()
    for name in ("a.bin", "b.bin"):
        (tmp_path / "hub" / name).write_bytes(CONTENT)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "hub"))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = WEIGHTS.replace("URL", f"http://127.0.0.1:{server.server_port}")
    (tmp_path / "weights.yaml").write_text(text.replace("DIGEST", sha256(CONTENT).hexdigest()))
    yield tmp_path
    server.shutdown()
    server.server_close()


def run(workspace, *names):
    return subprocess.run(
        [sys.executable, str(TOOL), *names], cwd=workspace, capture_output=True, text=True, check=False
    )


def test_digests_are_recorded_in_place_and_then_held(workspace):
    before = (workspace / "weights.yaml").read_text()
    done = run(workspace, "one", "--accept-unknown")
    assert done.returncode == 0, done.stderr
    assert "downloaded, sha256 recorded" in done.stdout and "MIT" in done.stdout
    after = (workspace / "weights.yaml").read_text()
    assert after == before.replace("sha256: null", f"sha256: {sha256(CONTENT).hexdigest()}", 1)
    assert "there" in run(workspace, "one").stdout
    (workspace / ".cache/weights/one/a.bin").unlink()
    (workspace / "hub/a.bin").write_bytes(CONTENT[:-1])  # the address gives another file now
    done = run(workspace, "one")
    assert done.returncode == 2 and "a.bin" in done.stderr and "must have sha256" in done.stderr
    assert not (workspace / ".cache/weights/one/a.bin").exists()


def test_what_cannot_be_had_is_named_with_the_ways_out_and_the_rest_is_fetched(workspace):
    done = run(workspace, "--accept-unknown")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for part in ("c.bin", "refused", "1 of 3 files", "Three ways", "source: path", "source: package"):
        assert part in done.stderr, part
    assert "could not be had" in done.stdout
    assert sorted(path.name for path in (workspace / ".cache/weights").glob("*/*")) == ["a.bin", "b.bin"]


@pytest.mark.parametrize("blank", ["sha256: ~", "sha256:", ""])
def test_a_digest_that_has_no_place_is_not_written_elsewhere(workspace, blank):
    path = workspace / "weights.yaml"
    text = path.read_text()
    entry = next(line for line in text.splitlines() if "a.bin:" in line)
    url = entry.split('"')[1]
    lines = [
        "      a.bin:",
        f'        url: "{url}"',
        *([f"        {blank}"] if blank else []),
        "        md5: null",
    ]
    path.write_text(text.replace(entry, "\n".join(lines)))
    before = path.read_text()
    done = run(workspace, "one", "--accept-unknown")
    assert done.returncode == 2 and "must say `sha256: null`" in done.stderr, done.stderr
    assert path.read_text() == before


def test_an_unknown_name(workspace):
    done = run(workspace, "three")
    assert done.returncode == 2 and "not three" in done.stderr


def test_without_a_yes_nothing_is_believed_that_has_no_digest(workspace):
    before = (workspace / "weights.yaml").read_text()
    done = run(workspace, "one")
    assert done.returncode == 2 and "a.bin has no digest" in done.stderr and "ACCEPT=1" in done.stderr
    assert (workspace / "weights.yaml").read_text() == before
    assert not (workspace / ".cache/weights/one/a.bin").exists()
    assert (workspace / ".cache/weights/one/b.bin").is_file()  # it has one


def test_a_page_of_html_is_no_weights_file_and_its_digest_is_not_recorded(workspace):
    before = (workspace / "weights.yaml").read_text()
    for page in (b"<!DOCTYPE html><p>Please log in", b" \n<HTML>" + b"x" * 7000):
        (workspace / "hub/a.bin").write_bytes(page)
        done = run(workspace, "one", "--accept-unknown")
        assert done.returncode == 2 and "a page of HTML" in done.stderr
    assert (workspace / "weights.yaml").read_text() == before
    assert not (workspace / ".cache/weights/one/a.bin").exists()
