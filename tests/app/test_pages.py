"""Every page in every state of the store: full, empty, broken."""

import ast
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lab import store
from lab.evaluate.retrieval import RetrievalDirection, Wrong
from lab.evaluate.scores import scores as scores_of
from tests.app.runs import live, write_run

VIEWS = Path(__file__).parents[2] / "app" / "views"
TORCHLESS = ("overview", "live", "space", "retrieval")

pytestmark = pytest.mark.filterwarnings(
    # streamlit's own worker threads, when a test ends while one still closes its event loop
    "ignore::ResourceWarning",
)


def open_page(name: str, **query: str) -> AppTest:
    page = AppTest.from_file(str(VIEWS.parent / "main.py"), default_timeout=30)
    page.run()
    for key, value in query.items():
        page.query_params[key] = value
    page.switch_page(str(VIEWS / f"{name}.py")).run()
    assert not page.exception, page.exception
    return page


def words(page: AppTest) -> str:
    """What the page says to its reader, without the marks that keep Markdown from reading it."""
    parts = [
        *page.title,
        *page.subheader,
        *page.markdown,
        *page.caption,
        *page.info,
        *page.warning,
        *page.error,
    ]
    said = "\n".join([part.value for part in parts] + [f"{m.label} {m.value}" for m in page.metric])
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", said).replace("\u2060", "")


@pytest.mark.parametrize("name", TORCHLESS)
def test_a_page_of_a_full_store_shows_neither_error_nor_warning(full, name):
    page = open_page(name)
    assert not page.error
    assert not page.warning


def test_overview_tells_of_every_run_its_state_and_retrieval_with_interval(full):
    text = words(open_page("overview"))
    assert text.count("finished") == 2
    assert (
        text.count("80.0\u00a0%\u00a0[75.0,\u00a085.0]; guessing finds 0.5\u00a0% among 200 sentences") == 2
    )


def test_overview_calls_bounds_of_training_text_what_they_are(full):
    text = words(open_page("overview"))
    assert "first**: training bounds so far" in text or "second**: training bounds so far" in text
    assert all(f"{task} 1.3" in text for task in ("MMLM", "TLM", "XLCO"))
    assert "≥" not in text.partition("training bounds")[2]


def test_live_shows_progress_bounds_and_retrieval_of_the_run_in_the_url(full):
    page = open_page("live", run="first")
    text = words(page)
    assert page.selectbox(key="run-widget").value == "first"
    assert "XLCO: I(sentence; translation) 1.3" in text
    assert "cannot exceed 5.00 nats = log(candidates)" in text
    assert "50.0 % [40.4, 59.6]" in text


def test_live_says_where_there_is_no_retrieval_to_measure_and_shows_all_else(full):
    path = store.open_run("first").folder / "steps.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    without = [{key: value for key, value in record.items() if "retrieval" not in key} for record in records]
    path.write_text("".join(json.dumps(record) + "\n" for record in without))
    page = open_page("live", run="first")
    assert not page.exception
    text = words(page)
    assert "Not measured: no two languages share enough held-out meanings" in text
    assert "The map at step 40" in text
    assert "cannot exceed 5.00 nats" in text


def test_live_offers_to_resume_a_run_whose_process_is_gone(full, monkeypatch):
    # nobody holds its lock
    store.open_run("first").write_status("running", 20, 40)
    page = open_page("live", run="first")
    assert "its process is gone" in page.error[0].value
    assert "Resume" in [button.label for button in page.button]


@pytest.mark.parametrize(
    ("state", "buttons"),
    [("running", {"Pause", "Stop"}), ("paused", {"Continue", "Stop"}), ("finished", set())],
)
def test_live_offers_the_buttons_that_fit_the_state(full, state, buttons):
    if state == "finished":
        store.open_run("first").write_status(state, 40, 40)
    else:
        live("first", state)
    shown = {button.label for button in open_page("live", run="first").button}
    assert shown & {"Pause", "Continue", "Stop", "Resume"} == buttons


def test_the_buttons_of_live_ask_the_process_of_the_run(full):
    run = live("first")
    page = open_page("live", run="first")
    next(button for button in page.button if button.label == "Pause").click().run()
    assert run.request == "pause"


def test_a_dial_of_live_refuses_what_the_command_line_refuses(runs):
    page = open_page("live")
    page.text_input(key="corpus").set_value("/no/such/folder").run()
    page.button[0].click().run(timeout=120)
    assert not page.exception
    assert page.error
    assert "/no/such/folder" in words(page)
    assert store.list_runs() == []


def test_space_rings_the_sentence_of_the_url_and_lists_its_neighbours(full):
    meaning = store.open_run("first").sentences()["meaning"].iloc[0]
    page = open_page("space", run="first", sentence=f"ar-{meaning}")
    assert page.selectbox(key="sentence-widget").value == f"ar-{meaning}"
    assert any("✓" in caption.value for caption in page.caption)


