"""POST /v1/classify and /v1/classify/file."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from aisle.deployment.predictor import BATCH
from aisle.service import explaining, products_in, schemas, tables_in
from aisle.service.classifying import Classifier, facts
from aisle.service.problems import RefusalError, busy
from aisle.service.routes.answers import refusals
from aisle.service.state import State

router = APIRouter(tags=["classify"])
INLINE = 20_000
"""Bytes of a body that are read where they come; more are read in a thread, that nobody be held up."""
_PRODUCT, _PRODUCTS = ({"$ref": f"#/components/schemas/{name}"} for name in ("Product", "Products"))
_FORM = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "specifications": {"type": "string"},
        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "products": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "Several products in JSON, not the fields; `image_parts` names their files.",
        },
    },
}
BODY = {
    "required": True,
    "content": {
        products_in.JSON: {
            "schema": {"anyOf": [_PRODUCT, _PRODUCTS]},
            "examples": {
                "one": {"summary": "One product", "value": schemas.ONE},
                "several": {"summary": "Several, with a picture in base64", "value": schemas.SEVERAL},
            },
        },
        products_in.MULTIPART: {
            "schema": _FORM,
            "examples": {"one": {"summary": "One product", "value": {"title": "Wall clock, quartz"}}},
        },
    },
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_CSV = {"schema": {"type": "string"}, "example": "id,title\nsku-1,Wall clock\n"}
FILE_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The table's columns, then those of the predictions.",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/vnd.apache.parquet": _BINARY},
    }
}
FILE = {"required": True, "content": {"text/csv": _CSV, "application/vnd.apache.parquet": _BINARY}}


async def aside(state: State, body: bytes, function: Any, *arguments: Any) -> Any:
    """Call a function, in a thread if the body is large: one at a time, for JSON takes 30 times its bytes."""
    if len(body) < INLINE:
        return function(*arguments)
    async with state.reading:
        return await asyncio.to_thread(function, *arguments)


@router.post(
    "/v1/classify",
    summary="Classify one product, or up to 256",
    response_model=schemas.Classified,
    responses=refusals(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": BODY},
)
async def classify(
    request: Request,
    probabilities: Annotated[bool, Query(description="Of every category.")] = False,
    explain: Annotated[bool, Query(description=f"Why; of up to {explaining.MOST} products.")] = False,
) -> Response:
    """Return for each product its category, how probable it is, and whether a person must look and why."""
    state: State = request.app.state.service
    key = state.admission.key(request)
    kind, model = products_in.media_type(request.headers), state.serving.current
    async with state.admission.body(request) as body:
        if kind == products_in.JSON:
            asked = await aside(state, body, products_in.read_json, body, state.limits, model.package)
        elif kind == products_in.MULTIPART:
            form = await products_in.read_multipart(body, request.headers, state.limits)
            asked = await aside(state, body, products_in.of_form, form, state.limits, model.package)
        else:
            raise RefusalError(
                415,
                f"the body must be {products_in.JSON} or {products_in.MULTIPART}; it is of another type",
            )
        if explain and len(asked.products) > explaining.MOST:
            told = f"at most {explaining.MOST} products are explained; the request has {len(asked.products)}"
            raise RefusalError(413, f"{told}. Send several, or leave explain out")
        state.admission.count(key, len(asked.products) * (4 if explain else 1))
        classifier: Classifier = state.classifier
        answers, job = await classifier.answers(asked.products, model, state.limits.seconds)
        why = await classifier.explanations(asked.products, answers, model, state.limits.seconds, explain)
    own = request.state.request_id
    made = classifier.keep(asked.products, asked.ids, answers, job, (own, key.name))
    request.state.facts |= {
        "products": len(answers),
        "model": model.version,
        "queue_ms": round(job.queue_seconds * 1e3, 2),
        "predict_ms": round(job.predict_seconds * 1e3, 2),
    }
    predictions = classifier.predictions(asked.ids, made, answers, probabilities)
    for prediction, own_why in zip(predictions, why, strict=True):
        prediction["explanation"] = own_why
    found = {"request_id": own, "model": facts(model), "predictions": predictions}
    return Response(to_json(found), media_type=products_in.JSON)


@router.post(
    "/v1/classify/file",
    summary="Classify a table: CSV or Parquet in, the same out",
    responses=FILE_ANSWER | refusals(400, 401, 403, 408, 413, 415, 422, 429, 503),
    response_class=Response,
    openapi_extra={"requestBody": FILE},
)
async def classify_file(
    request: Request,
    columns: Annotated[
        list[str] | None,
        Query(description="Where a field is, such as `title=name`; as of `aisle.predict`.", max_length=8),
    ] = None,
) -> Response:
    """Return the table with its predictions beside it, as `python -m aisle.predict --input` writes it.

    A picture is one only as bytes in a Parquet column: names and addresses are not looked up.
    """
    state: State = request.app.state.service
    key, kind = state.admission.key(request), products_in.media_type(request.headers)
    if (suffix := tables_in.SUFFIXES.get(kind)) is None:
        raise RefusalError(
            415, "the body must be text/csv or application/vnd.apache.parquet; Content-Type says otherwise"
        )
    if state.files.locked():
        raise busy("as many tables as may be are being answered; send it again later", 5)
    said, model = tables_in.said_columns(columns or []), state.serving.current
    async with state.files, state.admission.file(request, suffix) as path:
        table = await asyncio.to_thread(tables_in.read, path, said, model.package, state.limits)
        state.admission.count(key, len(table.products))
        found = tables_in.Columns()
        for start in range(0, len(table.products), BATCH):
            rows = slice(start, start + BATCH)
            part, ids = table.products[rows], table.ids[rows]
            answers, job = await state.classifier.patiently(part, model, state.limits.file_seconds)
            made = state.classifier.keep(part, ids, answers, job, (request.state.request_id, key.name), start)
            found.add(answers, made, model.digest)
        written = path.with_name(f"answer-{path.name}")
        await asyncio.to_thread(tables_in.write, table, found, written)
    request.state.facts |= {"products": len(table.products), "model": model.version}
    headers = {"X-Model-Digest": model.digest}
    return StreamingResponse(_sent(written), headers=headers, media_type=kind)


def _sent(path: Path) -> Iterator[bytes]:
    """Return a file's chunks; it has no name any more, so that it is gone whatever becomes of the client."""
    file = path.open("rb")
    path.unlink()

    def chunks() -> Iterator[bytes]:
        with file:
            yield from iter(lambda: file.read(2**18), b"")

    return chunks()
