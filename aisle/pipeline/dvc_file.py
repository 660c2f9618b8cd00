"""The stages of a dvc.yaml: its entries as they stand, and what each item of their foreach or matrix becomes.

DVC's own resolver takes 1.4 s and the whole of DVC; this one takes 20 ms, and `test_dvc_file.py` holds it
against DVC on the repository's own dvc.yaml. It knows `vars` that are files or values, `foreach` and `matrix`
over lists and mappings, and `${a.b[0]}`; not a stage's own `vars` nor its `wdir`, which the linter forbids.
"""

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import read_yaml

FILE, PARAMS = "dvc.yaml", "params.yaml"
OUTPUTS = ("outs", "metrics", "plots")
TEMPLATE = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
MISSING = object()
"""What `lookup` returns of what is not there."""


def lookup(scope: Any, dotted: str) -> Any:
    """Return the value at ``a.b[0].c`` of nested mappings and lists, or ``MISSING``."""
    for part in re.findall(r"[^.\[\]]+", dotted):
        try:
            scope = scope[int(part)] if isinstance(scope, list) else scope[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return MISSING
    return scope


def _text(value: Any) -> str:
    """Return a value as DVC writes it into a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def fill(template: str, scope: Mapping[str, Any]) -> str:
    """Fill in the ``${...}`` of a string; what is not in `scope` stays as it is, a list or mapping is ""."""

    def value(match: re.Match[str]) -> str:
        found = lookup(scope, match[1])
        return match[0] if found is MISSING else "" if isinstance(found, (Mapping, list)) else _text(found)

    return TEMPLATE.sub(value, template)


def value_of(entry: Any, scope: Mapping[str, Any]) -> Any:
    """Return the value that a whole ``${...}`` stands for; anything else as it is."""
    whole = TEMPLATE.fullmatch(entry) if isinstance(entry, str) else None
    return lookup(scope, whole[1]) if whole else entry


def items(name: str, body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the items of an entry of `stages`: the part of the name after the @ to `item` and `key`.

    An entry that is no foreach and no matrix has one, named "", without either.

    Parameters
    ----------
    name, body
        Of the entry.
    values
        What templates may name.

    Raises
    ------
    AisleError
        If what a foreach or a matrix goes over is not what it must be.
    """
    if "foreach" in body:
        data = value_of(body["foreach"], values)
        if isinstance(data, Mapping):
            return {_text(key): {"key": key, "item": value_of(item, values)} for key, item in data.items()}
        if isinstance(data, list):
            each = [value_of(item, values) for item in data]
            nested = any(isinstance(item, (Mapping, list)) for item in each)
            return {_text(i if nested else item): {"item": item} for i, item in enumerate(each)}
        raise AisleError(f"stage {name}: foreach must be a dict or a list, not {body['foreach']}: correct it")
    if "matrix" not in body:
        return {"": {}}
    axes = {axis: value_of(choices, values) for axis, choices in body["matrix"].items()}
    for axis, choices in axes.items():
        if not isinstance(choices, list):
            raise AisleError(f"stage {name}: matrix {axis} must be a list, not {choices}: correct it")
    rows = itertools.product(*([value_of(one, values) for one in choices] for choices in axes.values()))
    grid = [dict(zip(axes, row, strict=True)) for row in rows]
    keys = ["-".join(map(_text, row.values())) for row in grid]
    return {key: {"item": row, "key": key} for key, row in zip(keys, grid, strict=True)}


@dataclass(frozen=True)
class Stage:
    """A stage as DVC runs it, nothing left to be filled in.

    Attributes
    ----------
    entry, item
        Its name in dvc.yaml, and of a foreach or a matrix the item's, else "".
    cmd, desc
        The command, lines of several joined by a line break, and the description.
    deps, outs, metrics, plots
        Paths.
    params
        File to the dotted keys of it that the stage reads; an empty tuple is the whole file.
    """

    entry: str
    item: str = ""
    cmd: str = ""
    desc: str = ""
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    params: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name as DVC says it, such as `embed_text@tfidf`."""
        return f"{self.entry}@{self.item}" if self.item else self.entry

    @property
    def outputs(self) -> tuple[str, ...]:
        """Paths of all that it writes."""
        return self.outs + self.metrics + self.plots

    @cached_property
    def flags(self) -> dict[str, str]:
        """Flag of the command, without its dashes, to the value; "" if it has none."""
        found: dict[str, str] = {}
        last = ""
        for word in shlex.split(self.cmd):
            if word.startswith("--"):
                last, _, value = word.removeprefix("--").partition("=")
                found[last] = value
            elif last:
                found[last], last = word, ""
        return found


def _paths(listed: Iterable[Any], scope: Mapping[str, Any]) -> tuple[str, ...]:
    each = [next(iter(entry)) if isinstance(entry, Mapping) else entry for entry in listed]
    return tuple(fill(str(path), scope) for path in each)


def _params(listed: Iterable[Any], scope: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in listed:
        files = entry if isinstance(entry, Mapping) else {PARAMS: [entry]}
        for file, keys in files.items():
            name = fill(str(file), scope)
            found[name] = found.get(name, ()) + tuple(fill(str(key), scope) for key in keys or [])
    return found


def _merge(base: dict[str, Any], other: Mapping[str, Any], where: str) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value, where)
        elif key in base:
            raise AisleError(f"{where} must not set {key!r} a second time")
        else:
            base[key] = value


def values(folder: str | Path, dvc: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates of a parsed dvc.yaml may name: params.yaml and its `vars`.

    Raises
    ------
    AisleError
        If a file is not there, or two of them set the same key.
    """
    found: dict[str, Any] = {}
    folder = Path(folder)
    listed = list(dvc.get("vars") or [])
    if (folder / PARAMS).is_file() and PARAMS not in listed:
        listed = [PARAMS, *listed]
    for entry in listed:
        if isinstance(entry, Mapping):
            _merge(found, entry, f"{FILE}: vars")
            continue
        file, _, keys = str(entry).partition(":")
        read = read_yaml(folder / file)
        wanted = {key: read[key] for key in keys.split(",") if key in read} if keys else read
        _merge(found, wanted, f"{folder / file}")
    return found


def resolve(dvc: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Stage]:
    """Return the stages of a parsed dvc.yaml by name, in its order.

    Parameters
    ----------
    dvc
        The parsed dvc.yaml.
    scope
        What templates may name: see `values`.

    Raises
    ------
    AisleError
        If a foreach or a matrix goes over what it cannot, or a template names what is not there.
    """
    found = {}
    for entry, body in (dvc.get("stages") or {}).items():
        node = body.get("do", body)
        for item, own in items(entry, body, scope).items():
            inner = {**scope, **own}
            cmd = node.get("cmd") or ""
            stage = Stage(
                entry,
                item,
                fill(cmd if isinstance(cmd, str) else "\n".join(cmd), inner),
                fill(str(node.get("desc") or ""), inner),
                **{key: _paths(node.get(key) or [], inner) for key in ("deps", *OUTPUTS)},
                params=_params(node.get("params") or [], inner),
            )
            texts = [stage.cmd, *stage.deps, *stage.outputs, *itertools.chain(*stage.params.values())]
            if unknown := sorted({name for text in texts for name in TEMPLATE.findall(text)}):
                raise AisleError(f"stage {stage.name}: ${{{some(unknown)}}} must be in {PARAMS}; it is not")
            found[stage.name] = stage
    return found


def read(folder: str | Path) -> dict[str, Stage]:
    """Return the stages of a folder's dvc.yaml by name, in its order.

    Raises
    ------
    AisleError
        As of `values` and `resolve`.
    """
    dvc = read_yaml(Path(folder) / FILE)
    return resolve(dvc, values(folder, dvc))
