"""Every stage script runs alone: `--help` answers with its docstring."""

import ast
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (REPO / "stages").glob("[!_]*.py"))


def docstring(script):
    return ast.get_docstring(ast.parse((REPO / "stages" / script).read_text(encoding="utf-8")))


FORK = """
import os, runpy, sys
import cv2, numpy, pandas, pyarrow, pydantic, requests, scipy.ndimage, scipy.stats, sklearn.linear_model, yaml
folder, *scripts = sys.argv[1:]
for script in scripts:
    sys.stdout.flush()
    if not os.fork():
        for number, stream in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}/{script}.{stream}", os.O_CREAT | os.O_WRONLY), number)
        sys.argv, sys.path[0] = [f"stages/{script}", "--help"], "stages"
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)  # to take down what was read takes longer than to read it
        os._exit(1)
    open(f"{folder}/{script}.status", "w").write(str(os.waitstatus_to_exitcode(os.wait()[1])))
"""
"""Runs each script by its path in a process of its own: a fork, so that the libraries are read once."""


@pytest.fixture(scope="module")
def helped(tmp_path_factory):
    """Return the function that says what a script, run by its path, answers to --help: status, out, err."""
    folder = tmp_path_factory.mktemp("help")
    command = [sys.executable, "-c", FORK, str(folder), *SCRIPTS]
    environment = {**os.environ, "PYTHONPATH": str(REPO), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return lambda script: [(folder / f"{script}.{part}").read_text() for part in ("status", "out", "err")]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_by_path(helped, script):
    status, out, err = helped(script)
    assert status == "0" and not err
    assert docstring(script) in out
    assert "--params" in out


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_by_module_name(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.syspath_prepend(str(REPO))
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(f"stages.{script.removesuffix('.py')}", run_name="__main__")
    assert stop.value.code == 0
    assert docstring(script) in capsys.readouterr().out


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_missing_flag_is_status_2(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(REPO / "stages" / script), run_name="__main__")
    assert stop.value.code == 2
    assert "required" in capsys.readouterr().err
