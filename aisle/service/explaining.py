"""Why a product got its category: the words and the modality that moved the model."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from aisle.catalogue import text_forms, tokeniser
from aisle.deployment.packaging import RAW
from aisle.deployment.predictor import RawProducts
from aisle.explanation import linear_terms
from aisle.explanation.modality_shap import log_odds
from aisle.pipeline.params import check
from aisle.representations.recipes import TextRecipe
from aisle.service.answering import Answer, NoFiles, Product, ServedModel

MOST = 16
"""Products of a request that are explained: each costs up to three more predictions."""
WORDS = 10
"""Of a product, those that add or take most."""
LONGEST = 5000
"""Characters of a text that is marked."""


class WordModel:
    """The linear model of words of a package, by which words are marked.

    Of a fusion it is the first member that is one: what the words add to its score, they add to the whole.

    Parameters
    ----------
    model
        The package.

    Attributes
    ----------
    name
        Of that model, None where the package has none.
    """

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        top = model.models[model.package.model]
        members = [*top.members] if top.recipe is None else [model.package.model]
        self.name = next((name for name in members if self._is_linear(name)), None)

    @property
    def title(self) -> str | None:
        """Title of that model, for people."""
        return self._model.models[self.name].title if self.name else None

    def _is_linear(self, name: str) -> bool:
        saved = self._model.models[name]
        steps = [step for _, step in getattr(saved.estimator, "steps", [])]
        return (
            isinstance(saved.recipe, TextRecipe)
            and len(steps) == 2
            and getattr(steps[0], "analyzer", None) == "word"
            and bool(linear_terms.machines(steps[1]))
        )

    @property
    def _recipe(self) -> TextRecipe:
        assert self.name is not None
        recipe = self._model.models[self.name].recipe
        assert isinstance(recipe, TextRecipe)
        return recipe

    def values(self, product: Mapping[str, Any], category: str) -> dict[str, float]:
        """Return what each word of a product, in the model's form, adds to a category."""
        if self.name is None:
            return {}
        saved, recipe = self._model.models[self.name], self._recipe
        (text,) = self._raw([product]).texts(recipe.fields, recipe.form)
        return linear_terms.of_words(linear_terms.terms(saved.estimator, text, category) or {})

    def marked(self, text: str, values: Mapping[str, float]) -> list[tuple[str, float]]:
        """Return the parts of a text as it is written, each with what it adds."""
        if self.name is None or not values:
            return [(text, 0.0)]
        form, rules = self._recipe.form, self._model._rules
        if form not in tokeniser.FORMS or rules is None:
            return list(linear_terms.marked(text[:LONGEST], values, text_forms.clean))
        params = check(self._model.package.text, text_forms.TextParams, "the package's text")

        @lru_cache(maxsize=4096)
        def formed(word: str) -> str:
            return tokeniser.apply(word, form, params, rules)

        return list(linear_terms.marked(text[:LONGEST], values, formed))

    def _raw(self, products: Sequence[Mapping[str, Any]]) -> RawProducts:
        kept = [{name: each.get(name) for name in RAW if name != "image"} for each in products]
        return RawProducts(
            pd.DataFrame(kept, dtype=object), self._model.package, self._model._rules, NoFiles()
        )


def coalitions(product: Product) -> list[Product]:
    """Return the product with its text alone, with its pictures alone, and with nothing."""
    text = {name: value for name, value in product.items() if name != "image"}
    return [text, {"image": product.get("image")}, {}]


def explained(
    model: ServedModel, product: Product, answer: Answer, parts: Sequence[Answer] | None
) -> dict[str, Any]:
    """Return why a product got its category (`schemas.Explanation`).

    Parameters
    ----------
    model
        That answered.
    product, answer
        What it was asked, and what it said.
    parts
        What it says of the product's `coalitions`; None where it reads one modality alone.
    """
    words = WordModel(model)
    values = words.values(product, answer["category"])
    order = sorted(values, key=lambda word: (-abs(values[word]), word))[:WORDS]
    found: dict[str, Any] = {
        "words": [{"word": word, "value": values[word]} for word in order],
        "words_of": words.name,
        "modalities": None,
    }
    if parts is not None:
        probability = [each["probabilities"][answer["category"]] for each in (answer, *parts)]
        both, text, image, nothing = log_odds(np.array(probability)).tolist()
        found["modalities"] = {
            "text": ((text - nothing) + (both - image)) / 2,
            "image": ((image - nothing) + (both - text)) / 2,
            "base": nothing,
        }
    return found
