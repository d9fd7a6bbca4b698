"""Renders figures that `lab information --task ... --figures FOLDER` has written, for these documents.

python docs/pictures/render.py FOLDER...
"""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HEIGHTS = {"estimate-against-truth": 620, "errors-by-size": 420, "coverage": 380}

with sync_playwright() as started:
    browser = started.chromium.launch(
        executable_path="/usr/bin/chromium", args=["--headless", "--no-sandbox", "--disable-gpu"]
    )
    for page_file in (file.resolve() for folder in sys.argv[1:] for file in Path(folder).glob("*.html")):
        page = browser.new_page(viewport={"width": 1300, "height": HEIGHTS[page_file.stem]})
        page.goto(page_file.as_uri())
        page.locator(".js-plotly-plot .legend").wait_for()
        picture = Path(__file__).with_name(f"{page_file.stem}.png")
        page.screenshot(path=picture)
        with Image.open(picture) as taken:
            taken.convert("RGB").save(picture, optimize=True)
    browser.close()
