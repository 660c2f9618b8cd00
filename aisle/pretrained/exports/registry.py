"""Exports: make of pretrained files the model that encoders run; one kind per file, named in params.yaml.

Each file has a class `Export`, a params section of its options, with one method:
`export(files, seed, folder) -> facts` reads the verified files (name to path) or, unless `seed` is None,
draws random weights, and writes models into `folder`, the same bytes each time. The facts go into
weights.json for the encoder. Only here are TensorFlow, torch and transformers needed: encoders
run OpenVINO models, which import in a third of a second (docs/decisions/0008-weights-and-runtime.md).
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import check
from aisle.pipeline.plugins import load_by_name

AGREEMENT = 0.999
"""Cosine that an exported model must reach with the original framework, in fp32."""


class Exporter(Protocol):
    """What `Export` of each file must have."""

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write the models; return their facts."""


def create(name: str, options: dict[str, Any]) -> Exporter:
    """Return the export `aisle/pretrained/exports/<name>.py` with its options.

    Raises
    ------
    AisleError
        If there is no such file, or an option is unknown or wrong.
    """
    factory = load_by_name("aisle.pretrained.exports", name, "Export", "export", __name__)
    return check(options, factory, f"options of the export {name!r}")


def agree(expected: np.ndarray, found: np.ndarray, what: str) -> None:
    """Compare an exported model's result with that of the original framework.

    Raises
    ------
    AisleError
        If their cosine is below AGREEMENT.
    """
    a, b = (np.asarray(array, np.float64).ravel() for array in (expected, found))
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    if not cosine >= AGREEMENT:
        raise AisleError(
            f"{what}: the exported model must agree with the original (cosine {AGREEMENT}); found {cosine}"
        )
