"""Any model of sentence-transformers (Reimers and Gurevych 2019), as its own class reads it: a folder."""

import json
import shutil
from pathlib import Path
from typing import Any

from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section

MODULES = "modules.json"
READ = (".json", ".txt")
"""Ends of the files that say how a model is built: sentence-transformers does without one that is missing."""


class Export(Section):
    """A SentenceTransformer's folder, copied to model/: nothing is converted, so every architecture will do.

    Files: all that describes the model, named from its folder's top, such as `1_Pooling/config.json`. The
    export `transformer` makes a model that runs faster, if it is a BERT.
    """

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Copy the files, and load the model once."""
        if seed is not None:
            raise AisleError(
                "source must be path, official, package or absent for a sentence_transformer; found random"
            )
        if MODULES not in files:
            raise AisleError(f"files of a sentence_transformer must have {MODULES}; found {some(files, 99)}")
        if missing := unnamed(files):
            raise AisleError(f"files must name all that describes the model; add {some(missing, 99)}")
        target = folder / "model"
        for name, path in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
        model = load(target)
        parameters = sum(tensor.numel() for tensor in model.parameters())
        return {
            "dimension": model.get_embedding_dimension(),
            "max_tokens": model.max_seq_length,
            "parameters": parameters,
        }


def unnamed(files: dict[str, Path]) -> list[str]:
    """Return the descriptions that lie in the model's folder, and are none of its files."""
    top = files[MODULES].parent
    try:
        parts = {Path(module["path"]) for module in json.loads(files[MODULES].read_text("utf-8"))} | {Path()}
    except (TypeError, KeyError, ValueError):
        raise AisleError(f"{files[MODULES]} must be a list of modules, each with its path") from None
    there = {
        (part / path.name).as_posix()
        for part in parts
        for path in (top / part).glob("*")
        if path.suffix in READ
    }
    return sorted(there - set(files))


def load(folder: Path) -> Any:
    """Return the SentenceTransformer of a folder, on the CPU; nothing is downloaded."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)  # with more, sums are taken in another order
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
