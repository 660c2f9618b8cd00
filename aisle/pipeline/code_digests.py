"""What code each stage runs, as lists of SHA-256 and path (docs/decisions/0017-digests-of-code.md)."""

from hashlib import sha256
from pathlib import Path

from aisle.pipeline.errors import AisleError
from aisle.pipeline.imports import Sources, module


def of_stages(library: Path, folder: Path) -> dict[str, str]:
    """Return the digests of every stage's script, and of the modules that it loads by name.

    Parameters
    ----------
    library
        The package.
    folder
        The folder of the stages' scripts, beside the package.

    Raises
    ------
    AisleError
        If these are no such folders, or a file is no Python.
    """
    if not (library / "__init__.py").is_file() or folder.parent != library.parent:
        raise AisleError(
            f"--library must be a package and --scripts a folder beside it, not {library} and {folder}"
        )
    scripts = [path.relative_to(library.parent).as_posix() for path in sorted(folder.glob("*.py"))]
    if not scripts:
        raise AisleError(f"--scripts must hold the stages' scripts; {folder} has no .py file")
    try:
        return digests(library.parent, scripts)
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise AisleError(f"scripts and what they import must be Python; {where}: {error.msg}") from None


def digests(root: Path, scripts: list[str]) -> dict[str, str]:
    """Return script or module, a path from the root, to the lines for it.

    A folder of modules that are loaded by name has the lines of all, for a stage that may load any of them.
    """
    sources, queue = Sources(root), list(scripts)
    lists: dict[str, str] = {}
    while queue:
        file = queue.pop()
        closure = sorted(sources.closure(module(file)))
        lines = [f"{sha256((root / path).read_bytes()).hexdigest()}  {path}\n" for path in closure]
        lists[file] = "".join(lines)
        loads = [load for path in closure if path.endswith(".py") for load in sources.loads(path)]
        queue += [module_file for module_file in sources.fitting(loads) if module_file not in lists]
    loaded = sorted(lists.keys() - {*scripts})
    for folder in sorted({file.rpartition("/")[0] for file in loaded}):
        siblings = [lists[file] for file in loaded if file.rpartition("/")[0] == folder]
        union = {line for text in siblings for line in text.splitlines(keepends=True)}
        lists[folder] = "".join(sorted(union, key=lambda line: line.split("  ", 1)[1]))
    return lists
