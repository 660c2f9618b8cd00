"""Every stage script runs alone: `--help` answers with its docstring."""

import ast
import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (REPO / "stages").glob("[!_]*.py"))


def docstring(script):
    return ast.get_docstring(ast.parse((REPO / "stages" / script).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def helped():
    """Return what each script, run by its path, answers to --help."""

    def run(script):
        command = [sys.executable, f"stages/{script}", "--help"]
        environment = {**os.environ, "PYTHONPATH": str(REPO), "COLUMNS": "200"}
        return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(SCRIPTS, pool.map(run, SCRIPTS), strict=True))


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_by_path(helped, script):
    done = helped[script]
    assert done.returncode == 0 and not done.stderr
    assert docstring(script) in done.stdout
    assert "--params" in done.stdout


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
