"""Prove that dvc.yaml agrees with the code: deps, params, scripts and outputs of every stage.

DVC follows neither imports nor the params that a script reads. Code or a section that a stage reads and does
not declare is worse than an error: the stage is served from the cache and the result is stale. This tool
reads dvc.yaml, params.yaml, ``stages/``, ``aisle/`` and docs/data_dictionary.md, without importing any of the
code, prints one line per violation and exits with 1, or says that all agree and exits with 0.

``--fix`` rewrites the ``deps`` and ``params`` of dvc.yaml in place and leaves every other line as it is.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import os
import posixpath
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from aisle.pipeline import atomic, names
from aisle.pipeline.dvc_file import MISSING, PARAMS, TEMPLATE, fill, items, lookup
from aisle.pipeline.dvc_file import OUTPUTS as PRODUCTS
from aisle.pipeline.errors import AisleError
from aisle.pipeline.imports import Load, Sources, called, fits, literal, module

CODE = ("aisle", "stages")
DIGESTS = "data/code"  # what stages/digest_code.py writes
CLI = "aisle/pipeline/cli.py"  # the flags that every script has
DICTIONARY = "docs/data_dictionary.md"
OUTPUTS = ("data/", "features/", "models/", "predictions/", "packages/", "metrics/", "reports/")
SAMPLE = "data/sample"
SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".html", ".npy", ".npz", ".txt", ".yaml", ".png")
HEAVY = {"tensorflow", "keras", "torch", "open_clip", "sentence_transformers", "transformers"}
HEAVY |= {"mlflow", "plotly", "shap", "cleanlab"}
# What varies: ${key} in dvc.yaml, {name} in an f-string, <name> in the data dictionary.
WILDCARD = re.compile(r"\$?\{[^{}]*\}|<[^<>]*>")
CATALOGUE = re.compile(r"\$\{\s*(?!item\b|key\b)")  # a path that the user gives in params.yaml
QUOTES = re.compile(r"'[^'\n]*'")  # what a shell takes as it is
QUOTED = re.compile(r"`([^`\n]+)`")
LOADS = (
    "deps must hold the item's digest as a template, such as "
    f"{DIGESTS}/aisle/representations/encoders/text/${{item.encoder}}.txt, and none does: add it (or, if it "
    "loads from an installed package, begin the f-string with that package's name)"
)
STALE = "but not declared: DVC would serve stale results"


@dataclass
class Script:
    """What the linter needs to know of one Python file beside its imports."""

    sections: list[tuple[int, str | None]] = field(default_factory=list)  # load_params: line, section
    flags: set[str] = field(default_factory=set)
    heavy: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Stage:
    """One entry of dvc.yaml, with the values that its templates take (one scope per item of a foreach)."""

    name: str
    node: Any
    scopes: list[dict[str, Any]]
    files: dict[str, Any] = field(default_factory=dict)  # params.yaml and those of vars: what they hold

    def entries(self, *keys: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return path and options of each entry of the lists ``keys``."""
        listed = [entry for key in keys for entry in self.node.get(key) or []]
        pairs = [entry.items() if isinstance(entry, Mapping) else [(entry, None)] for entry in listed]
        return [(str(path), options or {}) for pair in pairs for path, options in pair]

    def paths(self, *keys: str) -> list[str]:
        """Return the paths of the lists ``keys``, as written in dvc.yaml."""
        return [path for path, _ in self.entries(*keys)]

    def forms(self, template: str) -> tuple[str, ...]:
        """Return the paths that ``template`` stands for, one per item."""
        return tuple(posixpath.normpath(path) if path else "" for path in expand(template, self.scopes))

    @property
    def params(self) -> dict[str, list[str]]:
        """The sections that it declares, by file."""
        found: dict[str, list[str]] = {}
        for entry in self.node.get("params") or []:
            for file, listed in (entry if isinstance(entry, Mapping) else {PARAMS: [entry]}).items():
                found.setdefault(str(file), []).extend(str(section) for section in listed or ())
        return found

    def home(self, section: str) -> str | None:
        """Return the file that holds a section, or None."""
        root = section.split(".")[0]
        return next((file for file, content in self.files.items() if root in content), None)

    @property
    def grouped(self) -> bool:
        """Whether it is a foreach or a matrix."""
        return any("item" in scope for scope in self.scopes)

    @cached_property
    def tokens(self) -> list[str]:
        """Words of the command, with ``--flag=value`` as two."""
        cmd = self.node.get("cmd") or ""
        text = TEMPLATE.sub(r"${\1}", cmd if isinstance(cmd, str) else "\n".join(cmd))
        words = shlex.split(text)
        return [part for word in words for part in (word.split("=", 1) if word.startswith("-") else [word])]


