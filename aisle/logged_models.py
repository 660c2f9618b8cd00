"""What MLflow must know of a package to log it as a pyfunc model (aisle/mlflow_model.py loads it)."""

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aisle import packaging, recipes, saved_models
from aisle.code_version import libraries
from aisle.packaging import RANKS, RAW

LOADER = "aisle.mlflow_model"
WHERE = "pretrained.json"
"""File in a package: name of each pretrained model to its address in MLflow, "" for an untrained one."""
_CODE = re.compile(rb"aisle(?:\.[a-z_0-9]+)+")


def signature(package: packaging.Package) -> Any:
    """Return the model's signature."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.binary if name == "image" else DataType.string, name, required=False) for name in RAW
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(kind, f"{rank}_{part}")
        for rank in RANKS[: len(package.categories)]
        for part, kind in (("category", DataType.string), ("probability", DataType.double))
    ]
    outputs += [ColSpec(DataType.boolean, name) for name in ("send_to_person", "used_text", "used_image")]
    outputs += [ColSpec(DataType.string, "warning")]
    outputs += [ColSpec(DataType.double, f"p_{name}") for name in package.categories]
    return ModelSignature(Schema(inputs), Schema(outputs))


def requirements(models: Path) -> list[str]:
    """Return the pinned libraries that predicting with a package's models/ folder takes."""
    modules = {"aisle.predictor"}
    for folder in (path.parent for path in models.rglob(saved_models.DESCRIPTION)):
        recipe = saved_models.read(folder, fitted=False).recipe
        each = recipes.vectors(recipe) if recipe else []
        modules |= {f"aisle.encoders.{one.modality}.{one.encoder}" for one in each}
        fitted = folder / saved_models.ESTIMATOR
        if fitted.is_file():  # of a member that has learned nothing there is none
            modules |= {name.decode() for name in _CODE.findall(fitted.read_bytes())}
    found = dict[str, str]()
    for module in sorted(modules):
        found |= _libraries(module)
    found.pop("aisle", None)  # its code is logged with the registered models
    return [f"{library}=={number}" for library, number in sorted(found.items())]


@cache
def _libraries(module: str) -> dict[str, str]:
    found = libraries(module)
    if "spacy" in found:  # finds its tables by an entry point, not by an import
        found["spacy-lookups-data"] = version("spacy-lookups-data")
    return found
