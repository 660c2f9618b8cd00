"""What is sent and answered, for the checks of requests and for the OpenAPI file."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aisle.service.answering import REASONS

LONGEST_TITLE, LONGEST_TEXT = 10_000, 200_000
"""Characters."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("it must have no control characters")
    return text


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it must have no null character")
    return text


Id = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Specification = str | int | float | bool | None | list[str]


class Sent(BaseModel):
    """Base of what is sent: an unknown field is an error, so that a misspelt one is found."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Product(Sent):
    """A product as a shop has it. All fields may be left out; HTML is stripped."""

    id: Id | None = Field(None, description="The shop's key of it; the answer repeats it.")
    title: str | None = Field(None, max_length=LONGEST_TITLE)
    description: str | None = Field(None, max_length=LONGEST_TEXT)
    specifications: Annotated[str, Field(max_length=LONGEST_TEXT)] | dict[str, Specification] | None = Field(
        None, description="'key: value; key: value', or an object."
    )
    image: str | Annotated[list[str], Field(max_length=64)] | None = Field(
        None, description="Picture, or pictures, in base64: JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF."
    )
    image_parts: Annotated[list[str], Field(max_length=64)] | None = Field(
        None, description="In a multipart request: names of the parts that are the pictures."
    )

    def specification_text(self) -> str | None:
        """Return the specifications as a text, an object as JSON."""
        if isinstance(self.specifications, dict):
            return json.dumps(self.specifications, ensure_ascii=False)
        return self.specifications


class Products(Sent):
    """Several products."""

    products: list[Product] = Field(min_length=1)


class Reason(BaseModel):
    """Why a person must look."""

    code: Literal[REASONS] = Field(description="For machines.")  # type: ignore[valid-type]
    message: str = Field(description="For people.")


class Ranked(BaseModel):
    """A category and its probability."""

    category: str
    category_path: list[str] = Field(description="The category's segments, from the root on.")
    probability: float = Field(ge=0, le=1)


class Used(BaseModel):
    """What of the product the model read."""

    text: bool
    image: bool


class Word(BaseModel):
    """A word, and what it adds to the category's score."""

    word: str = Field(description="As the model reads it: a stem, if it reads stems.")
    value: float = Field(description="Above what it adds to the categories on average; below 0 it takes.")


class Modalities(BaseModel):
    """What text and picture add to the log-odds of the category: Shapley values, exact."""

    text: float
    image: float
    base: float = Field(description="Log-odds of the category of a product without either.")


class Explanation(BaseModel):
    """Why a product got its category."""

    words: list[Word] = Field(description="Those that add or take most, by size.")
    words_of: str | None = Field(
        description="The linear model of words that they are of; null where the package has none."
    )
    modalities: Modalities | None = Field(description="Null where the model reads one alone.")


class Prediction(Ranked):
    """The answer to one product."""

    prediction_id: str = Field(description="By which feedback names it.")
    id: str | None = Field(description="As it was sent.")
    top3: list[Ranked] = Field(description="The most probable categories, the first among them.")
    needs_person: bool = Field(description="Whether a person must look before this is used.")
    reasons: list[Reason] = Field(description="Why; empty where nobody must.")
    threshold: float | None = Field(
        description="Probability from which on such a product is decided; null where none is."
    )
    certain: Ranked | None = Field(
        None, description="Of a tree of categories, the deepest node that is certain enough; null if none is."
    )
    used: Used
    warning: str = Field(description="What could not be read or used, in words; else empty.")
    probabilities: dict[str, float] | None = Field(
        None, description="Of every category, with ?probabilities=true."
    )
    explanation: Explanation | None = Field(
        None, description="Why, with ?explain=true; of up to 16 products a request."
    )


class ModelFacts(BaseModel):
    """A package that is served."""

    name: str
    title: str
    version: str = Field(description="The digest's first 12 digits.")
    digest: str = Field(description="SHA-256 of the package's manifest, which has those of its files.")
    catalogue: str = Field(description="That it has learned from.")
    weights: str = Field(description="`untrained`: the answers mean nothing.")
    modalities: list[str]


class Classified(BaseModel):
    """The answer to a request: a prediction for each product, in the order in which they were sent."""

    request_id: str
    model: ModelFacts
    predictions: list[Prediction]


class Refused(BaseModel):
    """Why a request was not answered."""

    detail: str = Field(description="One sentence.")
    request_id: str


class ServedFacts(ModelFacts):
    """A package that is served, with what it knows."""

    categories: list[str]
    decision: dict[str, Any] = Field(description="Threshold and what it promises.")


class Models(BaseModel):
    """The packages in the service."""

    current: ServedFacts
    previous: ModelFacts | None = Field(description="What a rollback serves.")
    challenger: ModelFacts | None = Field(
        description="Predicts what the current one predicts, and is not answered."
    )
    refused: dict[str, str] | None = Field(description="The last package that could not be served, and why.")


class Changed(BaseModel):
    """What a reload or rollback did."""

    outcome: Literal["swapped", "unchanged", "rolled_back"]
    current: ModelFacts
    request_id: str


class Feedback(Sent):
    """What a person says of a prediction."""

    prediction_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    category: str = Field(max_length=1000, description="The right one, of the model's.")
    comment: Annotated[str, AfterValidator(_no_nul)] = Field("", max_length=2000)


class Noted(BaseModel):
    """Feedback is in the store."""

    feedback_id: str
    request_id: str


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "not ready"]
    why: str = Field(description="Empty if it is ok.")


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
ONE = {"title": "Wall clock, quartz", "description": "Silent, 30 cm", "specifications": {"Colour": "black"}}
SEVERAL = {"products": [{"id": "sku-1", **ONE}, {"id": "sku-2", "title": "Desk lamp", "image": PIXEL}]}
