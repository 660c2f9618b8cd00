"""Load an encoder by its file's name.

The file `aisle/representations/encoders/<modality>/<name>.py` has one class, named for what it is, and
`Encoder`, which is that class under the name that is looked for here. There is no list of encoders to edit: a
stage depends on the one file it loads, so that a change to one encoder leaves the others cached.
"""

import inspect
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section
from aisle.pipeline.plugins import load_by_name
from aisle.pretrained.status import NONE


class EncoderParams(Section):
    """Section `encoders.<modality>.<name>`: the file of the class and the arguments of its constructor.

    `weights` names an entry of params.yaml: weights; `none` for an encoder without pretrained weights.
    `engine` is what the stage encodes by, this machine's processors or Ray: it moves no vector.
    """

    encoder: str
    weights: str
    options: dict[str, Any] = Field(default_factory=dict)
    engine: Literal["processes", "ray"] = "processes"

    def of_vectors(self) -> dict[str, Any]:
        """Return what the vectors depend on, and their recipe says."""
        return self.model_dump(exclude={"engine"})


def _factory(modality: str, params: EncoderParams) -> Any:
    return load_by_name(
        f"aisle.representations.encoders.{modality}",
        params.encoder,
        "Encoder",
        f"{modality} encoder",
        __name__,
    )


def learns(modality: str, params: EncoderParams) -> bool:
    """Return whether the encoder is fitted on the catalogue: its vectors have then seen every product."""
    return not getattr(_factory(modality, params), "stateless", False)


def create(modality: str, params: EncoderParams, weights: str | Path) -> Any:
    """Return the encoder `aisle/representations/encoders/<modality>/<params.encoder>.py` with its options.

    Parameters
    ----------
    modality
        `text` or `image`.
    params
        See section `encoders.<modality>.<name>`.
    weights
        Folder of models/pretrained/, for an encoder whose constructor has an argument `weights`.

    Raises
    ------
    AisleError
        If there is no such file, its class does not take an option, or it lacks weights or has no use for
        them.
    """
    factory = _factory(modality, params)
    accepted = list(inspect.signature(factory).parameters)
    options = [name for name in accepted if name != "weights"]
    if unknown := sorted(set(params.options) - set(options)):
        raise AisleError(
            f"options of the {modality} encoder {params.encoder!r} must be among {some(options, 99)}; "
            f"found {some(unknown)}"
        )
    if "weights" not in accepted:
        if params.weights != NONE:
            raise AisleError(
                f"weights must be none for the {modality} encoder {params.encoder!r}, not {params.weights!r}"
            )
        return factory(**params.options)
    if params.weights == NONE:
        raise AisleError(f"weights must name an entry of params.yaml for {params.encoder!r}; found none")
    return factory(weights=str(weights), **params.options)
