"""Pages of a stranger's run and study: whatever their text says, it is shown and not obeyed."""

import json
import re

import pytest

from lab.store import study as stored
from tests.app.hostile_runs import write_hostile_run, write_hostile_study
from tests.app.test_pages import open_page
from tests.hostile import orders_in_figure

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
# unescaped, each would be more than text: a tag, a picture, a link, a formula, bold, code, an icon, a colour
ORDERS = re.compile(
    r"(?<!\\)(?:<script|<img|<b>bold|!\[picture\]|\[link\]\(|://evil|www\.evil|\$\\LaTeX\$|\*\*md\*\*|`md`|~~md~~|"
    r":smile:|:red\[|:material/delete:|&lt;b&gt;)"
)
ELEMENTS = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "success")


@pytest.fixture
def stranger(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "GALLERY", tmp_path / "no-gallery")
    write_hostile_run("stranger")
    write_hostile_study("strange")


def written(page):
    """What Streamlit reads as Markdown, less what our own pages write in it."""
    for kind in ELEMENTS:
        yield from (element.value for element in getattr(page, kind))
    for metric in page.metric:
        yield from (metric.label, str(metric.value))


@pytest.mark.parametrize(
    "name", ["overview", "live", "space", "information", "vocabulary", "ablations", "retrieval"]
)
def test_no_page_obeys_a_strangers_text(stranger, name):
    page = open_page(name, **({"study": "strange"} if name == "ablations" else {"run": "stranger"}))
    texts = list(written(page))
    assert texts
    assert [text for text in texts if ORDERS.search(text.replace("`lab", ""))] == []
    for element in page.get("html"):
        body = element.proto.body
        assert re.search(r"<(script|img|a)\b", body) is None
    cells = [
        value
        for table in page.dataframe
        for value in table.value.to_numpy().ravel()
        if isinstance(value, str)
    ]
    assert [value for value in cells if value[:1] in ("=", "@", "\t", "\r")] == []
    charts = page.get("plotly_chart")
    for chart in charts:
        assert orders_in_figure(json.loads(chart.proto.spec or chart.proto.figure.spec)) == []
    # nothing has been measured for the page Vocabulary
    assert charts or name in ("live", "vocabulary")


def test_a_wrong_choice_of_run_is_shown_as_it_is(stranger):
    page = open_page("live", run="stranger")
    assert page.error
    assert "this \\[\\/b\\] breaks" in page.error[0].value


def test_what_is_typed_in_starts_nothing_and_is_repeated_as_it_is(runs):
    page = open_page("live")
    page.text_input(key="corpus").set_value("/no/**such**/<b>folder</b>").run()
    page.button[0].click().run(timeout=120)
    assert not page.exception
    assert "\\*\\*such\\*\\*" in page.error[0].value
