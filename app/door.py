"""The door of the dashboard: decides which requests reach its pages, and what a browser may do with the answers.

A page starts and stops processes. On this machine the door admits requests that name this machine as their host and
come from the dashboard's own pages. Open to a network, it admits browsers that have once shown the token.
"""

import hmac
import secrets
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
MEGABYTE: Final = 2**20
YEAR_SECONDS: Final = 365 * 86_400
WITHOUT_BODY: Final = ("GET", "HEAD", "OPTIONS", "DELETE")
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
}
# Streamlit and plotly need inline styles, inline scripts and eval; nothing needs another machine
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} wss://{host} blob: data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
CLOSED: Final = (
    "This dashboard is open to those who have its address with the token. Ask whoever started it, or start your own: "
    "lab app\n"
)
ELSEWHERE: Final = (
    "This dashboard answers its own pages on the machine that it runs on. To open it to others: "
    "lab app --open-to-network\n"
)


class Door:
    """ASGI middleware in front of all pages, files and web sockets of the dashboard.

    Args:
        app: the application behind the door.
        token: token that a browser must have shown once; None admits this machine only, without a token.
        megabytes: size of the largest request.
    """

    def __init__(self, app: ASGIApp, token: str | None, megabytes: int) -> None:
        self.app, self.token, self.limit = app, token, megabytes * MEGABYTE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(HTTPConnection(scope))
        if refusal is None:
            await self.app(scope, receive, _guarded(send, HTTPConnection(scope)))
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def refusal(self, request: HTTPConnection) -> Response | None:
        """The answer to a request that is refused, or redirected without its token; None for an admitted request."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse(ELSEWHERE, 403)
        if self.token is None:
            return (
                self._too_large(request) if _hostname(host) in LOOPBACK else PlainTextResponse(ELSEWHERE, 403)
            )
        if request.scope["type"] == "http" and _equal(request.query_params.get("token"), self.token):
            return _entrance(request, self.token)
        if not _equal(request.cookies.get(_cookie_name(request)), self.token):
            return PlainTextResponse(CLOSED, 403)
        return self._too_large(request)

    def _too_large(self, request: HTTPConnection) -> Response | None:
        if request.scope.get("method", "GET") in WITHOUT_BODY:
            return None
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return PlainTextResponse("expected a request that says how long it is\n", 411)
        if int(length) > self.limit:
            return PlainTextResponse(
                f"expected at most {self.limit // MEGABYTE} MB, got {length} bytes\n", 413
            )
        return None


def _guarded(send: Send, request: HTTPConnection) -> Send:
    """Adds security headers to every answer, and a cookie with a number for a browser that has none yet."""
    policy = POLICY.format(host=request.headers.get("host", ""))
    known = visitor_cookie(_port(request)) in request.cookies or not _is_page(request.url.path)

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update({**HEADERS, "Content-Security-Policy": policy})
            if not known:
                headers.append("set-cookie", _new_visitor(_port(request)))
        await send(message)

    return guarded


def visitor_cookie(port: int) -> str:
    """Name of the cookie that tells browsers apart, so that a browser knows the runs that it started."""
    return f"parallax-visitor-{port}"


def _new_visitor(port: int) -> str:
    return f"{visitor_cookie(port)}={secrets.token_hex(8)}; Max-Age={YEAR_SECONDS}; Path=/; HttpOnly; SameSite=Lax"


def _is_page(path: str) -> bool:
    """Whether a path may belong to a page; all pages get the same document."""
    return not path.startswith(("/_stcore/", "/static/", "/media/", "/component/"))


def _entrance(request: HTTPConnection, token: str) -> Response:
    """Redirects to the same address without the token; the token stays as a cookie that no script reads."""
    rest = urlencode([(key, value) for key, value in request.query_params.multi_items() if key != "token"])
    # two slashes at the beginning would name another machine
    path = "/" + request.url.path.lstrip("/")
    answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(_cookie_name(request), token, httponly=True, samesite="lax", secure=secure)
    return answer


def _cookie_name(request: HTTPConnection) -> str:
    # cookies do not tell ports apart: two dashboards on one machine would take each other's
    return f"parallax-{_port(request)}"


def _port(request: HTTPConnection) -> int:
    return request.scope["server"][1]


def _equal(given: str | None, token: str) -> bool:
    """Whether both are equal; the time of the comparison does not depend on where they differ."""
    return given is not None and hmac.compare_digest(given.encode(), token.encode())


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
