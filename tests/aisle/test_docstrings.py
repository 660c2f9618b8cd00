"""Examples in the docstrings of encoders and classifiers are right; each that needs no weights has one."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("representations/encoders/text", "representations/encoders/image", "models/classifiers")
PRETRAINED = {
    "clip", "efficientnet_lite", "keras_backbone", "sentence_transformer", "transformer", "use",
    "use_multilingual",
}  # fmt: skip
"""They run exported weights, which an example has not; tests/aisle/representations runs each."""
MODULES = [
    f"aisle.{folder}.{path.stem}".replace("/", ".")
    for folder in FOLDERS
    for path in sorted((ROOT / "aisle" / folder).glob("[!_]*.py"))
    if path.stem not in {"registry", *PRETRAINED}
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    assert tests, f"{name} must have an example in the docstring of its class"
    for test in tests:
        results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
        assert not results.failed, test.name
