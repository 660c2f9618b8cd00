"""Load a class by the name that params.yaml gives its file: encoders, classifiers, exports, tuners."""

import pkgutil
from pathlib import Path
from typing import Any

from aisle.pipeline.errors import AisleError, some


def load_by_name(package: str, name: str, attribute: str, what: str, loader: str) -> Any:
    """Return what a package's module of a name calls ``attribute``; there is no list of such modules to edit.

    Parameters
    ----------
    package
        A literal or an f-string: `aisle.pipeline.imports` then knows what could be loaded, and
        tools/lint_pipeline.py proves that a stage depends on the one file that is.
    name
        The module's, as in params.yaml.
    attribute
        What each of the package's modules has, such as `Encoder`.
    what
        What it is called in an error.
    loader
        The calling module's `__name__`: where it lies in the package, it is no choice.

    Raises
    ------
    AisleError
        If the package has no such module.
    """
    folder = Path(pkgutil.resolve_name(package).__path__[0])
    known = sorted(path.stem for path in folder.glob("[!_]*.py") if f"{package}.{path.stem}" != loader)
    if name not in known:
        raise AisleError(f"{what} must be one of {some(known, 99)}, not {name!r}")
    return pkgutil.resolve_name(f"{package}.{name}:{attribute}")
