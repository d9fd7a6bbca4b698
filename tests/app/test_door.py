"""The door: who is let in, how large a request may be, and what a browser may do with an answer."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.door import Door, visitor_cookie

TOKEN = "open-sesame"


async def page(request):
    return PlainTextResponse(f"page {request.url.query} {len(await request.body())}")


async def socket(websocket):
    await websocket.accept()
    await websocket.send_text("page")
    await websocket.close()


ROUTES = [Route("/{path:path}", page, methods=["GET", "PUT"]), WebSocketRoute("/_stcore/stream", socket)]


def visitor(token: str | None = None, host: str = "127.0.0.1:8501") -> TestClient:
    behind = Door(Starlette(routes=ROUTES), token, megabytes=1)
    return TestClient(behind, base_url=f"http://{host}", follow_redirects=False)


def hears(client: TestClient, **headers: str) -> bool:
    try:
        with client.websocket_connect(
            f"{client.base_url}/_stcore/stream".replace("http", "ws", 1), headers=headers
        ) as stream:
            return stream.receive_text() == "page"
    except WebSocketDisconnect:
        return False


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "localhost", "[::1]:8501"])
def test_this_machine_is_let_in_by_its_own_names(host):
    assert visitor(host=host).get("/live").text.startswith("page")
    assert hears(visitor(host=host))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8501", "192.0.2.7:8501", "[::", ""])
def test_a_foreign_name_for_this_machine_is_refused_because_it_may_be_rebound(host):
    assert visitor().get("/", headers={"host": host}).status_code == 403
    assert not hears(visitor(), host=host)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9", "http://127.0.0.1:8501.evil.example"]
)
def test_pages_of_other_origins_reach_neither_pages_nor_sockets(origin):
    for client in (visitor(), visitor(TOKEN)):
        client.get(f"/?token={TOKEN}")
        assert client.get("/", headers={"origin": origin}).status_code == 403
        assert not hears(client, origin=origin)


def test_its_own_pages_reach_the_socket():
    assert hears(visitor(), origin="http://127.0.0.1:8501")


@pytest.mark.parametrize(
    "path", ["/", "/live", "/_stcore/health", "/_stcore/host-config", "/media/x", "/static/x.js"]
)
@pytest.mark.parametrize("query", ["", "?token=", "?token=open-sesam", "?token=open-sesamee", "?token=é"])
def test_without_the_token_nothing_is_seen(path, query):
    answer = visitor(TOKEN, host="192.0.2.7:8501").get(path + query)
    assert answer.status_code == 403
    assert "page" not in answer.text
    assert TOKEN not in answer.text


def test_without_the_token_nothing_can_be_started():
    client = visitor(TOKEN)
    assert not hears(client)
    assert not hears(client, cookie="parallax-80=wrong")
    assert client.put("/_stcore/upload_file/x/y", content=b"x").status_code == 403


def test_the_token_becomes_a_cookie_that_no_script_reads_and_leaves_the_address():
    client = visitor(TOKEN, host="192.0.2.7:8501")
    answer = client.get(f"/live?run=toy-1&token={TOKEN}&layer=2&layer=3&text=")
    assert (answer.status_code, answer.headers["location"]) == (303, "/live?run=toy-1&layer=2&layer=3&text=")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/live").status_code == 200
    assert hears(client)


def test_the_address_with_the_token_leads_to_no_other_machine():
    answer = visitor(TOKEN).get(f"http://127.0.0.1:8501//evil.example/?token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


def test_dashboards_on_other_ports_do_not_take_each_others_cookies():
    client = visitor(TOKEN)
    assert client.get(f"/?token={TOKEN}").headers["set-cookie"].startswith("parallax-8501=")


@pytest.mark.parametrize(("length", "status"), [(2**20, 200), (2**20 + 1, 413)])
def test_a_request_beyond_the_limit_is_refused_before_it_is_read(length, status):
    assert visitor().put("/_stcore/upload_file/x/y", content=b"x" * length).status_code == status


def test_a_request_that_hides_its_length_is_refused():
    assert visitor().put("/x", content=(b"x" for _ in range(3))).status_code == 411


def test_every_answer_forbids_the_browser_to_ask_other_machines_and_others_to_frame_it():
    headers = visitor().get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert all("http:" not in sources and "*" not in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"


def test_every_browser_gets_a_number_once_and_keeps_it():
    client = visitor()
    cookie = client.get("/live").headers["set-cookie"]
    assert cookie.startswith(f"{visitor_cookie(8501)}=")
    assert "httponly" in cookie.lower()
    assert "set-cookie" not in client.get("/").headers
    assert visitor().get("/").headers["set-cookie"] != cookie


@pytest.mark.parametrize("path", ["/_stcore/health", "/static/x.js", "/media/x"])
def test_files_give_no_number(path):
    assert "set-cookie" not in visitor().get(path).headers
