"""Takes the pictures of this folder from a dashboard that is running.

PARALLAX_RUNS=runs lab app &
python docs/pictures/take.py http://localhost:8501 toy-1
"""

import sys
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
TYPED = "Omar bought two white mirrors in Delhi.\nأكلت نينا أربع دراقات في المستشفى مساءً."
# file, path, more of the URL, height in pixels, colour scheme
PICTURES = [
    ("overview", "", {}, 1350, "light"),
    ("live", "live", {}, 1350, "light"),
    ("live-dark", "live", {}, 1350, "dark"),
    ("space", "space", {}, 1150, "light"),
    ("retrieval", "retrieval", {}, 1300, "light"),
    ("information", "information", {}, 1500, "light"),
    ("try-it", "try", {"text": TYPED}, 1150, "light"),
]
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

address, run = sys.argv[1].rstrip("/"), sys.argv[2]
with sync_playwright() as started:
    browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
    for name, path, query, height, scheme in PICTURES:
        page = browser.new_page(viewport={"width": 1400, "height": height}, color_scheme=scheme)
        page.goto(f"{address}/{path}?{urlencode({'run': run, **query})}")
        page.locator(".js-plotly-plot").first.wait_for(timeout=120_000)
        if name == "space":
            # a click goes nowhere until the map has settled
            page.wait_for_timeout(4_000)
            page.locator(".st-key-map .scatterlayer .trace .point").nth(-3).click(force=True)
            page.get_by_text("is a translation").wait_for()
        page.mouse.move(5, 5)
        # figures glide to their places
        page.wait_for_timeout(3_000)
        picture = FOLDER / f"{name}.png"
        page.screenshot(path=picture)
        page.close()
        with Image.open(picture) as taken:
            # no palette: one of 256 colours gave three languages the same one
            taken.convert("RGB").save(picture, optimize=True)
    browser.close()