@pytest.mark.parametrize("control", [("dimensions", 3), ("colour", "meaning")])
def test_space_redraws_for_each_control(full, control):
    page = open_page("space")
    page.button_group(key=control[0]).set_value([control[1]]).run()
    assert not page.exception
    assert not page.error


def test_space_keeps_its_sliders_when_the_run_has_other_checkpoints(full):
    write_run("longer", steps=60)
    page = open_page("space", run="longer")
    page.select_slider(key="step").set_value(60).run()
    page.selectbox(key="run-widget").set_value("first").run()
    assert not page.exception
    assert page.select_slider(key="step").value == 40


def test_retrieval_lists_the_surest_mistakes_first_and_escapes_their_text(full):
    page = open_page("retrieval", run="first")
    html = page.get("html")[-1].proto.body
    assert html.index("0.300") < html.index("0.100")
    assert "&lt;b&gt;found&lt;/b&gt;" in html
    assert "dir='auto'" in html


def test_retrieval_filters_mistakes_by_pair(full):
    html = open_page("retrieval", run="first", pair="ar → en").get("html")[-1].proto.body
    assert "0.100" in html
    assert "0.300" not in html


def test_retrieval_states_pool_and_chance_beside_the_mean_and_the_extremes(full):
    text = words(open_page("retrieval", run="first"))
    assert text.count("guessing finds 0.5\u00a0% among 200 sentences") == 3


