"""The review as a small web application."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smartms_img.errors import InputError
from smartms_img.qc.review.desk import Desk, Draft, Returned
from smartms_img.qc.review.guard import Guard

STATIC = Path(__file__).parent / "static"
_MEDIA = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_LONGEST_BODY = 20_000
Model = TypeVar("Model", bound=BaseModel)


def review_app(desk: Desk, port: int, niivue: bytes = b"") -> Guard:
    """Return the application of one reader, behind its guard.

    Parameters
    ----------
    desk : Desk
        The reader's place of work.
    port : int
        Port that it is served at.
    niivue : bytes, optional
        The script NiiVue (``niivue.umd.js``); without it there is no view in three dimensions.
    """
    pages = _Pages(desk, niivue)
    routes = [
        Route("/", pages.page),
        Route("/queue", pages.queue),
        Route("/item/{key}", pages.item),
        Route("/item/{key}/picture/{number:int}", pages.picture),
        Route("/item/{key}/thumbnail", pages.thumbnail),
        Route("/item/{key}/volume/{number:int}", pages.volume),
        Route("/item/{key}/rating", pages.rate, methods=["POST"]),
        Route("/item/{key}/draft", pages.draft, methods=["POST"]),
        Route("/static/{name}", pages.static),
    ]
    handlers: dict[Any, Any] = {InputError: _refused, HTTPException: _no_such}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(app, port, data_images=bool(niivue))


class _Pages:
    def __init__(self, desk: Desk, niivue: bytes) -> None:
        self._desk = desk
        self._has_volumes = bool(niivue)
        # Read once, so that no path of a request ever reaches the file system.
        self._static = {
            path.name: Response(path.read_bytes(), media_type=_MEDIA[path.suffix])
            for path in STATIC.iterdir()
        }
        if niivue:
            self._static["niivue.js"] = Response(niivue, media_type=_MEDIA[".js"])

    async def page(self, _: Request) -> Response:
        return self._static["review.html"]

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            raise HTTPException(404)
        return self._static[name]

    async def queue(self, _: Request) -> Response:
        entries = await run_in_threadpool(self._desk.queue)
        return JSONResponse([asdict(entry) for entry in entries])

    async def item(self, request: Request) -> Response:
        view = asdict(await run_in_threadpool(self._desk.view, request.path_params["key"]))
        return JSONResponse(view if self._has_volumes else view | {"layers": []})

    async def picture(self, request: Request) -> Response:
        key, number = request.path_params["key"], request.path_params["number"]
        content, media = await run_in_threadpool(self._desk.picture, key, number)
        return Response(content, media_type=media)

    async def thumbnail(self, request: Request) -> Response:
        content, media = await run_in_threadpool(self._desk.thumbnail, request.path_params["key"])
        return Response(content, media_type=media)

    async def volume(self, request: Request) -> Response:
        key, number = request.path_params["key"], request.path_params["number"]
        content = await run_in_threadpool(self._desk.volume, key, number)
        return Response(content, media_type="application/octet-stream")

    async def rate(self, request: Request) -> Response:
        given = await _body(request, Returned)
        key = request.path_params["key"]
        await run_in_threadpool(self._desk.rate, key, given.said, given.shown)
        return JSONResponse({})

    async def draft(self, request: Request) -> Response:
        draft = await _body(request, Draft)
        await run_in_threadpool(self._desk.keep_draft, request.path_params["key"], draft)
        return JSONResponse({})


async def _body(request: Request, model: type[Model]) -> Model:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise InputError("is too long", "Shorten the comment")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InputError("is no rating", "Reload the page") from error


async def _refused(_: Request, error: Exception) -> Response:
    """Say what is wrong, without the file that an error may name."""
    text = f"{error.problem}. {error.remedy}." if isinstance(error, InputError) else ""
    return JSONResponse({"problem": text}, status_code=409)


async def _no_such(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"problem": "There is nothing here."}, status_code=status)
