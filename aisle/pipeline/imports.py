"""Which files of the repository a module runs, read from the sources; nothing is imported."""

import ast
import re
import sys
from pathlib import Path

WILDCARD = re.compile(r"\{[^{}]*\}")
NOT_DATA = (".py", ".pyi", ".pyc", "py.typed")  # in a package's folder, not read by the code beside them
PACKAGE = "__init__.py"

Load = tuple[int, str]
"""Line, and the module's name with * where it varies."""


def imports(file: str, tree: ast.Module) -> tuple[list[str], list[Load]]:
    """Return the modules that a file imports, at any depth, and those that it loads by a name it computes.

    Parameters
    ----------
    file
        Its path from the repository's root, to which relative imports are resolved.
    tree
        Its parsed source.
    """
    found: list[str] = []
    loads: list[Load] = []
    package = file.split("/")[:-1]

    def absolute(level: int, name: str) -> str:
        return ".".join([*package[: len(package) - level + 1], *filter(None, [name])]) if level else name

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node.level, node.module or "")
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            texts = [literal(argument) for argument in node.args]
            name = WILDCARD.sub("*", texts[0] if texts and texts[0] else "{}")
            dots = len(name) - len(name.lstrip("."))
            anchor = texts[1] if len(texts) > 1 else None
            name = f"{anchor}{name}" if dots == 1 and anchor else absolute(dots, name[dots:])
            if "*" in name:
                loads.append((node.lineno, name))
            else:
                found.append(name)
        elif isinstance(node, ast.Call) and called(node) == "load_by_name":  # aisle/pipeline/plugins.py
            loads.append((node.lineno, WILDCARD.sub("*", literal(node.args[0]) or "{}") + ".*"))
    return found, loads


def called(node: ast.Call) -> str:
    """Return the name of the function that is called, without what it belongs to."""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def literal(node: ast.expr) -> str | None:
    """Return a literal as it is and an f-string with its ``{...}``; anything else is None."""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) or "" for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


class Sources:
    """The Python files under a root, each parsed once.

    Parameters
    ----------
    root
        The repository's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._trees: dict[str, ast.Module] = {}
        self._imports: dict[str, tuple[list[str], list[Load]]] = {}
        self._files: dict[str, list[str]] = {}

    def tree(self, file: str) -> ast.Module:
        """Return the parsed source of ``file``, a path from the root."""
        if file not in self._trees:
            self._trees[file] = ast.parse((self.root / file).read_text(encoding="utf-8"), file)
        return self._trees[file]

    def _read(self, file: str) -> tuple[list[str], list[Load]]:
        if file not in self._imports:
            self._imports[file] = imports(file, self.tree(file))
        return self._imports[file]

    def loads(self, file: str) -> list[Load]:
        """Return the modules of this repository that ``file`` loads by a name it computes."""

        def here(name: str) -> bool:
            top = name.split(".")[0]
            return "*" in top or (self.root / top).is_dir()

        return [load for load in self._read(file)[1] if here(load[1])]

    def files(self, name: str) -> list[str]:
        """Return the files run by importing ``name``: each package's ``__init__.py`` and the module."""
        if name not in self._files:
            found, folder = [], ""
            for part in name.split("."):
                package, module = f"{folder}{part}/{PACKAGE}", f"{folder}{part}.py"
                folder += f"{part}/"
                if (self.root / package).is_file():
                    found.append(package)
                elif (self.root / module).is_file():
                    found.append(module)
                    break
                elif not (self.root / folder).is_dir():
                    break
            self._files[name] = found
        return self._files[name]

    def closure(self, name: str) -> list[str]:
        """Return every file that importing ``name`` can read: modules, and data beside those of a package.

        What is loaded by a computed name is not in it: see `loads` and `fitting`.
        """
        found = self._modules(name)
        for folder in sorted({Path(file).parent for file in found if file.startswith("aisle/")}):
            for path in sorted((self.root / folder).iterdir()):
                if path.is_file() and not path.name.startswith(".") and not path.name.endswith(NOT_DATA):
                    found.append(path.relative_to(self.root).as_posix())
        return found

    def libraries(self, name: str) -> set[str]:
        """Return the libraries that ``name``, or what it imports here, imports: top-level import names."""
        imported = {other for file in self._modules(name) for other in self._read(file)[0]}
        return {other.split(".")[0] for other in imported if not self.files(other)} - sys.stdlib_module_names

    def _modules(self, name: str) -> list[str]:
        found: list[str] = []
        queue = self.files(name)
        while queue:
            file, *queue = queue
            if file not in found:
                found.append(file)
                queue += [path for other in self._read(file)[0] for path in self.files(other)]
        return found

    def fitting(self, loads: list[Load]) -> list[str]:
        """Return the files that could be loaded by one of the names; a private module is not."""
        found = []
        for top in sorted({name.split(".")[0] for _, name in loads if not name.startswith("*")}):
            for path in sorted((self.root / top).rglob("*.py")):
                parts = path.relative_to(self.root).parts
                if not any(part.startswith((".", "_")) for part in parts) and fits("/".join(parts), loads):
                    found.append("/".join(parts))
        return found


def module(file: str) -> str:
    """Return the name by which a file, a path from the root, is imported."""
    return file.removesuffix(".py").replace("/", ".")


def fits(file: str, loads: list[Load]) -> bool:
    """Tell whether ``file`` is a module that is loaded by one of the names."""
    return any(re.fullmatch(re.escape(name).replace(r"\*", ".+"), module(file)) for _, name in loads)
