"""pipeline/plugins.py: a class by the name of its file, and no file that is none."""

import sys
from pathlib import Path

import pytest

from aisle.pipeline.errors import AisleError
from aisle.pipeline.plugins import load_by_name


@pytest.fixture
def package(tmp_path: Path, monkeypatch, write_files):
    """Return the name of a package that has two scalers, a private module and a loader."""
    made = {"one.py": "class Scaler: ...\n", "two.py": "Scaler = 2\n", "_parts.py": "", "registry.py": ""}
    write_files(
        tmp_path, {f"scalers_of_a_test/{name}": text for name, text in {**made, "__init__.py": ""}.items()}
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "scalers_of_a_test"
    for name in [name for name in sys.modules if name.startswith("scalers_of_a_test")]:
        del sys.modules[name]


def test_a_class_is_found_by_the_name_of_its_file(package):
    loader = f"{package}.registry"
    assert load_by_name(package, "one", "Scaler", "scaler", loader).__module__ == f"{package}.one"
    assert load_by_name(package, "two", "Scaler", "scaler", loader) == 2


@pytest.mark.parametrize("name", ["three", "", "_parts", "registry", "../one", "one.Scaler"])
def test_another_name_is_an_error_that_lists_the_choices(package, name):
    with pytest.raises(AisleError, match="scaler must be one of one, two, not "):
        load_by_name(package, name, "Scaler", "scaler", f"{package}.registry")
