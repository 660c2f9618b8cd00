"""GET /health/live, /health/ready and /metrics."""

from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response

from aisle.service import schemas
from aisle.service.routes.answers import refusals
from aisle.service.state import State

router = APIRouter(tags=["operation"])
_NOT: dict[int | str, dict[str, Any]] = {
    503: {"model": schemas.Health, "description": "It is not; `why` says what."}
}

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def _health(why: str) -> JSONResponse:
    status = {"status": "not ready" if why else "ok", "why": why}
    return JSONResponse(status, 503 if why else 200)


@router.get(
    "/health/live", summary="Whether to leave it running", response_model=schemas.Health, responses=_NOT
)
async def live(request: Request) -> Any:
    """Return 503 if what is accepted would not be answered any more: then start it anew."""
    state: State = request.app.state.service
    return _health("" if state.batcher.alive else "the batcher has ended")


@router.get(
    "/health/ready", summary="Whether to send it requests", response_model=schemas.Health, responses=_NOT
)
async def ready(request: Request) -> Any:
    """Return 503 if a request would be refused: it is stopping, or the queue is full."""
    state: State = request.app.state.service
    if not state.batcher.alive:
        return _health("it is stopping")
    return _health("the queue is full" if state.batcher.waiting >= state.limits.queue else "")


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses=_TEXT | refusals(401, 403),
)
async def metrics(request: Request) -> Response:
    """Return the figures in Prometheus' text format."""
    state: State = request.app.state.service
    state.admission.key(request)
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
