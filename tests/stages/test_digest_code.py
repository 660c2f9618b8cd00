"""stages/digest_code.py: each stage's code, a line a file."""

import subprocess
import sys
from pathlib import Path

import pytest

from aisle.pipeline import cli
from aisle.pipeline.code_digests import digests
from stages.digest_code import main

ROOT = Path(__file__).parents[2]
FILES = {
    "stages/encode.py": "from aisle import encoders\n",
    "stages/report.py": "from aisle import page\n",
    "aisle/__init__.py": "",
    "aisle/page.py": "",
    "aisle/encoders/__init__.py": "importlib.import_module(f'aisle.encoders.{name}')\n",
    "aisle/encoders/bow.py": "from aisle.encoders.base import x\n",
    "aisle/encoders/base.py": "importlib.import_module(f'aisle.scalers.{name}')\n",
    "aisle/scalers/none.py": "",
}
SCRIPTS = ["stages/encode.py", "stages/report.py"]


def test_a_digest_for_each_script_and_each_module_that_is_loaded_by_name(tmp_path, write_files):
    write_files(tmp_path, FILES)
    found = digests(tmp_path, SCRIPTS)
    chosen = ["aisle/encoders/base.py", "aisle/encoders/bow.py", "aisle/scalers/none.py"]
    folders = ["aisle/encoders", "aisle/scalers"]
    assert sorted(found) == sorted([*SCRIPTS, *chosen, *folders])
    assert found["aisle/encoders"] == found["aisle/encoders/bow.py"]  # the base's lines once
    files = [line.split("  ")[1] for line in found["aisle/encoders/bow.py"].splitlines()]
    assert files == ["aisle/__init__.py", "aisle/encoders/__init__.py", *chosen[:2]]


def test_an_edit_changes_the_digests_of_what_imports_the_file_alone(tmp_path, write_files):
    write_files(tmp_path, FILES)
    before = digests(tmp_path, SCRIPTS)
    for file, changed in {
        "aisle/page.py": ["stages/report.py"],
        "aisle/encoders/bow.py": ["aisle/encoders", "aisle/encoders/bow.py"],
        "aisle/encoders/base.py": ["aisle/encoders", "aisle/encoders/base.py", "aisle/encoders/bow.py"],
    }.items():
        write_files(tmp_path, FILES)
        with (tmp_path / file).open("a") as source:
            source.write("# an edit\n")
        after = digests(tmp_path, SCRIPTS)
        assert sorted(name for name in after if after[name] != before[name]) == changed


@pytest.mark.parametrize(
    ("library", "scripts", "message"),
    [
        ("nope", "stages", "--library must be a package"),
        ("aisle", "aisle/encoders", "--scripts a folder beside it"),
        ("aisle", "docs", "docs has no .py file"),
        ("aisle", "broken", "broken/stage.py, line 1"),
    ],
)
def test_errors_are_one_line(tmp_path, write_files, monkeypatch, capsys, library, scripts, message):
    write_files(tmp_path, FILES | {"docs/page.md": "", "broken/stage.py": "import (\n"})
    monkeypatch.chdir(tmp_path)
    flags = ["--library", library, "--scripts", scripts, "--output", "code"]
    monkeypatch.setattr(sys, "argv", ["digest_code", *flags])
    with pytest.raises(SystemExit):
        cli.run(main)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "code").exists()


def test_sha256sum_checks_what_is_written(tmp_path):
    """The script on this repository, with the command of dvc.yaml."""
    arguments = ["--library", "aisle", "--scripts", "stages", "--output", str(tmp_path / "code")]
    subprocess.run([sys.executable, "-m", "stages.digest_code", *arguments], cwd=ROOT, check=True)
    made = {path.relative_to(tmp_path / "code"): path.read_text() for path in tmp_path.rglob("*.txt")}
    assert len(made) > len(list((ROOT / "stages").glob("*.py")))
    for text in made.values():
        subprocess.run(
            ["sha256sum", "--check", "--strict", "--quiet"], cwd=ROOT, input=text, text=True, check=True
        )
