"""The version of a module's code, computed: what it imports is read from its source, nothing is run."""

import sys
from hashlib import sha256
from importlib.metadata import packages_distributions, version
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parents[1]


def code_version(module: str) -> str:
    """Return a digest of a module's code.

    It covers the module's source, the sources of whatever it imports of this repository, at any depth and
    with the packages, and the versions of the libraries that these import.

    Parameters
    ----------
    module
        Its name, such as `aisle.encoders.image.descriptors`.
    """
    finder = ModuleFinder(path=[str(ROOT)])
    finder.import_hook(module)
    files = {name: vars(found)["__file__"] for name, found in finder.modules.items()}
    sources = {name: Path(file) for name, file in files.items() if file}  # sys and its kind have none
    lines = [f"{name} {sha256(path.read_bytes()).hexdigest()}" for name, path in sorted(sources.items())]
    elsewhere = {name.split(".")[0] for name in finder.badmodules} - sys.stdlib_module_names
    providers = packages_distributions()
    libraries = {library for name in elsewhere for library in providers.get(name, [])}
    lines += [f"{library} {version(library)}" for library in sorted(libraries)]
    return sha256("\n".join(lines).encode()).hexdigest()
