"""Where an encoder that learns nothing runs in its stage: in this process, or by Ray on one machine or many.

The same function encodes the same batches, whichever it is, and what is kept of a text or picture in the item
cache is looked up before: only what is new goes to Ray's processes, and vectors come back.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from aisle.pipeline import ray_session
from aisle.pipeline.cores import processors
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.representations.encoders import registry
from aisle.representations.encoders.pictures import Pictures

AHEAD = 4
"""Batches for each processor of Ray's that are looked up in the item cache together."""


@dataclass(frozen=True)
class Engine:
    """What encodes.

    Parameters
    ----------
    transform
        Makes float32 vectors (n, dimension) of a list of n texts or pictures (bytes).
    batches
        How many batches it is best given at a time.
    """

    transform: Callable[[list[Any]], np.ndarray]
    batches: int = 1


@contextmanager
def running(
    modality: str, params: registry.EncoderParams, folder: str | Path, encoder: Any, batch: int
) -> Iterator[Engine]:
    """Give the engine that the encoder's section names, as long as it is needed.

    Parameters
    ----------
    modality
        `text` or `image`.
    params
        The encoder's section.
    folder
        Of its weights; for Ray on storage that every node sees under the same path.
    encoder
        The encoder itself, for this process.
    batch
        Items that one call encodes.

    Raises
    ------
    AisleError
        If Ray is asked for and not installed, not to be reached, or has other weights on a node.
    """
    if params.engine == "processes":
        yield Engine(lambda items: np.asarray(encoder.transform(given(modality, items))))
        return
    model, place = description.read(folder).model, str(Path(folder).resolve())
    section = params.model_dump_json(include={"encoder", "weights", "options"})
    where = modality, section, place, model
    with ray_session.running(processors(), "engine: ray") as ray:
        workers = ray_session.processors_of(ray)

        def transform(items: list[Any]) -> np.ndarray:
            batches = ((*where, items[start : start + batch]) for start in range(0, len(items), batch))
            return np.concatenate([*ray_session.mapped(ray, encoded, batches, 2 * workers)])

        yield Engine(transform, AHEAD * workers)


def given(modality: str, items: Sequence[Any]) -> Any:
    """Return texts or pictures as an encoder takes them."""
    return Pictures(list(items)) if modality == "image" else items


def encoded(modality: str, params: str, folder: str, model: str, items: list[Any]) -> np.ndarray:
    """Return the vectors of one batch in a process of Ray's; parameters are those of `opened`."""
    with threadpool_limits(1):
        vectors = opened(modality, params, folder, model).transform(given(modality, items))
    return np.asarray(vectors, np.float32)


@lru_cache(maxsize=1)
def opened(modality: str, params: str, folder: str, model: str) -> Any:
    """Return an encoder, opened once in a process, which then keeps to processors of its own.

    Parameters
    ----------
    modality
        `text` or `image`.
    params
        The encoder's section, JSON.
    folder
        Of its weights.
    model
        Digest of its exported model as it is where the batches are given out.

    Raises
    ------
    AisleError
        If the weights are not there, or others.
    """
    if (found := description.read(folder).model) != model:
        raise AisleError(
            f"the weights must be the same on every node; {folder} on {socket.gethostname()} has "
            f"{found[:12]}, not {model[:12]}"
        )
    ray_session.keep_to_own_processors()
    return registry.create(modality, registry.EncoderParams.model_validate_json(params), folder)
