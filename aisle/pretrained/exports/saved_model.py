"""TensorFlow SavedModels of text encoders, tokeniser inside, such as the Universal Sentence Encoder."""

import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section

BUCKETS = 4096
"""Hashed words of the random encoder."""


class Export(Section):
    """A SavedModel, texts (n,) to vectors (n, dimension), copied: only TensorFlow has its string operations.

    Files: one archive (.tar.gz) of the SavedModel, as TensorFlow Hub gives it.

    Parameters
    ----------
    dimension
        Length of the vectors.
    """

    dimension: int = Field(512, ge=1)

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Unpack the archive, or write a random encoder."""
        target = folder / "saved_model"
        if files:
            archive = next(iter(files.values()))
            try:
                with tarfile.open(archive) as packed:
                    packed.extractall(target, filter="data")
            except (tarfile.TarError, EOFError) as error:
                raise AisleError(f"{archive} must be a .tar.gz of a SavedModel: {error}") from None
            if not (target / "saved_model.pb").is_file():
                shutil.rmtree(target)
                raise AisleError(f"{archive} must hold saved_model.pb at its top; it does not")
        else:
            write_random(target, self.dimension, seed or 0)
        return {"dimension": self.dimension}


def write_random(target: Path, dimension: int, seed: int) -> None:
    """Write a deep averaging network (Iyyer et al. 2015) over hashed words, with random weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    rng = np.random.default_rng(seed)

    class RandomEncoder(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = tf.constant(rng.normal(size=(BUCKETS, dimension)), tf.float32)
            self.layer = tf.constant(rng.normal(size=(dimension, dimension)) / dimension**0.5, tf.float32)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts: Any) -> Any:
            words = tf.strings.split(tf.strings.lower(texts))
            mean = tf.reduce_mean(
                tf.ragged.map_flat_values(
                    lambda word: tf.gather(self.words, tf.strings.to_hash_bucket_fast(word, BUCKETS)), words
                ),
                axis=1,
            )
            return tf.math.l2_normalize(tf.tanh(tf.matmul(mean, self.layer)), axis=1)

    tf.saved_model.save(RandomEncoder(), str(target))
    (target / "fingerprint.pb").unlink(missing_ok=True)  # holds a random identifier
