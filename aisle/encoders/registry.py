"""Load an encoder by its file's name.

The file `aisle/encoders/<modality>/<name>.py` defines one class `Encoder`. There is no list of encoders to
edit: a stage depends on the one file it loads, so that a change to one encoder leaves the others cached.
"""

import importlib
import inspect
from pathlib import Path
from typing import Any

from pydantic import Field

from aisle.errors import AisleError, some
from aisle.params import Section


class EncoderParams(Section):
    """Section `encoders.<modality>.<name>`: the file of the class and the arguments of its constructor."""

    encoder: str
    options: dict[str, Any] = Field(default_factory=dict)


def create(modality: str, params: EncoderParams) -> Any:
    """Return the encoder `aisle/encoders/<modality>/<params.encoder>.py` with its options.

    Raises
    ------
    AisleError
        If there is no such file, or its class does not take an option.
    """
    known = sorted(path.stem for path in (Path(__file__).parent / modality).glob("[!_]*.py"))
    if params.encoder not in known:
        raise AisleError(f"encoder must be one of {some(known, 99)} for {modality}, not {params.encoder!r}")
    factory = importlib.import_module(f"aisle.encoders.{modality}.{params.encoder}").Encoder
    accepted = list(inspect.signature(factory).parameters)
    if unknown := sorted(set(params.options) - set(accepted)):
        raise AisleError(
            f"options of the {modality} encoder {params.encoder!r} must be among {some(accepted, 99)}; "
            f"found {some(unknown)}"
        )
    return factory(**params.options)
