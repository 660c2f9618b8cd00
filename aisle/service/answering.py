"""A package that answers: what `aisle.predict` says of products, and why a person must look at one."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisle.catalogue.picture_files import PictureFolder
from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.deployment import manifest
from aisle.deployment.packaging import RAW
from aisle.deployment.predictor import BATCH, Inputs, Predictor, RawProducts, as_json

Product = Mapping[str, Any]
"""Fields of `packaging.RAW`; `image` is bytes, a list of these, or names, which are never found."""
Answer = dict[str, Any]

BELOW, LACKING, UNREADABLE = "below_bound", "fields_missing", "unreadable_picture"
NOTHING, UNPROMISED, MALFORMED = "nothing_to_read", "no_promise", "malformed_record"
REASONS = (BELOW, LACKING, UNREADABLE, NOTHING, UNPROMISED, MALFORMED)


class NoFiles(PictureFolder):
    """The pictures that a request may name: none. No name or address of a product reaches a file."""

    def __init__(self) -> None:
        super().__init__(Path("the request"))

    def find(self, name: str | None) -> tuple[Path | None, str | None]:
        """Return that there is none."""
        return None, "file missing"


def input_digest(product: Product) -> str:
    """Return SHA-256 of what was given of a product: the same for the same fields and pictures."""
    kept: dict[str, Any] = {}
    for name in RAW:
        value = product.get(name)
        items = value if isinstance(value, list) else [value]
        if name == "image":
            kept[name] = [
                sha256(item).hexdigest() if isinstance(item, bytes) else item for item in items if item
            ]
        else:
            kept[name] = value or ""
    return sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


class ServedModel(Predictor):
    """A package that is served.

    Parameters
    ----------
    folder
        The package, which nobody else writes (serving.py makes a copy).

    Raises
    ------
    AisleError
        As of `Predictor`.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.digest = manifest.identity(folder)
        self.version = self.digest[:12]
        self._looked_at: tuple[Inputs, dict[str, np.ndarray]] | None = None

    def presence(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return which fields products have, as `Predictor.presence` does; made once of the same inputs."""
        if self._looked_at is None or self._looked_at[0] is not inputs:
            self._looked_at = inputs, super().presence(inputs)
        return self._looked_at[1]

    def answers(self, products: Sequence[Product]) -> list[Answer]:
        """Return what is said of products.

        Parameters
        ----------
        products
            n, in batches of at most `predictor.BATCH`.

        Returns
        -------
        list of dict
            n: what `predictor.as_json` has, and `reasons`, why a person must look (empty if nobody must),
            each a code and words; and `threshold`, the probability from which on it is decided, None where
            it is not.
        """
        found: list[Answer] = []
        for start in range(0, len(products), BATCH):
            found += self._batch(products[start : start + BATCH])
        return found

    def _batch(self, products: Sequence[Product]) -> list[Answer]:
        table = pd.DataFrame([{name: each.get(name) for name in RAW} for each in products], dtype=object)
        raw = RawProducts(table, self.package, self._rules, NoFiles(), self._encoders)
        decided = self.decide(raw)
        decided["warning"] = self._warnings(raw, decided)
        thresholds = self.thresholds(self.presence(raw))
        fewer = self._unpromised(raw)
        self._looked_at = None
        found = as_json(decided)
        for i, answer in enumerate(found):
            sure = np.isfinite(thresholds[i])
            answer["threshold"] = float(thresholds[i]) if sure else None
            answer["reasons"] = self._reasons(answer, fewer[i], raw.problems.get(i))
        return found

    def _reasons(self, answer: Answer, lacking: str, picture: str | None) -> list[dict[str, str]]:
        """Return why a person must look at a product."""
        if not answer["send_to_person"]:
            return []
        found = []
        if not any(answer["used"][kind] for kind in self.package.modalities):
            found.append(
                (NOTHING, f"there is no {' and no '.join(self.package.modalities)} that the model reads")
            )
        elif answer["threshold"] is not None:
            found.append((BELOW, self._below(answer)))
        elif lacking:
            found.append((LACKING, lacking))
        else:
            found.append((UNPROMISED, "nothing is promised of this model's decisions"))
        if picture:
            found.append((UNREADABLE, picture))
        return [{"code": code, "message": message} for code, message in found]

    def _below(self, answer: Answer) -> str:
        decision = self.package.decision
        return (
            f"the probability, {answer['probability']:.3f}, is below {answer['threshold']:.3f}, from which "
            f"on few are wrong ({decision['confidence']:.0%} confidence)"
        )


def path(category: str) -> list[str]:
    """Return the segments of a category, from the root on."""
    return category.split(PATH_SEPARATOR)
