"""Names and paths of params.yaml that reach a shell or become a path: one pattern for each, checked here.

DVC writes what a `${...}` of dvc.yaml stands for into the stage's command, as it is, and a shell runs it. So
what stands in a command has a place in `KEYS`, `NAMES` or `PATHS`, which tools/lint_pipeline.py proves, and
its value is a plain word: no space, quote, `$`, `;` or other sign that a shell reads. Text of people and of
catalogues never stands there: stages read it from params.yaml themselves.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aisle.pipeline.errors import AisleError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
"""Of entries: also a folder, a file's stem and a part of a dotted key, so without a point."""
PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
"""Of a file below the root: no part begins with a point or a dash, so none is `..` or an option."""
KEYS = (
    "classifiers",
    "encoders.image",
    "encoders.text",
    "feature_sets",
    "fine_tunes",
    "fused_sets",
    "fusion_networks.names",
    "fusion_networks.networks",
    "fusions",
    "transfer.heads",
    "weights",
    "zero_shot",
)
"""Mappings whose keys are names that people choose."""
NAMES = (
    "classifiers.*.classifier",
    "encoders.*.*.encoder",
    "encoders.*.*.weights",
    "evaluation.baseline",
    "explain.text.model",
    "fine_tunes.*.encoder",
    "fine_tunes.*.weights",
    "fusions.*.models.*",
    "grad_cam.model",
    "leakage.models.*",
    "transfer.backbones.*",
    "weights.*.export",
    "zero_shot.*.encoder",
    "zero_shot.*.weights",
)
"""Values that are such names, or those of files of the library."""
PATHS = (
    "classifiers.*.input",
    "feature_sets.*.features",
    "fused_sets.*.picture",
    "fused_sets.*.text",
    "fusion_networks.input",
    "grad_cam.backbone",
    "grad_cam.predictions",
    "label_audit.predictions",
    "zero_shot.*.features",
)
"""Values that are paths of the pipeline's own files."""
FILES = "weights.*.files"
"""Mapping whose keys are files below a folder."""


def _at(values: Any, parts: list[str], where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the place and the value of everything that a pattern of a place fits."""
    if not parts:
        yield where, values
        return
    part, *rest = parts
    if isinstance(values, Mapping):
        for key in values if part == "*" else [part] if part in values else []:
            yield from _at(values[key], rest, f"{where}.{key}" if where else str(key))
    elif isinstance(values, list) and part == "*":
        for number, value in enumerate(values):
            yield from _at(value, rest, f"{where}[{number}]")


def _found(values: Mapping[str, Any]) -> Iterator[tuple[str, Any, re.Pattern[str]]]:
    for place in KEYS:
        for where, mapping in _at(values, place.split(".")):
            yield from ((f"a key of {where}", key, NAME) for key in mapping or ())
    for places, pattern in ((NAMES, NAME), (PATHS, PATH)):
        for place in places:
            yield from ((where, value, pattern) for where, value in _at(values, place.split(".")))
    for where, mapping in _at(values, FILES.split(".")):
        yield from ((f"a key of {where}", key, PATH) for key in mapping or ())


def wrong(values: Mapping[str, Any]) -> list[str]:
    """Return what of params.yaml or weights.yaml, as they are read, is no name or path, in words.

    A section that is not there is not looked at: a file may hold some of them.
    """
    found = []
    for where, value, pattern in _found(values):
        plain = isinstance(value, str | int) and not isinstance(value, bool)  # a key 2024 is one in YAML
        if value is None or (plain and pattern.fullmatch(str(value))):
            continue
        kinds = {
            NAME: "a name: letters of a to z, digits, _ and -, at most 100",
            PATH: "a path below the root: letters of a to z, digits, _, -, . and /, no part beginning with .",
        }
        found.append(f"{where} must be {kinds[pattern]}; found {value!r}")
    return found


def check(values: Mapping[str, Any], where: str) -> None:
    """Check what `wrong` looks at; `where` begins the error.

    Raises
    ------
    AisleError
        If something is neither name nor path. Nothing of it may be given to a shell, or DVC.
    """
    if found := wrong(values):
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise AisleError(f"{where}: {'; '.join(found[:3])}{more}")


def covers(place: str) -> bool:
    """Tell whether what stands at a place, such as `classifiers.*.input`, is checked; `.key` is its keys."""
    if place.endswith(".key"):
        return place.removesuffix(".key") in KEYS
    parts = place.split(".")
    patterns = [known.split(".") for known in (*NAMES, *PATHS)]
    return any(
        len(known) == len(parts) and all(a in ("*", b) for a, b in zip(known, parts, strict=True))
        for known in patterns
    )
