"""The version of a module's code: its sources and the versions of its libraries, digested; nothing is run."""

import re
from collections import defaultdict
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution, distributions, version
from pathlib import Path

from aisle.pipeline.imports import Sources

ROOT = Path(__file__).parents[2]
MODULE = re.compile(r"^([^/,]+)(?:/[^,]*\.py|(?<=\.py)),", re.MULTILINE)
"""The first part of each Python file's path in a distribution's list of files, RECORD."""


@cache
def _providers() -> dict[str, list[Distribution]]:
    """Return the distributions that have a module of a name.

    As `importlib.metadata.packages_distributions`, which takes six times as long, 0.4 s of each stage that
    has an item cache: it parses all descriptions and makes a path of each file.
    """
    providers = defaultdict(list)
    for carrier in distributions():
        names = (carrier.read_text("top_level.txt") or "").split()
        files = MODULE.findall(carrier.read_text("RECORD") or "") if not names else []
        for name in {*names, *(file.removesuffix(".py") for file in files)}:
            providers[name].append(carrier)
    return providers


@cache
def libraries(module: str) -> dict[str, str]:
    """Return the installed libraries that a module's code imports, and their versions."""
    return _versions(Sources(ROOT).libraries(module))


def _versions(names: set[str]) -> dict[str, str]:
    """Return the distributions that carry modules of these names, and their versions."""
    carriers = {carrier.metadata["Name"] for name in names for carrier in _providers().get(name, [])}
    return {library: version(library) for library in sorted(carriers)}


def code_version(module: str) -> str:
    """Return a digest of a module's code.

    It covers the module's source, the sources of whatever it imports of this repository, at any depth and
    with the packages, and the versions of the libraries that these import.

    Parameters
    ----------
    module
        Its name, such as `aisle.representations.encoders.image.descriptors`.
    """
    sources = Sources(ROOT)
    files = sorted(sources.closure(module))
    lines = [f"{file} {sha256((ROOT / file).read_bytes()).hexdigest()}" for file in files]
    lines += [f"{library} {number}" for library, number in _versions(sources.libraries(module)).items()]
    return sha256("\n".join(lines).encode()).hexdigest()
