"""aisle/pipeline/stage_server.py: a stage that is handed over does as it would have done by itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aisle.pipeline import stage_server

REPO = Path(__file__).parents[3]
STAGES = {
    "tell": """\
import os, sys
loaded = "sklearn" in sys.modules
print(sys.argv[1:], os.getcwd(), ascii(os.environ["GIVEN"]), os.environ.get("AISLE_STAGE_SERVER"), __name__)
print(sys.stdin.read(), end="")
print("on stderr", file=sys.stderr)
open("loaded.txt", "w").write(str(loaded))
sys.exit(int(sys.argv[1]))
""",
    "fail": "raise ValueError('wrong')\n",
    "wait": """\
import os, sys, time
from pathlib import Path
Path(sys.argv[1] + ".part").write_text(str(os.getpid()))
os.replace(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
""",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with three stages."""
    root = tmp_path_factory.mktemp("root")
    (root / "stages").mkdir()
    (root / "stages/__init__.py").write_text((REPO / "stages/__init__.py").read_text())
    for name, text in STAGES.items():
        (root / f"stages/{name}.py").write_text(text)
    return root


@pytest.fixture(scope="module")
def environment(root):
    """Return an environment in which stages are handed over to a server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPO))
        with stage_server.running(root):
            yield dict(os.environ) | {"GIVEN": "a \udce9 b"}


def start(root, environment, name, *arguments):
    command = [sys.executable, "-m", f"stages.{name}", *arguments]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, cwd=root, env=environment, text=True, **pipes)


def gone(process, seconds=10.0):
    end = time.monotonic() + seconds
    while Path(f"/proc/{process}").exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def process_of(path):
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, "the stage must start"
        time.sleep(0.05)
    return int(path.read_text())


def test_it_says_and_ends_as_by_itself(root, environment):
    alone = {name: value for name, value in environment.items() if name != stage_server.PLACE}
    ends = []
    for each, loaded in ((environment, "True"), (alone, "False")):
        started = start(root, each, "tell", "3", "a b")
        ends.append((*started.communicate("some input"), started.returncode))
        assert (root / "loaded.txt").read_text() == loaded
    assert ends[0] == ends[1]
    assert ends[0][1:] == ("on stderr\n", 3) and "None __main__\nsome input" in ends[0][0]


def test_a_failure_is_told(root, environment):
    started = start(root, environment, "fail")
    assert "ValueError: wrong" in started.communicate()[1]
    assert started.returncode == 1


def test_who_waits_is_killed_and_so_is_the_stage(root, environment, tmp_path):
    started = start(root, environment, "wait", str(tmp_path / "a"))
    process = process_of(tmp_path / "a")
    assert process != started.pid
    started.kill()
    started.communicate()
    assert gone(process)


def test_a_killed_stage_ends_who_waits_by_the_same_signal(root, environment, tmp_path):
    started = start(root, environment, "wait", str(tmp_path / "b"))
    os.kill(process_of(tmp_path / "b"), signal.SIGKILL)
    started.communicate()
    assert started.returncode == -signal.SIGKILL


def test_the_server_s_end_is_that_of_its_stages(root, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    with stage_server.running(root):
        handed = dict(os.environ) | {"GIVEN": ""}
        started = start(root, handed, "wait", str(tmp_path / "c"))
        process = process_of(tmp_path / "c")
    assert gone(process)
    assert "has ended before this one; run again" in started.communicate()[1]
    assert started.returncode == 1
    after = start(root, handed, "tell", "0")  # nobody serves: it runs as it was started
    assert "['0']" in after.communicate("")[0] and after.returncode == 0
    assert (root / "loaded.txt").read_text() == "False"
