"""The review page, as HTML: what a person sees of one product, and the forms by which they decide.

Everything of a product is text that Jinja escapes; there is no inline script and no inline style, and the
browser is told to run none (Content-Security-Policy).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader

from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.service import explaining
from aisle.service.answering import ServedModel
from aisle.service.review.assigning import Question
from aisle.service.review.progress import Progress
from aisle.service.review.sessions import Session

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
STATIC = {"review.js": "text/javascript", "review.css": "text/css", "icon.svg": "image/svg+xml"}
"""Files that the page asks for, and what they are."""
FAINTEST = 0.15
"""Of the largest value of a word: what has less is not marked."""


@dataclass(frozen=True)
class Part:
    """A piece of a text, and how it is marked: `for`, `against` or not at all, from 1 (little) to 3."""

    text: str
    side: str = ""
    strength: int = 0


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("aisle.service.review"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["path"] = lambda category: category.replace(PATH_SEPARATOR, " / ")
    return made


def static(name: str) -> bytes:
    """Return a file of `STATIC`."""
    return (files("aisle.service.review") / "static" / name).read_bytes()


def sign_in(told: str = "") -> str:
    """Return the page on which a key is given."""
    return _environment().get_template("sign_in.html.j2").render(told=told)


def question(
    found: Question | None, model: ServedModel, session: Session, progress: Progress, told: str = ""
) -> str:
    """Return the page of a question, or of none.

    Parameters
    ----------
    found
        What is asked.
    model
        That is served: it marks the words, and knows the categories.
    session, progress
        Of the person.
    told
        One sentence about what they did before.
    """
    facts: dict[str, Any] = {"session": session, "progress": progress, "told": told, "question": found}
    if found is not None:
        product = found.product
        order = sorted(product.probabilities, key=lambda name: (-product.probabilities[name], name))
        shown = texts(product, model)
        any_marked = any(part.side for parts in shown.values() for part in parts)
        facts |= {
            "top": [(name, product.probabilities[name]) for name in order[:3]],
            "categories": sorted({*model.package.categories, *order}),
            "texts": shown,
            "words_of": explaining.WordModel(model).title if any_marked else None,
        }
    return _environment().get_template("question.html.j2").render(**facts)


def texts(product: Any, model: ServedModel) -> dict[str, list[Part]]:
    """Return the product's texts in parts, those marked that moved the model towards its category or away."""
    words = explaining.WordModel(model)
    given = {name: getattr(product, name) for name in ("title", "description", "specifications")}
    values = words.values(given, product.predicted) if any(given.values()) else {}
    largest = max(map(abs, values.values()), default=0.0)
    return {name: _parts(words.marked(text, values), largest) for name, text in given.items() if text}


def _parts(pieces: list[tuple[str, float]], largest: float) -> list[Part]:
    found: list[Part] = []
    for text, value in pieces:
        share = abs(value) / largest if largest else 0.0
        if share < FAINTEST:
            if found and not found[-1].side:
                found[-1] = Part(found[-1].text + text)
            else:
                found.append(Part(text))
        else:
            found.append(Part(text, "for" if value > 0 else "against", 1 + (share > 1 / 3) + (share > 2 / 3)))
    return found


def together(form: Mapping[str, list[str]]) -> list[str] | None:
    """Return which near-duplicates a form decides too; None where it had none to choose from."""
    return form.get("together", []) if "grouped" in form else None
