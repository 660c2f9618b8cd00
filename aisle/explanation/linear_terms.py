"""What each term of a text adds to a category's score, of a linear model of terms: exact, with no background.

A linear model's score of a category is the sum of its terms' weights times its coefficients. Only differences
between categories decide, so a term's value is what it adds to the category less what it adds to all on
average. `word_shap.py` compares with the catalogue's mean text besides, which a package does not have.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

WORD = re.compile(r"\w+")


def machines(classifier: Any) -> list[Any]:
    """Return the linear machines of a fitted classifier, none of one that is not linear.

    One for all categories, or one for each against the rest. A machine with Platt's sigmoids
    (`aisle.models.platt`) is that machine: its sigmoids grow with the decisions.
    """
    if (calibrated := getattr(classifier, "calibrated_", None)) is not None:
        classifier = calibrated.calibrated_classifiers_[0].estimator
    found = getattr(classifier, "estimators_", None)
    found = [classifier] if found is None else [*found]
    return found if all(hasattr(each, "coef_") for each in found) else []


def coefficients(classifier: Any, columns: np.ndarray) -> np.ndarray:
    """Return the coefficients (categories, columns) of some terms of a linear classifier.

    Only these are put together: of hundreds of categories all would be hundreds of megabytes.
    """
    values = np.vstack([np.asarray(each.coef_)[:, columns] for each in machines(classifier)])
    return np.vstack([-values[0], values[0]]) / 2 if len(values) == 1 else values


def terms(pipeline: Any, text: str, category: str) -> dict[str, float] | None:
    """Return what each term of a text adds to a category, in the units of the classifier's score.

    Parameters
    ----------
    pipeline
        Fitted: an encoder of words, a classifier.
    text
        As the pipeline reads it.
    category
        One that it knows.

    Returns
    -------
    dict or None
        Term (words with a space between them) to value; None where the pipeline is no linear model of words,
        or does not know the category.
    """
    steps = [step for _, step in getattr(pipeline, "steps", [])]
    if len(steps) != 2 or getattr(steps[0], "analyzer", None) != "word":
        return None
    known = [str(name) for name in pipeline.classes_]
    if not machines(steps[1]) or category not in known:
        return None
    row = steps[0].transform([text]).tocsr()
    weights = coefficients(steps[1], row.indices)
    own = weights[known.index(category)] - weights.mean(axis=0)
    names = steps[0].get_feature_names_out()[row.indices]
    return {str(name): float(value) for name, value in zip(names, own * row.data, strict=True)}


def of_words(found: Mapping[str, float]) -> dict[str, float]:
    """Return what each word adds: what it adds alone, and its share of the terms that it is part of."""
    values: dict[str, float] = {}
    for term, value in found.items():
        words = term.split()
        for word in words:
            values[word] = values.get(word, 0.0) + value / len(words)
    return values


def marked(text: str, values: Mapping[str, float], form: Callable[[str], str]) -> Iterator[tuple[str, float]]:
    """Yield the parts of a text as it is written, each with what it adds; 0 of what is no word.

    Parameters
    ----------
    text
        For people.
    values
        Of `of_words`, by the model's form of a word.
    form
        What the model makes of a word, such as its stem; several with spaces between them.
    """
    place = 0
    for match in WORD.finditer(text):
        if match.start() > place:
            yield text[place : match.start()], 0.0
        yield match[0], sum(values.get(part, 0.0) for part in form(match[0]).split())
        place = match.end()
    if place < len(text):
        yield text[place:], 0.0
