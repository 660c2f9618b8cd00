"""The version of a module's code, computed: what it imports is read from its source, nothing is run."""

import re
import sys
from collections import defaultdict
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution, distributions, version
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULE = re.compile(r"^([^/,]+)(?:/[^,]*\.py|(?<=\.py)),", re.MULTILINE)
"""The first part of each Python file's path in a distribution's list of files, RECORD."""


def _needs(module: str) -> tuple[dict[str, Path], set[str]]:
    """Return the sources of a module and of what it imports here, and the import names of libraries."""
    finder = ModuleFinder(path=[str(ROOT)])
    finder.import_hook(module)
    files = {name: vars(found)["__file__"] for name, found in finder.modules.items()}
    sources = {name: Path(file) for name, file in files.items() if file}  # sys and its kind have none
    return sources, {name.split(".")[0] for name in finder.badmodules} - sys.stdlib_module_names


@cache
def _providers() -> dict[str, list[Distribution]]:
    """Return the distributions that have a module of a name.

    As `importlib.metadata.packages_distributions`, which takes six times as long, 0.4 s of each stage that
    has an item cache: it parses all descriptions and makes a path of each file.
    """
    found = defaultdict(list)
    for each in distributions():
        names = (each.read_text("top_level.txt") or "").split()
        files = MODULE.findall(each.read_text("RECORD") or "") if not names else []
        for name in {*names, *(file.removesuffix(".py") for file in files)}:
            found[name].append(each)
    return found


def libraries(module: str) -> dict[str, str]:
    """Return the installed libraries that a module's code imports, and their versions."""
    found = {each.metadata["Name"] for name in _needs(module)[1] for each in _providers().get(name, [])}
    return {library: version(library) for library in sorted(found)}


def code_version(module: str) -> str:
    """Return a digest of a module's code.

    It covers the module's source, the sources of whatever it imports of this repository, at any depth and
    with the packages, and the versions of the libraries that these import.

    Parameters
    ----------
    module
        Its name, such as `aisle.encoders.image.descriptors`.
    """
    sources = _needs(module)[0]
    lines = [f"{name} {sha256(path.read_bytes()).hexdigest()}" for name, path in sorted(sources.items())]
    lines += [f"{library} {number}" for library, number in libraries(module).items()]
    return sha256("\n".join(lines).encode()).hexdigest()
