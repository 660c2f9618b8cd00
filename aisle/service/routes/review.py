"""The review page: GET and POST /review, its picture, its script and its style."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs

import numpy as np
from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from aisle.pipeline.errors import some
from aisle.service import keys
from aisle.service.logs import logger
from aisle.service.problems import RefusalError, busy
from aisle.service.review import assigning, filling, page
from aisle.service.review.progress import progress
from aisle.service.review.sessions import COOKIE, HOURS, Session, carries
from aisle.service.state import State
from aisle.service.store.tables import ReviewItem

router = APIRouter(include_in_schema=False)
FORM = "application/x-www-form-urlencoded"
FIELDS = 300
"""Of a form, at most: a question has some, and one for each near-duplicate."""
WHY = 500
"""Characters."""
_ID = re.compile(r"[0-9a-f]{32}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""No database takes a null character, and no person writes the others."""
_TOLD = {
    "late": "Somebody else has that product by now, so your answer was not kept.",
    "undone": "Your last answer is taken back.",
    "nothing": "There is nothing to take back.",
}


def _session(request: Request) -> Session | None:
    """Return who asks; None if nobody is signed in.

    Raises
    ------
    RefusalError
        403 as of `Admission.key`, of a service without keys.
    """
    state: State = request.app.state.service
    if not state.settings.keys:
        request.state.facts = {"key": state.admission.key(request).name}
        return state.sessions.local
    if (found := state.sessions.find(request.cookies.get(COOKIE))) is not None:
        request.state.facts = {"key": found.key.name}
    return found


async def _stored(state: State, function: Any, *arguments: Any) -> Any:
    """Call what asks the store, in a thread."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except SQLAlchemyError as error:
        logger().error("store", why=type(getattr(error, "orig", error)).__name__)
        state.metrics.errors.inc()
        raise busy("the store cannot be reached now; load the page again later", 5, 503) from None


@router.get("/review")
async def review(request: Request) -> Response:
    """Return the page of the next question, or the one to sign in on."""
    state: State = request.app.state.service
    if (session := _session(request)) is None:
        return HTMLResponse(page.sign_in(), headers=page.HEADERS)
    told = _TOLD.get(request.query_params.get("told", ""), "")
    made = await _stored(state, _page, state, session, told)
    return HTMLResponse(made, headers=page.HEADERS)


def _page(state: State, session: Session, told: str) -> str:
    who, chosen = session.key.name, state.settings.review
    if (found := assigning.lease(state.engine, who, chosen.lease)) is None:
        filling.fill(state.engine, chosen, np.random.default_rng(), who)
        found = assigning.lease(state.engine, who, chosen.lease)
    return page.question(found, state.serving.current, session, progress(state.engine, who), told)


@router.get("/review/picture/{review_id}")
async def picture(request: Request, review_id: str) -> Response:
    """Return the small picture of a product, to those who are signed in."""
    state: State = request.app.state.service
    if _session(request) is None:
        raise RefusalError(401, "sign in at /review to see pictures")

    def read() -> bytes | None:
        with state.engine.connect() as connection:
            query = select(ReviewItem.picture).where(ReviewItem.review_id == review_id)
            return connection.execute(query).scalar()

    if not _ID.fullmatch(review_id) or not (data := await _stored(state, read)):
        raise RefusalError(404, "there is no such picture (any more)")
    return Response(data, media_type="image/jpeg", headers=page.HEADERS)


@router.get("/review/static/{name}")
async def static(name: str) -> Response:
    """Return the page's script or style; they say nothing of any product."""
    if name not in page.STATIC:
        raise RefusalError(404, f"there is no such file; there are {some(page.STATIC)}")
    return Response(page.static(name), media_type=page.STATIC[name])


@router.post("/review")
async def act(request: Request) -> Response:
    """Do what a form of the page says, and show the next question."""
    state: State = request.app.state.service
    form = await _form(request)
    action = form.get("action", ["decide"])[0]
    if action == "sign_in":
        return _sign_in(request, form)
    if (session := _session(request)) is None:
        return HTMLResponse(page.sign_in("Sign in again: your session has ended."), 401, page.HEADERS)
    if not carries(session, form.get("token", [""])[0]):
        raise RefusalError(403, "the form must be of a page of this session; load /review again")
    if action == "sign_out":
        state.sessions.end(request.cookies.get(COOKIE))
        answer = _next()
        answer.delete_cookie(COOKIE, path="/review")
        return answer
    who, lease = session.key.name, state.settings.review.lease
    if action == "undo":
        done = await _stored(state, assigning.undo, state.engine, who, lease)
        state.metrics.judged.labels("undone").inc(int(done))
        return _next("undone" if done else "nothing")
    return await _decided(state, who, form, skip=action == "skip")


async def _decided(state: State, who: str, form: dict[str, list[str]], skip: bool) -> Response:
    if not _ID.fullmatch(own := form.get("review", [""])[0]):
        raise RefusalError(422, "the form must name the product that it is about; load /review again")
    category = None if skip else form.get("category", [""])[0]
    known = state.serving.current.package.categories
    if category is not None and category not in known:
        raise RefusalError(422, f"the category must be one of the model's {len(known)}: {some(known, 20)}")
    why = " ".join(_CONTROL.sub(" ", form.get("why", [""])[0]).split())[:WHY]
    arguments = (state.engine, who, own, category, page.together(form), why)
    kept = await _stored(state, assigning.decide, *arguments)
    state.metrics.judged.labels("skipped" if skip else "decided").inc(int(kept))
    return _next("" if kept else "late")


def _next(told: str = "") -> Response:
    return RedirectResponse(f"/review?told={told}" if told else "/review", 303)


def _sign_in(request: Request, form: dict[str, list[str]]) -> Response:
    state: State = request.app.state.service
    found = keys.find(state.settings.keys, form.get("key", [""])[0].strip())
    if found is None:
        return HTMLResponse(page.sign_in("That is no key of this service."), 401, page.HEADERS)
    request.state.facts = {"key": found.name}
    answer = _next()
    answer.set_cookie(
        COOKIE,
        state.sessions.begin(found),
        max_age=int(HOURS * 3600),
        path="/review",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


async def _form(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form.

    Raises
    ------
    RefusalError
        As of `Admission.body`; 415 or 400 if it is none.
    """
    state: State = request.app.state.service
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise RefusalError(415, f"the body must be {FORM}; Content-Type says otherwise")
    async with state.admission.body(request) as body:
        try:
            return parse_qs(
                body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict"
            )
        except ValueError as error:
            raise RefusalError(400, f"the form must be a form of the page: {error}") from None