def baselines_document(best: tuple[float, float], pools: tuple[int, int], left: tuple[str, ...] = ()) -> dict:
    """What `lab evaluate --task baselines` keeps in a run."""
    rows = [
        ("random", "random vectors", 0.004, 0.001, 0.02),
        ("lsa", "latent <b>semantics</b>", best[0], *best),
    ]
    return {
        "run": "first", "task": "baselines", "dimensions": 128, "training_meanings": 900, "sentences": 1000,
        "left": list(left),
        "rows": [
            {"baseline": name, "label": label, "source": "", "accuracy": value, "low": low, "high": high,
             "chance": 1 / 200, "pools": list(pools), "directions": 20, "seconds": 1.0}
            for name, label, value, low, high in rows
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("best", "pools", "said"),
    [
        ((0.9, 0.99), (200, 200), "The interval of the run lies below that of the best of these."),
        ((0.7, 0.78), (200, 200), "The interval of the run overlaps that of the best of these."),
        ((0.1, 0.2), (200, 200), "The interval of the run lies above that of the best of these."),
        ((0.1, 0.2), (50, 50), "its accuracy does not compare with these"),
    ],
)
def test_retrieval_says_where_the_run_lies_beside_what_needs_no_network(full, best, pools, said):
    store.open_run("first").write_document("baselines", baselines_document(best, pools))
    page = open_page("retrieval", run="first")
    text = words(page)
    assert said in text
    assert "learned from 900 training meanings" in text
    table = next(html.proto.body for html in page.get("html") if "random vectors" in html.proto.body)
    assert f"{100 * best[0]:.1f} % [{100 * best[0]:.1f}, {100 * best[1]:.1f}]" in table
    assert "&lt;b&gt;semantics" in table
    assert not [button for button in page.button if "no network" in button.label]


def test_retrieval_offers_to_measure_what_needs_no_network_until_nothing_is_left(full):
    def offered() -> bool:
        return any("no network" in button.label for button in open_page("retrieval", run="first").button)

    assert offered()
    store.open_run("first").write_document("baselines", baselines_document((0.9, 0.99), (200, 200), ("cca",)))
    assert offered()


def test_the_button_measures_in_a_process_of_its_own_whose_last_words_are_shown_where_it_fails(full):
    page = open_page("retrieval", run="first")
    button = next(button for button in page.button if "no network" in button.label)
    button.click().run()
    deadline = time.monotonic() + 120
    while not page.error and time.monotonic() < deadline:
        time.sleep(1)
        page.run()
    # a run that only pretends to have trained has no checkpoint, so no tokenizer
    assert "lab evaluate ended with code 2" in words(page)
    assert "has no checkpoint yet" in page.code[0].value


def test_a_damaged_document_of_baselines_leaves_the_rest_of_the_page(full):
    (store.open_run("first").folder / "baselines.json").write_text("{")
    page = open_page("retrieval", run="first")
    assert "baselines.json is damaged" in words(page)
    assert "mean top-1 accuracy" in words(page)


def test_retrieval_of_452_languages_shows_the_extremes_a_table_and_the_matrix_of_a_few(full):
    write_scores_of_many("first")
    page = open_page("retrieval", run="first")
    text = words(page)
    assert "over 2,000 directed pairs" in text
    assert "among 20 to 471 sentences" in text
    assert "The 15 lowest and the 15 highest of 452 languages" in text
    charts = {
        chart.proto.id.rpartition("-")[2]: json.loads(chart.proto.spec) for chart in page.get("plotly_chart")
    }
    assert len(charts["languages"]["layout"]["yaxis"]["ticktext"]) == 30
    every = next(frame.value for frame in page.dataframe if len(frame.value) == 452)
    assert (every["asking: low"] <= every["asking: accuracy"]).all()
    assert len(charts["matrix"]["data"][0]["x"]) <= 40
    assert len(page.multiselect(key="languages-widget").value) == 20


def test_the_languages_of_the_matrix_are_those_of_the_url(full):
    write_scores_of_many("first")
    page = open_page("retrieval", run="first", languages="aaa,aab,aac,nonsense")
    assert page.multiselect(key="languages-widget").value == ["aaa", "aab", "aac"]


def test_retrieval_of_a_run_whose_languages_share_too_little_says_what_to_do(full):
    run = store.open_run("first")
    run.write_scores("retrieval", scores_of([], layer=2))
    assert "share too few held-out meanings" in words(open_page("retrieval", run="first"))
    assert "not evaluated yet" in words(open_page("overview"))


def write_scores_of_many(name: str) -> None:
    """Scores of 2,000 directions among 452 languages with pools of 20 to 471 sentences."""
    rng = np.random.default_rng(0)
    tags = [f"{a}{b}{c}" for a in "abcd" for b in "abcdefghijkl" for c in "abcdefghij"][:452]
    pool = dict(zip(tags, range(20, 472), strict=True))
    directions = []
    for number in range(2_000):
        source, target = tags[number % 452], tags[(number % 452 + 1 + number // 452 * 97) % 452]
        n = min(pool[source], pool[target])
        queries = [f"q{i}" for i in range(n)]
        wrong = Wrong(0, queries, queries, *(np.zeros(0, int),) * 3, np.zeros(0))
        correct = (rng.random(n) < 0.5).astype(float)
        directions.append(
            RetrievalDirection(source, target, np.arange(n), correct, pool[target], 1 / pool[target], wrong)
        )
    store.open_run(name).write_scores("retrieval", scores_of(directions, layer=2))


def test_retrieval_compares_two_runs_with_an_interval_for_every_pair(full):
    text = words(open_page("retrieval", run="first", against="second"))
    # two intervals of half-width 5 points add in squares
    assert "first minus second, 95 % interval +0.0 points [-7.1, +7.1]" in text
    assert "0 of 20 pairs differ" in text


def test_a_run_that_is_not_evaluated_says_how(runs):
    write_run("bare", evaluated=False)
    assert "lab evaluate bare" in words(open_page("retrieval"))


@pytest.mark.parametrize("name", ["overview", "space", "retrieval", "vocabulary", "try_it"])
def test_a_page_of_an_empty_store_says_where_to_start(runs, name):
    page = open_page(name)
    assert len(page.info) == 1
    assert "toy run" in page.info[0].value


def test_live_on_an_empty_machine_offers_one_button(runs):
    page = open_page("live")
    assert [button.label for button in page.button] == ["Start the toy run"]


@pytest.mark.parametrize("name", [*TORCHLESS])
def test_a_page_of_a_broken_store_names_the_broken_runs_and_shows_the_good_one(broken, name):
    page = open_page(name, run="good")
    assert len(page.warning) == 1
    assert "half is half written or damaged" in page.warning[0].value
    assert "format 99" in page.warning[0].value
    assert not page.error


@pytest.mark.parametrize("name", ["live", "space", "retrieval", "try_it"])
def test_a_damaged_run_gets_one_line_and_the_others_stay_selectable(broken, name):
    page = open_page(name, run="damaged")
    assert page.error
    page.selectbox(key="run-widget").set_value("good").run()
    assert not page.exception
    if name != "try_it":
        assert not page.error


def test_try_it_without_a_checkpoint_says_so(full):
    page = open_page("try_it", run="first")
    assert "no checkpoint yet" in page.error[0].value


def test_the_dashboard_starts_without_torch(full):
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({str(VIEWS.parent / 'main.py')!r}, default_timeout=60).run()\n"
        f"for name in {TORCHLESS!r}:\n"
        f"    page.switch_page({str(VIEWS)!r} + '/' + name + '.py').run()\n"
        "    assert not page.exception, page.exception\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("path", sorted(VIEWS.glob("*.py")), ids=lambda path: path.stem)
def test_no_page_writes_a_bare_string_which_streamlit_would_show(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    bare = [
        node.lineno
        for node in body[1:]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    assert bare == []


def test_every_figure_is_shown_with_words_for_those_who_cannot_see_it():
    """`app.charts.chart` asks for them; a page that shows figures by itself would go round it."""
    pages = [path for path in VIEWS.parent.rglob("*.py") if path.name != "charts.py"]
    assert len(pages) > 20
    assert [path.name for path in pages if ".plotly_chart(" in path.read_text(encoding="utf-8")] == []