def expand(template: str, scopes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Fill in the ``${...}`` of a string, once for each scope; what cannot be resolved stays as it is."""
    return [fill(template, scope) for scope in scopes]


def read_stages(dvc: Any, files: dict[str, Any]) -> tuple[list[Stage], list[str]]:
    """Return the stages of a parsed dvc.yaml and the violations found on the way.

    Parameters
    ----------
    dvc
        The parsed dvc.yaml.
    files
        params.yaml and the files of `vars`, by name, to what they hold.
    """
    values = {key: value for content in files.values() for key, value in content.items()}
    stages, violations = [], []
    for name, body in (dvc.get("stages") or {}).items():
        try:
            each = items(name, body, values).values()
        except AisleError as error:
            violations.append(f"dvc.yaml: {error}")
            each = dict[str, dict[str, Any]]().values()
        stages.append(Stage(name, body.get("do", body), [{**values, **item} for item in each], files))
    return stages, violations


def scan(tree: ast.Module) -> Script:
    """Collect what a file reads of params, takes as flags, and imports of heavy libraries at the top."""
    script = Script()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            texts = [literal(argument) for argument in node.args]
            if called(node) == "load_params":
                keyword = {entry.arg: literal(entry.value) for entry in node.keywords}
                script.sections.append((node.lineno, texts[1] if len(texts) > 1 else keyword.get("section")))
            elif called(node) == "add_argument":
                flags = {text for text in texts if text and text.startswith("-")}
                negated = "BooleanOptionalAction" in ast.unparse(node)
                script.flags |= flags | {f"--no-{flag[2:]}" for flag in flags if negated}
            elif (
                called(node) == "parser"
            ):  # aisle.pipeline.cli.parser(doc, table="help"): each keyword is a flag
                script.flags |= {"--" + entry.arg.replace("_", "-") for entry in node.keywords if entry.arg}
    for node in _top_level(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        script.heavy += [(node.lineno, top) for top in {name.split(".")[0] for name in names} & HEAVY]
    return script


def _top_level(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _top_level(child)


class Code(Sources):
    """The Python files under a root, each parsed and scanned once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._scripts: dict[str, Script] = {}

    def script(self, file: str) -> Script:
        """Return what ``file``, a path from the root, reads and takes."""
        if file not in self._scripts:
            self._scripts[file] = scan(self.tree(file))
        return self._scripts[file]


def _at(stage: str, message: str) -> str:
    return f"dvc.yaml: stage {stage}: {message}"


def _normal(template: str) -> str:
    return WILDCARD.sub("*", template).rstrip("/")


def _is_code(dep: str) -> bool:
    return dep.endswith(".py") or dep.startswith((*(f"{folder}/" for folder in CODE), f"{DIGESTS}/"))


def _digest(file: str) -> str:
    return f"{DIGESTS}/{file.removesuffix('.py')}.txt"


def _source(digest: str) -> str:
    return digest.removeprefix(f"{DIGESTS}/").removesuffix(".txt") + ".py"


def _script(stage: Stage, code: Code) -> str | None:
    """Return the module to hold the stage against: the one of its name, else the one that it runs."""
    runs = [word for flag, word in itertools.pairwise(stage.tokens) if flag == "-m"]
    names = [f"stages.{stage.name}", *runs]
    return next((name for name in names if (code.root / _path(name)).is_file()), None)


def _path(module: str) -> str:
    return module.replace(".", "/") + ".py"


def check_code(stage: Stage, code: Code, script: str) -> tuple[list[str], list[str], list[str]]:
    """Return the code deps that a stage must have, its violations and the files that it imports."""
    if DIGESTS in stage.paths(*PRODUCTS):
        missing = [folder for folder in CODE if folder not in stage.paths("deps")]
        violations = [f"{folder} is digested {STALE}; add it to deps" for folder in missing]
        return missing, violations, code.closure(script)
    declared = [dep for dep in stage.paths("deps") if _is_code(dep)]
    first, closure = _digest(_path(script)), dict.fromkeys(code.closure(script))
    chosen: list[str] = []  # digests of modules loaded by name
    violations = []
    if first not in declared:
        violations.append(f"{first}, the digest of what the stage imports, is read {STALE}; add it to deps")
    seen: set[str] = set()
    while loaders := [f for f in closure if f.endswith(".py") and f not in seen and code.loads(f)]:
        seen.update(loaders)
        for loader in loaders:
            loads = code.loads(loader)
            fitting = [dep for dep in declared if dep != first and _fits(stage, dep, loads, code)]
            # A stage without items may list the digests; in a foreach, that is a sibling.
            picked = [dep for dep in fitting if "${" in dep or not stage.grouped]
            chosen += [dep for dep in picked if dep not in chosen]
            if not picked:
                violations.append(f"{loader}:{loads[0][0]} loads {loads[0][1]} by name: {LOADS}")
            forms = [form for dep in picked for form in stage.forms(dep)]
            for path in dict.fromkeys(path for form in forms for path in _sources(form, loads, code)):
                if (code.root / path).is_file():
                    closure |= dict.fromkeys(code.closure(module(path)))
                else:
                    violations.append(f"{path} must exist since an item names it: write it, or correct that")
    for file in [file for file in closure if not file.startswith(tuple(f"{folder}/" for folder in CODE))]:
        violations.append(f"{file} is imported and is not digested: move it into {' or '.join(CODE)}")
    for dep in declared:
        if dep not in (first, *chosen):
            why = (
                "is no code that the stage loads by name"
                if dep.startswith(DIGESTS)
                else f"is covered by {first}"
            )
            violations.append(f"{dep} is declared but {why}: remove it from deps")
    return [first, *sorted(chosen)], violations, list(closure)


def _sources(digest: str, loads: list[Load], code: Code) -> list[str]:
    """Return the modules of a digest: one, or those of a folder that are loaded by a name pattern."""
    folder = _source(digest).removesuffix(".py")
    if (code.root / folder).is_dir():
        return [file for file in code.fitting(loads) if posixpath.dirname(file) == folder]
    return [_source(digest)]


def _fits(stage: Stage, dep: str, loads: list[Load], code: Code) -> bool:
    """Tell whether ``dep`` is the digest of what is loaded by one of the name patterns ``loads``."""
    forms = stage.forms(dep) or (_normal(dep),)
    sources = [source for form in forms for source in _sources(form, loads, code)]
    return dep.startswith(f"{DIGESTS}/") and any(fits(source, loads) for source in sources)


def check_params(stage: Stage, code: Code, script: str) -> tuple[list[Any] | None, list[str]]:
    """Return the params that a stage must declare (None where that is unknown) and its violations."""
    file = _path(script)
    sections, declared = code.script(file).sections, stage.params
    read = {_normal(section): section for _, section in sections if section}
    violations = [
        f"{file}:{line}: the second argument of load_params must be a literal or an f-string, and is neither"
        ": write the section there, or nobody can tell what the stage reads"
        for line, section in sections
        if not section
    ]
    for name in [name for name in declared if name not in stage.files]:
        violations.append(f"params must be of params.yaml or a file of `vars:`, not of {name}: correct it")
    known = not violations
    placed = {  # what stands under another file's name than its own is none of them
        name: [entry for entry in entries if stage.home(entry) in (None, name)]
        for name, entries in declared.items()
    }
    missing = sorted(read.keys() - {_normal(entry) for entries in placed.values() for entry in entries})
    if known:
        for section in missing:
            violations.append(f"section {read[section]} is read by {file} {STALE}; add it to params")
        for entry in [entry for entries in declared.values() for entry in entries]:
            if _normal(entry) not in read:
                violations.append(f"section {entry} is declared but not read by {file}: remove it")
    for name in declared.keys() & stage.files.keys():
        for section in dict.fromkeys(
            path for entry in declared[name] for path in expand(entry, stage.scopes)
        ):
            if lookup(stage.files[name], section) is MISSING:
                violations.append(f"section {section} is declared but not in {name}: add it there")
    if not known:
        return None, violations
    wanted: dict[str, list[str]] = {PARAMS: []}
    for name, entries in placed.items():
        wanted[name] = [entry for entry in entries if _normal(entry) in read]
    for section in missing:
        template = WILDCARD.sub(partial(_template, stage), read[section])
        wanted.setdefault(stage.home(template) or PARAMS, []).append(template)
    plain: list[Any] = wanted.pop(PARAMS)
    return [*plain, *({name: entries} for name, entries in wanted.items() if entries)], violations


def _template(stage: Stage, match: re.Match[str]) -> str:
    """Return the ``${...}`` that the command passes for ``{args.encoder}``, the value of ``--encoder``."""
    flag = "--" + match[0].strip("{}").rpartition(".")[2].replace("_", "-")
    return next((word for name, word in itertools.pairwise(stage.tokens) if name == flag), "${key}")


def check_command(stage: Stage, code: Code, script: str | None) -> Iterator[str]:
    """Yield what is wrong with description, script, flags and paths of a stage's command."""
    words, head = stage.tokens, ["python", "-m", f"stages.{stage.name}"]
    if not str(stage.node.get("desc") or "").strip():
        yield "must have a desc, found none: say in a line what it makes from what"
    if "wdir" in stage.node:
        yield "must run in the repository's root, found a wdir: remove it"
    if words[:3] != head or words.count("-m") > 1:
        found = " ".join(words[:3])
        yield f"cmd must run `{' '.join(head)}` once, not `{found}`: a stage runs the script of its name"
    if not (code.root / _path(head[2])).is_file():
        yield f"stages/{stage.name}.py must exist, and does not: write it, or remove the stage"
    if script:
        known = code.script(_path(script)).flags
        known = known | (code.script(CLI).flags if CLI in code.closure(script) else set())
        for flag in [word for word in words[3:] if re.match(r"--?[A-Za-z]", word) and word not in known]:
            yield f"cmd uses {flag}, which must be one of {', '.join(sorted(known))}: correct it"
    paths = [path for path in stage.paths("deps", *PRODUCTS) if not _is_code(path)]
    forms, declared = {stage.forms(word) for word in words}, {stage.forms(path) for path in paths}
    for path in [path for path in paths if stage.forms(path) not in forms]:
        if not CATALOGUE.match(path) or names.covers(TEMPLATE.findall(path)[0]):  # else read from params
            yield f"{path} must appear in cmd, and does not: pass it by a flag, or remove it"
    for word in [word for word in words if not word.startswith("-") and stage.forms(word) not in declared]:
        values = [value for value in expand(word, stage.scopes) if "://" not in value]
        if word not in stage.files and any("/" in value or value.endswith(SUFFIXES) for value in values):
            yield f"cmd uses the path {word}, which must be a dep, out, metric or plot: declare it"
    texts = [*words, *paths, *(entry for entries in stage.params.values() for entry in entries)]
    filled = [text for template in texts for text in expand(template, stage.scopes)]
    for name in dict.fromkeys(name for text in filled for name in TEMPLATE.findall(text)):
        yield f"${{{name}}} must be in params.yaml or the stage's item, and is not: correct it"


def _place(name: str, body: Mapping[str, Any]) -> str | None:
    """Return where in params a template's value stands, None if it is written out in dvc.yaml."""
    first, _, rest = name.partition(".")
    if first not in ("item", "key") or not {"foreach", "matrix"} & {*body}:
        return name
    over = body.get("foreach")
    if over is None and first == "item":  # an axis of a matrix
        axis, _, rest = rest.partition(".")
        over = body["matrix"].get(axis)
    elif over is None:  # the axes' values, joined: each is looked at where it stands
        return None
    whole = TEMPLATE.fullmatch(over) if isinstance(over, str) else None
    if whole is None:
        return None
    return f"{whole[1]}.key" if first == "key" else ".".join(filter(None, [whole[1], "*", rest]))


def check_interpolated(stage: Stage, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a command takes from params that could hold anything: DVC gives it to a shell as it is."""
    cmd = stage.node.get("cmd") or ""
    bare = QUOTES.sub("", cmd if isinstance(cmd, str) else "\n".join(cmd))
    for name in dict.fromkeys(TEMPLATE.findall(bare)):
        yield f"${{{name}}} must stand in single quotes in cmd, and does not: a shell reads what it holds"
    axes = [axis for axis in (body.get("matrix") or {}).values() if isinstance(axis, str)]
    found = TEMPLATE.findall(" ".join(stage.tokens))
    found += [f"{name}.*" for axis in axes for name in TEMPLATE.findall(axis)]
    for name in dict.fromkeys(found):
        place = _place(name, body)
        if place is not None and not names.covers(place):
            yield (
                f"${{{name}}} must not stand in cmd: a shell would run what the param holds. Read it in the "
                "script by load_params; or, if it is a name or a path of the pipeline's own files, give it a "
                "place in aisle/pipeline/names.py"
            )


def check_data(stage: Stage, stages: list[Stage], tracked: set[str]) -> Iterator[str]:
    """Yield data deps that come from nowhere, and outputs with wrong options or in a wrong place."""
    others = {
        form
        for other in stages
        if other.name != stage.name
        for path in other.paths(*PRODUCTS)
        for form in other.forms(path)
    }
    there = others | tracked
    there |= {parent for path in there for parent in _parents(path)}  # a folder that holds any of them
    deps = [dep for dep in stage.paths("deps") if dep.startswith(DIGESTS) or not _is_code(dep)]
    data = [dep for dep in deps if not CATALOGUE.match(dep)]
    for path in dict.fromkeys(path for dep in data for path in stage.forms(dep)):
        if not {path, f"{path}.dvc"} & there and not others.intersection(_parents(path)):
            yield f"{path} must be an output of another stage or in Git, and is neither: correct the dep"
    for path, options in stage.entries("metrics"):
        if options.get("cache") is not False:
            yield f"metric {path} must have `cache: false`, so that Git holds it: add it"
    for path in stage.paths(*PRODUCTS):
        if any(f"{form}/".startswith(f"{SAMPLE}/") for form in stage.forms(path)):
            yield f"{path} must not lie in {SAMPLE}, which is committed input: write it elsewhere"


def check_dictionary(stages: list[Stage], text: str) -> Iterator[str]:
    """Yield outputs that the data dictionary does not describe, and entries that no stage makes."""
    prose = re.sub(r"^```.*?^```", lambda match: "\n" * match[0].count("\n"), text, flags=re.M | re.S)
    written = {_normal(path) for path in QUOTED.findall(prose)}
    made: set[str] = set()
    for stage in stages:
        for path in stage.paths(*PRODUCTS):
            forms = set(stage.forms(path))
            made |= forms | {_normal(path)}
            if _normal(path) not in written and not (forms and forms <= written):
                entry = TEMPLATE.sub("<name>", path)
                yield _at(stage.name, f"{path} must be in {DICTIONARY}, and is not: describe `{entry}`")
    folders = {parent for path in made for parent in _parents(path)}
    for number, line in enumerate(prose.splitlines(), 1):
        cell = line if line.startswith("#") else line.split("|")[1] if re.match(r"\s*\|.*\|", line) else ""
        for path in QUOTED.findall(cell):
            entry = _normal(path)
            exempt = not path.startswith(OUTPUTS) or f"{entry}/".startswith(f"{SAMPLE}/")
            exempt |= path.endswith("/") and entry in folders  # a heading for a folder of outputs
            if not exempt and not made.intersection([entry, *_parents(entry)]):
                yield f"{DICTIONARY}:{number}: {path} must be made by a stage, and is not: remove the entry"


def check_sources(stages: list[Stage], code: Code, closures: dict[str, list[str]]) -> Iterator[str]:
    """Yield what belongs to no single stage: unused scripts, params read in the library, heavy imports."""
    runs = [word for stage in stages for flag, word in itertools.pairwise(stage.tokens) if flag == "-m"]
    for path in sorted((code.root / "stages").glob("*.py")):
        count = runs.count(f"stages.{path.stem}")
        if path.name != "__init__.py" and count != 1:
            todo = "give each stage its own script" if count else "add its stage to dvc.yaml, or delete it"
            found = f"stages/{path.name} must be run by exactly one stage, not by {count}"
            yield _at(path.stem, f"{found}: {todo}")
    for path in sorted((code.root / "aisle").rglob("*.py")):
        file = path.relative_to(code.root).as_posix()
        for line, _ in code.script(file).sections if file != "aisle/pipeline/params.py" else []:
            yield f"{file}:{line}: load_params must be called in stage scripts only: pass the section on"
        users = [name for name, files in closures.items() if file in files]
        for line, name in code.script(file).heavy if len(users) > 1 else []:
            found = f"{name} must not be imported at the top, since stages {', '.join(users)} import the file"
            yield f"{file}:{line}: {found}: import it in the function that needs it"


def check_names(section: Any, file: str, where: str = "") -> Iterator[str]:
    """Yield the params that DVC's run cache ignores: any key named size or nfiles (treeverse/dvc#10296)."""
    for key, value in section.items() if isinstance(section, Mapping) else ():
        if key in ("size", "nfiles"):
            yield (
                f"{file}: {where}{key} must have another name: DVC's run cache ignores a param named "
                f"'{key}' and would restore the outputs of another value; call it 'side' or 'n_files', say"
            )
        yield from check_names(value, file, f"{where}{key}.")


def _parents(path: str) -> list[str]:
    return [path[: match.start()] for match in re.finditer("/", path)]


def tracked_files(root: Path) -> set[str]:
    """Return the files that are in Git or would be added (outside of Git: on disk), without hidden ones."""
    if (root / ".git").exists():
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
        found = done.stdout.split("\0")
    else:
        found = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return {path for path in found if not posixpath.basename(path).startswith(".")}  # nor "", nor .gitignore


def lint(root: Path) -> tuple[list[Stage], dict[tuple[str, str], list[Any]], list[str]]:
    """Check the repository at ``root``.

    Parameters
    ----------
    root : Path
        The folder that holds dvc.yaml.

    Returns
    -------
    stages : list of Stage
        The stages of dvc.yaml.
    wanted : dict
        ``(stage, "deps" or "params")`` to the list that dvc.yaml must hold there, in order.
    violations : list of str
        One line each; empty when all agree.
    """
    yaml, code = YAML(), Code(root)
    pipeline = yaml.load((root / "dvc.yaml").read_text(encoding="utf-8"))
    sources = [PARAMS, *(entry for entry in pipeline.get("vars") or [] if isinstance(entry, str))]
    files = {name: yaml.load((root / name).read_text(encoding="utf-8")) for name in sources}
    stages, violations = read_stages(pipeline, files)
    violations += [message for name, content in files.items() for message in check_names(content, name)]
    for name, content in files.items():
        violations += [f"{name}: {message}" for message in names.wrong(content)]
    tracked, dictionary = tracked_files(root), root / DICTIONARY
    wanted: dict[tuple[str, str], list[Any]] = {}
    closures: dict[str, list[str]] = {}
    for stage in stages:
        script = _script(stage, code)
        found = list(check_command(stage, code, script))
        found += check_interpolated(stage, pipeline["stages"][stage.name])
        if script:
            deps, bad_deps, closures[stage.name] = check_code(stage, code, script)
            wanted[stage.name, "deps"] = deps + [dep for dep in stage.paths("deps") if not _is_code(dep)]
            sections, bad_params = check_params(stage, code, script)
            found += bad_deps + bad_params
            if sections is not None:
                wanted[stage.name, "params"] = sections
        found += check_data(stage, stages, tracked)
        violations += [_at(stage.name, message) for message in found]
    if dictionary.is_file():
        violations += check_dictionary(stages, dictionary.read_text(encoding="utf-8"))
    else:
        violations.append(f"{DICTIONARY}: must describe every output, and does not exist: write it")
    violations += check_sources(stages, code, closures)
    return stages, wanted, list(dict.fromkeys(violations))


def _set(node: Any, key: str, wanted: list[Any]) -> None:
    """Make the list ``key`` of a stage hold ``wanted``; an item that stays keeps its comments."""
    if key not in node:  # before the key that follows it by custom
        follows = next(name for name in ("params", "outs", "metrics", "plots", "cmd") if name in node)
        node.insert(list(node).index(follows), key, CommentedSeq())
    items = node[key]
    for item, new in itertools.product(items, wanted):  # sections of one file of vars
        if isinstance(item, Mapping) and isinstance(new, Mapping) and item.keys() == new.keys():
            for file in new:
                _set(item, file, new[file])
    for index in reversed(range(len(items))):
        if items[index] not in wanted or items[index] in items[:index]:
            del items[index]
    for index, item in enumerate(wanted):
        if item not in items:
            items.insert(index, item)
    if list(items) != wanted:  # the same items in another order
        node[key] = CommentedSeq(wanted)
    if not items:
        del node[key]


def fix(root: Path) -> list[str]:
    """Rewrite deps and params in dvc.yaml, comments and layout kept; return what was changed."""
    _, wanted, _ = lint(root)
    path = root / "dvc.yaml"
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 110, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    pipeline = yaml.load(path.read_text(encoding="utf-8"))
    changes = []
    for (name, key), new in wanted.items():
        node = pipeline["stages"][name]
        node = node.get("do", node)
        old = list(node.get(key, []))
        if new != old:
            _set(node, key, new)
            done = [f"added {item}" for item in new if item not in old]
            done += [f"removed {item}" for item in old if item not in new]
            changes.append(_at(name, f"{key}: {', '.join(done) or 'put in order'}"))
    if changes:
        with atomic.replacing(path) as part, part.open("w", encoding="utf-8") as file:
            yaml.dump(pipeline, file)
    return changes


def main(argv: list[str] | None = None) -> int:
    """Run the tool; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--fix", action="store_true", help="rewrite deps and params in dvc.yaml")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).resolve().parents[1],
        help="folder that holds dvc.yaml (default: this repository)",
    )
    args = parser.parse_args(argv)
    try:
        for change in fix(args.root) if args.fix else []:
            print(f"fixed {change}")
        stages, _, violations = lint(args.root)
    except SyntaxError as error:
        print(f"error: {error.filename}:{error.lineno}: {error.msg}", file=sys.stderr)
        return 2
    except (YAMLError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(violations) or f"{len(stages)} stages: deps, params, scripts and outputs agree")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
