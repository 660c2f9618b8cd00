"""The application: routes, what surrounds them, and how it starts and stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.requests import Request

from aisle.service import problems, requests, schemas
from aisle.service.direct import Direct
from aisle.service.logs import logger
from aisle.service.requests import Requests
from aisle.service.routes import classify, feedback, health, models, review
from aisle.service.state import State

DESCRIPTION = """Which aisle does this product belong in? Each answer has the category with its path and
probability, the three most probable ones, and whether a person must look before it is used, and why.

A request that is not answered has one sentence in `detail`, and its `request_id` stands in the service's log.
"""
SENT = (schemas.Product, schemas.Products, schemas.Feedback)


def create(state: State) -> FastAPI:
    """Return the application of a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state.start()
        logger().info("started", model=state.serving.current.digest, open=not state.settings.keys)
        yield
        await asyncio.to_thread(state.stop)
        logger().info("stopped")

    app = FastAPIOffline(  # FastAPI's own /docs loads its script from a CDN
        title="Aisle",
        version=version("aisle"),
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.service = state
    for each in (classify, models, feedback, health, review):
        app.include_router(each.router)
    requests.handle(app)
    app.add_exception_handler(RequestValidationError, _query)  # type: ignore[arg-type]
    app.add_middleware(Requests, metrics=state.metrics)
    app.openapi = lambda: _openapi(app, plain)  # type: ignore[method-assign]
    plain = FastAPI.openapi.__get__(app)
    layers = app.build_middleware_stack
    app.build_middleware_stack = lambda: Direct(layers(), state.metrics)  # type: ignore[method-assign]
    return app


async def _query(request: Request, error: Exception) -> object:
    """Answer a query that is not as it must be; bodies are read by the routes."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    refusal = problems.RefusalError(
        422, f"the address is not as it must be, at {where[:100]}: {first['msg']}"
    )
    return problems.response(refusal, request.state.request_id)


def _openapi(app: FastAPI, plain: Any) -> dict[str, Any]:
    """Return the OpenAPI file, with what is sent, which the routes read themselves, and with the keys."""
    if app.openapi_schema:
        return app.openapi_schema
    found: dict[str, Any] = plain()
    parts = found.setdefault("components", {})
    for model in SENT:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        parts["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    found["security"] = [{"bearer": []}, {"header": []}, {}]
    for path, item in found["paths"].items():
        for operation in item.values():
            _own_refusal(operation)
            if path.startswith("/health"):
                operation["security"] = []
    return found


def _own_refusal(operation: dict[str, Any]) -> None:
    """Say that a wrong query is refused as all else is, not in FastAPI's form."""
    reference = {"$ref": "#/components/schemas/Refused"}
    if "422" in operation["responses"]:
        operation["responses"]["422"]["content"] = {"application/json": {"schema": reference}}
