"""GET /v1/models, POST /v1/models/reload and /v1/models/rollback."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from aisle.pipeline.errors import AisleError
from aisle.service import schemas
from aisle.service.classifying import facts
from aisle.service.problems import RefusalError
from aisle.service.routes.answers import refusals
from aisle.service.state import State

router = APIRouter(tags=["models"])


@router.get(
    "/v1/models",
    summary="Which package answers, and what it promises",
    response_model=schemas.Models,
    responses=refusals(401, 403),
)
async def models(request: Request) -> dict[str, Any]:
    """Return the package that is served, the one before it, and the last that was refused."""
    state: State = request.app.state.service
    state.admission.key(request)
    model, previous = state.serving.current, state.serving.previous
    package = model.package
    return {
        "current": facts(model) | {"categories": package.categories, "decision": package.decision},
        "previous": facts(previous) if previous else None,
        "challenger": facts(state.challenger.serving.current) if state.challenger else None,
        "refused": state.serving.refused,
    }


@router.post(
    "/v1/models/reload",
    summary="Serve what the package's folder holds now",
    response_model=schemas.Changed,
    responses=refusals(401, 403, 409),
)
async def reload(request: Request) -> dict[str, Any]:
    """Load the package beside the one that is served and swap it in between two batches, or refuse it."""
    return await _change(request, "reload")


@router.post(
    "/v1/models/rollback",
    summary="Serve the package before this one again",
    response_model=schemas.Changed,
    responses=refusals(401, 403, 409),
)
async def rollback(request: Request) -> dict[str, Any]:
    """Swap back; the folder is not looked at until something else is put there."""
    return await _change(request, "rollback")


async def _change(request: Request, what: str) -> dict[str, Any]:
    state: State = request.app.state.service
    state.admission.admin(request)
    try:
        outcome = await asyncio.to_thread(getattr(state.serving, what))
    except AisleError as error:
        raise RefusalError(409, str(error)) from None
    return {
        "outcome": outcome,
        "current": facts(state.serving.current),
        "request_id": request.state.request_id,
    }
