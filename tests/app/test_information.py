"""The Information page of a store that is full, not measured, without truth, broken or empty."""

import os
import subprocess
import sys

import pytest

from lab import store
from lab.figures.ledger import TRUTH
from tests.app.runs import live, write_run
from tests.app.test_pages import VIEWS, open_page, words
from tests.lab.figures.test_ledger import new_rows, row, rows

WORDS = "at least {low:.2f} nats (95 % confidence); bound {nats:.2f}; cannot show more than {ceiling:.2f}; "

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def measured(name: str, truth: bool = True) -> store.Run:
    """A run with a ledger."""
    run = write_run(name)
    known = {
        "kind": "lower bound",
        "share_of_attainable": 0.41 if truth else None,
        "pairs": ["ar-en", "en-ar"],
        "n": 100,
    }
    truth_words = "the truth is 13.88" if truth else "the truth is not known"
    ledger_rows = [
        {**each, **known, "words": WORDS.format(**each) + truth_words}
        for each in [*rows(truth), row("tlm - mmlm", 0.2, 0.3, 0.3 if truth else None)]
    ]  # fmt: skip
    run.write_document("information", {"run": name, "step": 40, "rows": ledger_rows})
    return run


def test_the_ledger_says_of_every_task_at_least_ceiling_truth_and_share(runs):
    measured("first")
    page = open_page("information")
    text = words(page)
    assert not page.error
    assert all(f"**{name}**" in text for name in ("MMLM", "TLM", "XLCO", "What the translation adds"))
    assert (
        "bound 7.82; cannot show more than 8.32; the truth is 13.88. It reaches 41.0 % of what is attainable."
        in text
    )
    assert "Compute the ledger again" in [button.label for button in page.button]


def test_a_ledger_of_an_older_version_opens_and_says_what_it_lacks(runs):
    measured("first")
    page = open_page("information")
    assert not page.exception
    assert "An older version computed this ledger" in words(page)
    assert not page.toggle


def test_a_ledger_is_shown_in_the_units_of_its_tasks_and_per_sentence(runs):
    run = write_run("first")
    rows = [{**each, "kind": "lower bound", "pairs": ["ar-en"], "n": 9, "nats_per_sentence": 2 * each["nats"],
             "share_of_attainable": 0.9, "share_beyond_language": 0.8} for each in new_rows()]  # fmt: skip
    run.write_document("information", {"run": "first", "step": 40, "rows": rows})
    page = open_page("information")
    assert "90.0 % of what is attainable, beyond the language 80.0 %. With 2.00 masked tokens" in words(page)
    assert "An older version" not in words(page)
    page.toggle[0].set_value(True).run()
    assert not page.exception
    (chart,) = (each for each in page.get("plotly_chart") if "-ledger" in each.proto.id)
    assert 'nats per sentence"' in chart.proto.spec


def test_no_truth_of_other_text_is_drawn_over_the_curves_of_training(runs):
    measured("first")
    page = open_page("information")
    (chart,) = (each for each in page.get("plotly_chart") if "-growing" in each.proto.id)
    assert "truth" not in chart.proto.spec
    assert TRUTH not in chart.proto.spec


def test_a_run_without_a_ledger_offers_to_compute_it(full):
    page = open_page("information", run="first")
    assert "lab information first" in words(page)
    assert [button.label for button in page.button] == ["Compute the ledger"]


def test_the_button_computes_in_a_process_of_its_own_and_shows_why_it_failed(full):
    page = open_page("information", run="first")
    page.button[0].click().run()
    assert "process of its own" in words(page)
    log = store.cache_folder() / "information-first.log"
    for _ in range(600):
        if log.is_file() and "no checkpoint yet" in log.read_text():
            break
        page.run()
    else:
        pytest.fail("the ledger of a run without checkpoint ended without a word")


def test_a_run_under_way_shows_its_bounds_and_no_button(full):
    live("first")
    page = open_page("information", run="first")
    assert "While it trains" in words(page)
    assert not page.button


def test_text_without_truth_says_so_and_keeps_its_bounds(runs):
    measured("real", truth=False)
    text = words(open_page("information"))
    assert "nobody knows its truth" in text
    assert "bound 7.82" in text
    assert "It reaches 94.0 % of its ceiling." in text


def test_estimates_on_sentence_vectors_show_when_they_are_there(full):
    run = store.open_run("first")
    estimate = {"layer": 2, "source": "ar", "target": "en", "method": "auto", "kind": "estimate", "nats": 3.0,
                "low": 2.9, "high": 3.1, "words": "3.00 nats"}  # fmt: skip
    run.write_document("estimates", {"run": "first", "step": 40, "rows": [estimate]})
    page = open_page("information", run="first")
    assert page.dataframe[0].value["information"].tolist() == ["3.00 nats [2.90, 3.10]"]


def test_an_empty_store_says_where_to_start(runs):
    assert "toy run" in open_page("information").info[0].value


def test_a_damaged_ledger_gets_one_line_and_other_runs_stay_selectable(broken):
    (store.open_run("damaged").folder / "information.json").write_text('{"rows": [')
    page = open_page("information", run="damaged")
    assert "measure again" in page.error[0].value
    page.selectbox(key="run-widget").set_value("good").run()
    assert not page.exception
    assert not page.error


def test_the_page_imports_no_torch(runs):
    measured("first")
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({str(VIEWS.parent / 'main.py')!r}, default_timeout=60).run()\n"
        f"page.switch_page({str(VIEWS / 'information.py')!r}).run()\n"
        "assert not page.exception, page.exception\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
