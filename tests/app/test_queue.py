"""A class at one dashboard: who waits, whose run it is, and that nobody stops another's by accident."""

import pytest
from streamlit.testing.v1 import AppTest

from lab import store
from lab.store import Starter, turns
from tests.app.runs import write_run
from tests.app.test_pages import VIEWS, words
from tests.hostile import SENTENCES
from tests.lab.store.test_turns import jobs, until

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ADA, BOB = Starter(name="Ada", session="a"), Starter(name="Bob", session="b")


@pytest.fixture
def seen_by(monkeypatch):
    """Says who looks at the pages: a test has no browser that the door could have numbered."""
    return lambda starter: monkeypatch.setattr("app.visitor._session", lambda: starter.session)


def open_live(**query: str) -> AppTest:
    page = AppTest.from_file(str(VIEWS.parent / "main.py"), default_timeout=60).run()
    for key, value in query.items():
        page.query_params[key] = value
    page.switch_page(str(VIEWS / "live.py")).run()
    assert not page.exception, page.exception
    return page


def started_by(starter: Starter, name: str = "r", state: str = "running") -> store.Run:
    run = write_run(name)
    run.write_info(run.info.model_copy(update={"starter": starter}))
    run.claim()
    run.write_status(state, 20, 40)
    return run


def button(page: AppTest, label: str):
    return next(each for each in page.button if each.label == label)


def test_ones_own_run_is_stopped_at_once(runs, seen_by):
    run = started_by(ADA)
    seen_by(ADA)
    button(open_live(run="r"), "Stop").click().run()
    assert run.request == "stop"


@pytest.mark.parametrize(
    ("starter", "who"),
    [(ADA, "Ada"), (Starter(session="x"), "another browser"), (Starter(), "a command")],
    ids=["named", "nameless", "terminal"],
)
def test_anothers_run_is_stopped_only_after_the_page_has_said_whose_it_is(runs, seen_by, starter, who):
    run = started_by(starter)
    seen_by(BOB)
    page = open_live(run="r")
    assert "Stop" not in [each.label for each in page.button]
    assert f"started by {who}, not in this browser" in words(page)
    assert run.request is None
    button(page, "Stop it all the same").click().run()
    assert run.request == "stop"


def test_a_hostile_name_of_a_starter_is_shown_as_it_is(runs, seen_by):
    started_by(Starter(name=SENTENCES[9], session="x"))
    seen_by(BOB)
    page = open_live(run="r")
    assert SENTENCES[9] in words(page)
    assert not any("<b>bold" in each.value.replace("\\<", "") for each in page.markdown)


def test_the_queue_says_who_waits_and_lets_only_its_owner_leave(runs, seen_by):
    started_by(ADA, "a")
    with jobs("a", "b") as (_, second):
        until(lambda: second.state == "waits")
        seen_by(ADA)
        page = open_live(run="a")
        assert "**b** (you) waits for its turn: 1 before it, a trains" in words(page)
        seen_by(BOB)
        theirs = open_live(run="a")
        assert "**b** (Ada) waits" in words(theirs)
        assert "Leave the queue" not in [each.label for each in theirs.button]
        button(page, "Leave the queue")
        seen_by(ADA)
        button(page, "Leave the queue").click().run()
        second.join(60)
        assert isinstance(second.error, turns.Left)


def test_a_run_that_waits_is_no_page_yet_and_no_other_is_shown_in_its_place(runs, seen_by):
    started_by(ADA, "a")
    seen_by(ADA)
    with jobs("a", "b"):
        page = open_live(run="b")
        assert "**b** (you) waits for its turn" in words(page)
        assert "The map at step" not in words(page)
        assert page.query_params["run"] in ("b", ["b"])


def test_a_job_that_came_to_nothing_says_why_to_the_one_who_asked(runs, seen_by, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("lab: these **languages** are none\n")
    with pytest.raises(ZeroDivisionError), turns.turn("a", ADA, print, str(log)):
        raise ZeroDivisionError
    seen_by(BOB)
    assert not open_live().error
    seen_by(ADA)
    page = open_live()
    assert "a did not start. these \\*\\*languages\\*\\* are none" in page.error[0].value
    button(page, "Good to know").click().run()
    assert not page.error
