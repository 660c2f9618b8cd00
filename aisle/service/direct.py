"""The way past FastAPI for what nearly every request is: JSON to /v1/classify.

FastAPI's layers around a route (routing, dependencies, stacks of exits) take as long as all else that the
thread which talks to clients does for one product. This calls the route's own function, and a refusal becomes
the same answer. Whatever is asked in another way, or of another address, goes through FastAPI.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from aisle.service import problems, products_in
from aisle.service.metrics import Metrics
from aisle.service.requests import Requests
from aisle.service.routes.classify import classify

PROBABILITIES = {b"": False, b"probabilities=false": False, b"probabilities=true": True}
"""Queries that go this way, and what they say."""
TYPE = (b"content-type", products_in.JSON.encode())


class Route:
    """The route, as an ASGI application."""

    path = "/v1/classify"

    def takes(self, scope: Scope) -> bool:
        """Whether a request may go this way."""
        return (
            scope["type"] == "http"
            and scope["path"] == self.path
            and scope["method"] == "POST"
            and scope["query_string"] in PROBABILITIES
            and TYPE in scope["headers"]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route"] = self
        request = Request(scope, receive)
        try:
            response = await classify(request, PROBABILITIES[scope["query_string"]])
        except problems.RefusalError as refusal:
            response = problems.response(refusal, request.state.request_id)
        await response(scope, receive, send)


class Direct:
    """ASGI middleware around FastAPI's own.

    Parameters
    ----------
    app
        What answers all else.
    metrics
        What is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._route = app, Route()
        self._direct = Requests(self._route, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (self._direct if self._route.takes(scope) else self._app)(scope, receive, send)
