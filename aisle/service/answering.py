"""A package that answers: what `aisle.predict` says of products, and why a person must look at one."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from aisle.catalogue import text_forms, tokeniser
from aisle.catalogue.picture_files import PictureFolder
from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.deployment import manifest, packaging
from aisle.deployment.packaging import RAW
from aisle.deployment.predictor import BATCH, Inputs, Predictor, RawProducts, plain
from aisle.pipeline.params import check

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


_DIGESTED = json.JSONEncoder(sort_keys=True)


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
    return sha256(_DIGESTED.encode(kept).encode()).hexdigest()


class Batch(RawProducts):
    """Products that are answered together, and what was found out about them.

    No table is made of them, which would take as long as predicting one; a text is cleaned once, whatever
    forms are made of it; and the tokens of words that came before are known.

    Parameters
    ----------
    products
        n.
    model
        That answers them.
    """

    def __init__(self, products: Sequence[Product], model: "ServedModel") -> None:
        columns = {name: [each.get(name) for each in products] for name in RAW}
        super().__init__(columns, model.package, model._rules, NoFiles(), model._encoders)
        self._words = model.words
        self._clean = lru_cache(None)(text_forms.clean)  # while this batch is answered
        self.there: dict[str, np.ndarray] | None = None

    def _form(self, values: list[str], form: str) -> list[str]:
        if form == "clean":
            return [self._clean(value) for value in values]
        if form not in tokeniser.FORMS or self._rules is None:
            return super()._form(values, form)
        tokens = self._words(form)
        return [" ".join(chain.from_iterable(map(tokens, self._clean(value).split()))) for value in values]


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
        self._known: dict[str, Callable[[str], list[str]]] = {}

    def words(self, form: str) -> Callable[[str], list[str]]:
        """Return the function that makes the tokens of a word in a form, and remembers those of many."""
        if form not in self._known:
            assert self._rules is not None  # else the model reads no tokens
            params = check(self.package.text, text_forms.TextParams, f"{packaging.FILE}: text")
            of_word = partial(tokeniser.of_word, form=form, params=params, rules=self._rules)
            self._known[form] = lru_cache(text_forms.KNOWN)(of_word)
        return self._known[form]

    def presence(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return which fields products have, as `Predictor.presence` does; of a batch, made once."""
        if not isinstance(inputs, Batch):
            return super().presence(inputs)
        if inputs.there is None:
            inputs.there = super().presence(inputs)
        return inputs.there

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
        raw = Batch(products, self)
        columns = self.columns(raw)
        values: dict[str, Any] = {name: column.tolist() for name, column in columns.items()}
        values["warning"] = self._warnings(raw, columns)
        names = self.package.categories
        best = np.array([names.index(name) for name in columns["predicted_category"]], int)
        thresholds, fewer = self.limits(self.presence(raw), best).tolist(), self._unpromised(raw)
        found = plain(values)
        for i, answer in enumerate(found):
            answer["threshold"] = thresholds[i] if thresholds[i] != inf else None
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
