"""What the routes' refusals look like in the OpenAPI file."""

from typing import Any

from aisle.service.schemas import Refused

_WORDS = {
    400: "the request is cut, or is not of its form",
    401: "the key is not known",
    403: "the key may not",
    408: "the body did not come in time",
    409: "it cannot be done as things are",
    413: "too large, or too many",
    415: "the body is of another kind",
    422: "something in it is not as it must be",
    429: "the queue is full, or the key has had its share; Retry-After says when to send it again",
    503: "it took too long; Retry-After says when to send it again",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of refusals with these statuses."""
    return {status: {"model": Refused, "description": _WORDS[status]} for status in statuses}
