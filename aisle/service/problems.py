"""What a client is told when a request cannot be answered: a status, one sentence, the request's id."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json
from starlette.responses import Response

LONGEST = 300
"""Characters of what a client sent that an answer repeats, at most; of a sentence, twice as many."""


class RefusalError(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status
        HTTP's.
    sentence
        What must be, what was found, what to do.
    headers
        Of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})


def busy(sentence: str, seconds: float, status: int = 429) -> RefusalError:
    """Return the refusal of a request that may be sent again after a number of seconds."""
    return RefusalError(status, sentence, {"Retry-After": str(max(1, round(seconds + 0.5)))})


def response(refusal: RefusalError, request_id: str) -> Response:
    """Return a refusal as JSON."""
    body = to_json({"detail": short(plain(refusal.sentence)), "request_id": request_id})
    return Response(body, refusal.status, refusal.headers, "application/json")


def plain(text: str) -> str:
    """Return a text as one line of whole characters: half a surrogate pair becomes a question mark."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def short(text: str) -> str:
    """Return a sentence without its middle if it is long: names of columns and files may be megabytes."""
    return text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]} ... {text[5 - LONGEST :]}"


def sentence(error: ValidationError, what: str) -> str:
    """Return in one sentence the first thing that is wrong with what a client sent, and how many more are.

    The value itself is not repeated: it may be long, and is the client's own.

    Parameters
    ----------
    error
        Of pydantic.
    what
        How the whole is called, such as `the body`.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = found[0]
    where = _place(first["loc"])
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        told = "there is no such field"
    elif first["type"] == "json_invalid":
        told = told.removeprefix("Invalid JSON: ")
        return plain(f"{what} must be JSON: {told}")
    more = f" ({len(found) - 1} more are wrong)" if len(found) > 1 else ""
    return plain(f"{what} is not as it must be{f', at {where}' if where else ''}: {told}{more}")


def _place(parts: Sequence[Any]) -> str:
    """Return where in JSON something is, such as `products[3].title`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")[:LONGEST]
