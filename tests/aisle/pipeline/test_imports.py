"""pipeline/imports.py: what a module reads, on small packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from aisle.pipeline.imports import Sources

ROOT = Path(__file__).parents[3]
FILES = {
    "stages/encode.py": "from aisle import encoders, ids\n",
    "stages/report.py": "def main():\n    from aisle.report import page\n",
    "aisle/__init__.py": "",
    "aisle/py.typed": "",
    "aisle/.hidden": "",
    "aisle/ids.py": "import csv\n",
    "aisle/folds.py": "",
    "aisle/encoders/__init__.py": """
import importlib

def load(name):
    importlib.import_module(f"tensorflow.keras.applications.{name}")
    return importlib.import_module(f"aisle.encoders.{name}")
""",
    "aisle/encoders/base.py": "",
    "aisle/encoders/_private.py": "",
    "aisle/encoders/bow.py": "from aisle.encoders.base import x\n",
    "aisle/encoders/tfidf.py": "from .base import x\n",
    "aisle/report/__init__.py": "",
    "aisle/report/page.py": "import plotly\n",
    "aisle/report/page.html.j2": "<html>",
}
ENCODE = ["aisle/__init__.py", "aisle/encoders/__init__.py", "aisle/ids.py", "stages/encode.py"]


@pytest.fixture
def root(tmp_path: Path, write_files) -> Path:
    write_files(tmp_path, FILES)
    return tmp_path


def closure(root: Path, name: str) -> list[str]:
    return sorted(Sources(root).closure(name))


def test_imports_packages_and_the_data_beside_them(root: Path) -> None:
    """An import inside a function counts, and so does a template; a library or a hidden file does not."""
    assert closure(root, "stages.encode") == ENCODE
    report = ["aisle/__init__.py", "aisle/report/__init__.py", "aisle/report/page.html.j2"]
    assert closure(root, "stages.report") == [*report, "aisle/report/page.py", "stages/report.py"]


@pytest.mark.parametrize(
    "code",
    [
        "import aisle.folds",
        "from aisle import folds",
        "from . import folds",
        "from .folds import x",
        "def late():\n    from aisle.folds import x",
        "if TYPE_CHECKING:\n    from .folds import x",
        "__import__('aisle.folds')",
        "importlib.import_module('aisle.folds')",
        "importlib.import_module('.folds', 'aisle')",
    ],
)
def test_every_form_of_import_is_followed(root: Path, code: str) -> None:
    (root / "aisle/ids.py").write_text(code + "\n")
    assert closure(root, "stages.encode") == sorted([*ENCODE, "aisle/folds.py"])


def test_a_package_of_scripts_is_read_too(root: Path) -> None:
    (root / "stages/__init__.py").write_text("")
    assert "stages/__init__.py" in closure(root, "stages.encode")


def test_what_is_loaded_by_a_computed_name(root: Path) -> None:
    sources = Sources(root)
    loads = sources.loads("aisle/encoders/__init__.py")
    assert loads == [(6, "aisle.encoders.*")]  # a library's module is nobody's dep
    names = ["base", "bow", "tfidf"]
    assert sources.fitting(loads) == [f"aisle/encoders/{name}.py" for name in names]


def test_a_load_by_name_is_a_load(root: Path) -> None:
    for package, loaded in (
        ('"aisle.encoders"', "aisle.encoders.*"),
        ('f"aisle.encoders.{modality}"', "aisle.encoders.*.*"),
        ("package", "*.*"),
    ):
        (root / "aisle/ids.py").write_text(f'load_by_name({package}, name, "Encoder", "encoder", __name__)')
        assert Sources(root).loads("aisle/ids.py") == [(1, loaded)]


def test_libraries_are_what_is_neither_here_nor_of_python(root: Path) -> None:
    (root / "docs").mkdir()  # a folder that is no package hides no library of its name
    (root / "aisle/encoders/bow.py").write_text(
        "import json\nimport docs\nfrom aisle.encoders.base import x\nfrom sklearn.svm import SVC\n"
    )
    (root / "aisle/encoders/base.py").write_text("def late():\n    import numpy.linalg\n")
    assert Sources(root).libraries("aisle.encoders.bow") == {"docs", "numpy", "sklearn"}
    assert Sources(root).libraries("aisle.ids") == set()


@pytest.mark.parametrize("stage", ["ingest", "embed_text", "make_folds", "track"])
def test_every_module_that_python_loads_is_in_the_closure(stage: str) -> None:
    """Against Python itself: what it has imported of this repository after importing the script."""
    code = f"import sys, stages.{stage}; print(*(getattr(m, '__file__', '') for m in sys.modules.values()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {Path(file).resolve() for file in done.stdout.split()}
    ours = {
        str(file.relative_to(ROOT))
        for file in loaded
        if file.is_relative_to(ROOT / "aisle") or file.is_relative_to(ROOT / "stages")
    }
    assert f"stages/{stage}.py" in ours and ours <= set(closure(ROOT, f"stages.{stage}"))
