"""POST /v1/feedback."""

import asyncio
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from aisle.pipeline.errors import some
from aisle.service import products_in, schemas
from aisle.service.logs import logger
from aisle.service.problems import RefusalError, busy, sentence
from aisle.service.routes.answers import refusals
from aisle.service.state import State
from aisle.service.store.tables import Feedback, Prediction, now
from aisle.service.store.writer import insert

router = APIRouter(tags=["feedback"])
_FEEDBACK = TypeAdapter(schemas.Feedback)
_EXAMPLE = {"prediction_id": "0" * 32, "category": "Clocks", "comment": "a clock, not a lamp"}
_BODY = {
    "required": True,
    "content": {
        products_in.JSON: {"schema": {"$ref": "#/components/schemas/Feedback"}, "example": _EXAMPLE},
    },
}


@router.post(
    "/v1/feedback",
    summary="Say which category is the right one",
    response_model=schemas.Noted,
    responses=refusals(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": _BODY},
)
async def feedback(request: Request) -> dict[str, Any]:
    """Keep what a person says of a prediction; when this is answered it is in the store."""
    state: State = request.app.state.service
    key = state.admission.key(request)
    if products_in.media_type(request.headers) != products_in.JSON:
        raise RefusalError(415, f"the body must be {products_in.JSON}; Content-Type says otherwise")
    async with state.admission.body(request) as body:
        try:
            found = _FEEDBACK.validate_python(from_json(body, allow_inf_nan=False))
        except ValidationError as error:
            raise RefusalError(422, sentence(error, "the body")) from None
        except ValueError as error:
            raise RefusalError(422, f"the body must be JSON: {error}") from None
    known = state.serving.current.package.categories
    if found.category not in known:
        raise RefusalError(422, f"the category must be one of the model's {len(known)}: {some(known, 20)}")
    state.admission.count(key, 1)
    row = {
        "id": uuid4().hex,
        "at": now(),
        "prediction_id": found.prediction_id,
        "category": found.category,
        "who": key.name,
        "comment": found.comment,
    }
    try:
        await asyncio.to_thread(_keep, state.engine, row)
    except SQLAlchemyError as error:
        logger().error("store", why=type(getattr(error, "orig", error)).__name__)
        state.metrics.errors.inc()
        raise busy(
            "the store cannot be written now, and this was not kept; send it again later", 5, 503
        ) from None
    return {"feedback_id": row["id"], "request_id": request.state.request_id}


def _keep(engine: Engine, row: dict[str, Any]) -> None:
    """Write feedback, with the shop's key of the product where the prediction is there and has one."""
    with engine.connect() as connection:
        query = select(Prediction.product_id).where(Prediction.id == row["prediction_id"])
        product = connection.execute(query).scalar()
    insert(engine, Feedback, [row | {"product_id": product}])
