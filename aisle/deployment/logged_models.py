"""What MLflow must know of a package to log it as a pyfunc model (mlflow_model.py loads it)."""

import re
from pathlib import Path
from typing import Any

from aisle.deployment import packaging
from aisle.deployment.packaging import RANKS, RAW
from aisle.models import model_folder
from aisle.pipeline.code_version import libraries
from aisle.representations import recipes

LOADER = "aisle.deployment.mlflow_model"
WHERE = "pretrained.json"
"""File in a package: name of each pretrained model to its address in MLflow, "" for an untrained one."""
NOT_TO_PREDICT = frozenset({"aisle", "ImageHash", "pyarrow", "spacy"})
"""What the predictor's modules import for stages and the making of packages; aisle's own code is logged."""
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
    modules = {"aisle.deployment.predictor"}
    for folder in (path.parent for path in models.rglob(model_folder.DESCRIPTION)):
        recipe = model_folder.read(folder, fitted=False).recipe
        each = recipes.vectors(recipe) if recipe else []
        modules |= {f"aisle.representations.encoders.{one.modality}.{one.encoder}" for one in each}
        fitted = folder / model_folder.ESTIMATOR
        if fitted.is_file():  # of a member that has learned nothing there is none
            modules |= {name.decode() for name in _CODE.findall(fitted.read_bytes())}
    found = dict[str, str]()
    for module in sorted(modules):
        found |= libraries(module)
    needed = {library: number for library, number in found.items() if library not in NOT_TO_PREDICT}
    return [f"{library}=={number}" for library, number in sorted(needed.items())]
