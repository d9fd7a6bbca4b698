"""The dashboard in a real browser: from an empty machine to a map that moves, and nothing leaves the machine."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest

from lab import store
from tests.app.hostile_runs import write_hostile_run, write_hostile_study
from tests.app.servers import served
from tests.hostile import SENTENCES

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, expect = playwright_api.Page, playwright_api.expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,1000",
]  # fmt: skip
HERE = ("localhost", "127.0.0.1")
# training starts in a process of its own: importing, writing the world and its tokenizer
PATIENCE = 180_000
# plotly.js goes on gliding the axes of a figure that was taken off the page, and fails; nothing else comes of it
LEFT_GLIDING = "Cannot read properties of undefined (reading '_plots')"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium found: apt-get install chromium"),
]


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A dashboard on an empty store, started from a folder that is not the project's."""
    with served(tmp_path / "server", tmp_path) as server:
        monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "server" / "runs"))
        yield server.address
        for run in store.list_runs():
            run.send_request("stop")
        assert server.asked_of_the_network() == []


@pytest.fixture
def page(tmp_path: Path, address: str) -> Iterator[Page]:
    """The first page; it remembers requests to other machines and errors of the console."""
    with playwright_api.sync_playwright() as started:
        context = started.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            viewport={"width": 1400, "height": 1000},
        )
        page = context.new_page()
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url) if _leaves(request.url) else None)
        page.on("console", lambda said: seen.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: None if LEFT_GLIDING in str(error) else seen.append(str(error)))
        page.goto(address)
        yield page
        assert page.get_by_test_id("stException").count() == 0
        context.close()
        assert seen == []


def _leaves(address: str) -> bool:
    parsed = urlparse(address)
    return parsed.scheme in ("http", "https", "ws", "wss") and parsed.hostname not in HERE


def turn_to(page: Page, name: str) -> None:
    """Clicks a page in the sidebar and waits until it is drawn."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    title = "Two views of one meaning" if name == "Overview" else name
    expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=60_000)
    assert page.get_by_test_id("stException").count() == 0


def be_still(page: Page) -> None:
    """Waits until nothing has changed on the page for a second and a half: plotly loses a click while it draws."""
    page.evaluate(
        """() => new Promise((done, failed) => {
            const finish = () => { watcher.disconnect(); done(); };
            let quiet = setTimeout(finish, 1500);
            const watcher = new MutationObserver(() => { clearTimeout(quiet); quiet = setTimeout(finish, 1500); });
            watcher.observe(document.body, { subtree: true, childList: true, attributes: true });
            setTimeout(() => failed(new Error('the page did not come to rest within a minute')), 60000);
        })"""
    )


def places(page: Page) -> list[float]:
    """Where the marks of the live map lie."""
    script = """() => {
        const map = document.querySelector('.st-key-live-map .js-plotly-plot');
        return JSON.stringify(map && map.calcdata ? map.calcdata.flatMap(trace => trace.map(mark => mark.x)) : []);
    }"""
    return [place for place in json.loads(page.evaluate(script)) if isinstance(place, float)]


def test_every_page_of_an_empty_machine_opens(page):
    for name in ("Live", "Space", "Information", "Retrieval", "Try it", "Overview"):
        turn_to(page, name)
        assert page.get_by_test_id("stException").count() == 0, name


@pytest.mark.slow
def test_a_newcomer_starts_a_run_sees_the_map_move_and_stops_it(page):
    turn_to(page, "Live")
    page.get_by_role("button", name="Start the toy run").click()

    page.locator(".st-key-live-map .js-plotly-plot").wait_for(timeout=PATIENCE)
    before = places(page)
    assert len(before) > 100
    expect(page.get_by_text("The map at step 0")).to_have_count(0, timeout=PATIENCE)
    deadline = time.monotonic() + 60
    while places(page) == before:
        assert time.monotonic() < deadline, "the map did not move"
        time.sleep(0.5)
    assert "run=toy-1" in page.url

    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Continue").click(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=PATIENCE)

    # the run is a process of its own: leaving the page does not stop it
    step = store.open_run("toy-1").status.step
    turn_to(page, "Overview")
    deadline = time.monotonic() + 60
    while store.open_run("toy-1").status.step == step:
        assert time.monotonic() < deadline, "the run stood still while nobody looked"
        time.sleep(0.5)
    turn_to(page, "Live")
    # Streamlit's own header has a Stop button as well while it draws a page
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE)
    assert store.open_run("toy-1").status.state == "stopped"

    turn_to(page, "Space")
    mark = page.locator(".st-key-map .scatterlayer .trace .point").nth(3)
    mark.wait_for(state="attached", timeout=60_000)
    be_still(page)
    mark.click(force=True)
    expect(page.get_by_text("is a translation")).to_be_visible(timeout=60_000)
    assert "sentence=" in page.url
    turn_to(page, "Retrieval")
    turn_to(page, "Try it")
    expect(page.locator(".st-key-landing .js-plotly-plot")).to_be_visible(timeout=PATIENCE)


# text that is obeyed becomes one of these
OBEYED = "a[href*=evil], img[src*=evil], [data-testid=stMain] script, .katex, [data-testid=stMain] b"


def test_a_strangers_words_are_shown_and_not_obeyed(page):
    page.on("dialog", lambda dialog: pytest.fail(f"the page obeyed: {dialog.message}"))
    write_hostile_run("stranger")
    write_hostile_study("strange")
    for name in ("Live", "Space", "Information", "Ablations", "Retrieval"):
        turn_to(page, name)
        assert page.locator(OBEYED).count() == 0, name
    expect(page.get_by_text("this [/b] breaks").first).to_be_visible()
    turn_to(page, "Live")
    alert = page.get_by_test_id("stAlert").first
    for shown in ("[bold]x[/bold]", "<script>alert(1)</script>", "**md**", ":smile:", "{format}", "=cmd|"):
        expect(alert).to_contain_text(shown)

    turn_to(page, "Space")
    point = page.locator(".st-key-map .scatterlayer .trace .point").nth(
        SENTENCES.index("<script>alert(1)</script>")
    )
    point.wait_for(state="attached", timeout=60_000)
    be_still(page)
    point.hover(force=True)
    # which of the points lies on top is up to the map
    expect(page.locator(".st-key-map .hoverlayer")).to_contain_text(re.compile(r"<(script|b|img)\b"))
