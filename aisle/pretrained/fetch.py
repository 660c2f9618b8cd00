"""Make one pretrained model ready: find or download its files, check them, export what encoders run."""

import shutil
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from aisle.pipeline.errors import AisleError, some
from aisle.pretrained import description, download, sources
from aisle.pretrained.exports import registry as exports


def export(name: str, params: sources.WeightsParams, folder: Path) -> description.Weights:
    """Write the models into an empty folder; return their description."""
    facts: dict[str, Any] = {}
    if params.source not in ("absent", "none"):
        exporter = exports.create(params.export, params.options)
        files = download.find(name, params)
        seed = params.seed if params.source == "random" else None
        try:
            facts = exporter.export(files, seed, folder)
        except (ValueError, RuntimeError, LookupError, OSError, EOFError, UnpicklingError) as error:
            # the frameworks' words
            told = " ".join(str(error).split())[:300]
            raise AisleError(
                f"{name}: {some(files.values())} must be weights of {params.export} {params.options}; {told}"
            ) from error
    return description.describe(params, facts, folder)


def fetch(name: str, params: sources.WeightsParams, folder: Path) -> description.Weights:
    """Write the folder of a pretrained model and return its description; nothing stays of what fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        weights = export(name, params, folder)
        description.write(weights, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return weights
