"""What happens to every request: its id, its log line, its figures, and an answer in words whatever fails."""

import re
import time
from secrets import token_hex

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aisle.service.logs import logger
from aisle.service.metrics import Metrics
from aisle.service.problems import RefusalError, response

HEADER = "X-Request-ID"
_HEADER = HEADER.lower().encode()
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = ("/health/live", "/health/ready", "/metrics")
"""Asked every few seconds by machines: a line only where something is wrong."""
WORDS = {
    404: "there is no such address; /docs lists those that there are",
    405: "this address does not take the method {method}; /docs says which it takes",
}


def request_id(scope: Scope) -> str:
    """Return the id that the client gave, if it is one, else a new one."""
    for name, value in scope["headers"]:
        if name == _HEADER and _ID.fullmatch(given := value.decode("latin-1")):
            return given
    return token_hex(16)


class Requests:
    """ASGI middleware around all of the service.

    Parameters
    ----------
    app
        What answers.
    metrics
        What is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = request_id(scope)
        scope.setdefault("state", {})["request_id"] = own
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=own)
        began, status = time.monotonic(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (_HEADER, own.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            logger().error("failed", exc_info=error)
            if status:
                raise
            told = f"the service failed on this; its log tells where, by the request id {own}"
            await response(RefusalError(500, told), own)(scope, receive, sending)
        finally:
            self._tell(scope, status, time.monotonic() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")  # not the address: anyone may make up any number
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route in _QUIET and status < 400:
            return
        facts = scope["state"].get("facts", {})
        logger().info(
            "request", method=method, route=route, status=status, ms=round(seconds * 1e3, 2), **facts
        )


def handle(app: FastAPI) -> None:
    """Answer refusals, and what the framework refuses, in one form."""

    async def refused(request: Request, error: Exception) -> object:
        assert isinstance(error, RefusalError)
        return response(error, request.state.request_id)

    async def framework(request: Request, error: Exception) -> object:
        assert isinstance(error, HTTPException)
        told = WORDS.get(error.status_code, str(error.detail)).format(method=request.method[:20])
        return response(RefusalError(error.status_code, told, error.headers), request.state.request_id)

    app.add_exception_handler(RefusalError, refused)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, framework)  # type: ignore[arg-type]
