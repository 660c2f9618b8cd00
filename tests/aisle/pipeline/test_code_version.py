"""pipeline/code_version.py: another version for other code, and only then."""

from importlib.metadata import packages_distributions

import pytest

from aisle.pipeline import code_version as module
from aisle.pipeline.code_version import code_version

FILES = {
    "aisle/__init__.py": "",
    "aisle/encoder.py": "import json\nimport sys\nimport numpy as np\nfrom aisle.blocks import block\n",
    "aisle/blocks/__init__.py": "",
    "aisle/blocks/block.py": "def block():\n    from aisle import late\n",
    "aisle/late.py": "",
    "aisle/other.py": "",
}


@pytest.fixture
def root(tmp_path, monkeypatch, write_files):
    write_files(tmp_path, FILES)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "other"),
    [(name, name != "aisle/other.py") for name in FILES],
)
def test_what_the_module_imports_at_any_depth_counts(root, file, other):
    before = code_version("aisle.encoder")
    (root / file).write_text(FILES[file] + "# a comment\n")
    assert (code_version("aisle.encoder") != before) == other


def test_nothing_is_run(root):
    (root / "aisle/late.py").write_text("raise SystemExit\n")
    assert len(code_version("aisle.encoder")) == 64


def test_versions_of_libraries_count(root, monkeypatch):
    before = code_version("aisle.encoder")
    monkeypatch.setattr(module, "version", lambda name: {"numpy": "0.0"}[name])  # no other is asked for
    assert code_version("aisle.encoder") != before


def test_the_folder_does_not_count(root, monkeypatch):
    before = code_version("aisle.encoder")
    root.rename(root.with_name("elsewhere"))
    monkeypatch.setattr(module, "ROOT", root.with_name("elsewhere"))
    assert code_version("aisle.encoder") == before


def test_the_distributions_are_those_that_python_finds():
    found = {
        name: {each.metadata["Name"] for each in several} for name, several in module._providers().items()
    }
    assert found == {name: set(several) for name, several in packages_distributions().items()}
    assert found["sklearn"] == {"scikit-learn"}
