"""Command line, notebook and dashboard show the same numbers, to 1e-6."""

import base64
import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest

from lab import cli
from lab.figures import ablations
from lab.figures.ledger import ledger, tightest
from lab.lessons import open_lesson, tour
from lab.study import open_study
from lab.study.baseline_table import baseline_table
from lab.study.metrics import without_costs
from tests.app.test_pages import open_page

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
STUDY = "weighting-smoke"


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield


@pytest.fixture(scope="module")
def run(store):
    """A run as a notebook trains it."""
    return open_lesson("smoke").trained("tour")


def printed(*words):
    """The document of a command."""
    output = io.StringIO()
    with redirect_stdout(output):
        assert cli.run([*words, "--json"]) == 0
    return json.loads(output.getvalue())


def on_page(view, key, **query):
    """The numbers of a chart of the dashboard, by axis."""
    charts = [chart for chart in open_page(view, **query).get("plotly_chart") if f"-{key}" in chart.proto.id]
    drawn = [numbers(chart.proto.spec) for chart in charts]
    return {axis: np.concatenate([each[axis] for each in drawn]) for axis in "xyz"}


def numbers(figure):
    """All numbers that the traces of a figure (as JSON) place, by axis."""
    traces = json.loads(figure)["data"]
    return {axis: np.concatenate([flat(trace.get(axis)) for trace in traces]) for axis in "xyz"}


def flat(values):
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).astype(float)
    cells = np.array(values, dtype=object).ravel()
    return np.array([cell for cell in cells if isinstance(cell, int | float)], dtype=float)


def assert_same(command, notebook, dashboard):
    """What a command prints stands in the figure of the notebook, which is that of the dashboard."""
    for axis in "xyz":
        np.testing.assert_allclose(dashboard[axis], notebook[axis], atol=1e-6, rtol=0)
    drawn = np.concatenate([notebook[axis] for axis in "xyz"])
    drawn = drawn[np.isfinite(drawn)]
    assert len(command) > 2
    for value in command:
        assert np.abs(drawn - value).min() <= 1e-6, value


def test_a_study(store):
    document = printed("study", "weighting", "--scale", "smoke", "--seeds", "1")
    folder = open_study(STUDY)
    shown = without_costs(key for key in folder.info.metrics if key in set(folder.table()["metric"]))
    command = [row["value"] for row in document["rows"] if row["metric"] in shown]
    rows = [shown[begin : begin + 3] for begin in range(0, len(shown), 3)]
    baselines = baseline_table(folder.baselines())
    drawn = [numbers(ablations.arms(folder.table(), row, baselines).to_json()) for row in rows]
    notebook = {axis: np.concatenate([each[axis] for each in drawn]) for axis in "xyz"}
    assert_same(command, notebook, on_page("ablations", "arms", study=STUDY))


def test_the_ledger_of_a_run(run):
    few = ("--candidates", "4", "16", "--sentences", "100", "--truth-sentences", "20", "--pairs", "1")
    document = printed("information", run.name, *few)
    notebook = numbers(ledger(open_lesson("smoke").ledger(run)).to_json())
    # after so few steps most bounds lie below zero, where nothing is drawn: XLCO's does not
    rows = [row for row in document["rows"] if row["task"] in ("mmlm", "tlm", "xlco")]
    drawn = [
        value for row in tightest(rows).values() for value in (row["nats"], row["ceiling"], row["truth"])
    ]
    command = [value for value in drawn if value > 0]
    assert tightest(rows)["xlco"]["nats"] in command
    assert_same(command, notebook, on_page("information", "ledger", run=run.name))


def test_retrieval_of_a_run(run):
    document = printed("evaluate", run.name)
    command = [row["accuracy"] for row in document["retrieval"]]
    assert_same(command, numbers(tour.matrix(run).to_json()), on_page("retrieval", "matrix", run=run.name))
