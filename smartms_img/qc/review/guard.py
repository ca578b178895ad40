"""Who may speak to the review server: a login node is shared with others.

The address that is opened first carries a token that is good once; the browser gets a cookie for
it. Host and Origin are checked, so that no other page in the same browser can reach the server.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOKEN_BYTES = 32
_POLICY = (
    "default-src 'none'; img-src 'self'{data}; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware that lets in only the browser that opened the address with the token.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    port : int
        Port of the server.
    data_images : bool
        Whether scripts may show pictures that they hold themselves, as NiiVue its font.
    """

    def __init__(self, app: ASGIApp, port: int, *, data_images: bool = False) -> None:
        self._app = app
        policy = _POLICY.format(data=" data:" if data_images else "")
        self._headers = _HEADERS | {"Content-Security-Policy": policy}
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        # Browsers share cookies between the ports of a machine.
        self._name = f"smartms-review-{port}"
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._cookie = secrets.token_urlsafe(_TOKEN_BYTES)
        self._is_used = False
        self.address = f"http://127.0.0.1:{port}/?token={self._token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            return _forbidden()
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return _forbidden()
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return _forbidden()
        if scope["method"] not in {"GET", "HEAD"} and origin is None:
            return _forbidden()
        if self._has_cookie(headers):
            return None
        return self._enter(scope)

    def _has_cookie(self, headers: Headers) -> bool:
        given = [part.strip() for part in headers.get("cookie", "").split(";")]
        wanted = f"{self._name}={self._cookie}"
        return any(hmac.compare_digest(part.encode(), wanted.encode()) for part in given)

    def _enter(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        is_token = hmac.compare_digest(given.encode(), self._token.encode())
        if self._is_used or not is_token or scope["path"] != "/" or scope["method"] != "GET":
            return _forbidden()
        self._is_used = True
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(self._name, self._cookie, httponly=True, samesite="strict", path="/")
        return answer


def _forbidden() -> Response:
    return PlainTextResponse("Open the address that 'smartms review' has printed.\n", 403)
