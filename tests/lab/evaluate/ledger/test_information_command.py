"""`lab information`: mistakes, documents, and the printed table."""

import json
import re

import pytest
from rich.cells import cell_len

from lab import cli
from lab.cli import console

ESTIMATED = {
    "task",
    "layer",
    "source",
    "target",
    "method",
    "nats",
    "low",
    "high",
    "kind",
    "ceiling",
    "truth",
    "n",
    "words",
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a run or --task"),
        (["nowhere"], "'nowhere'"),
        (["tiny", "--candidates", "1"], "numbers of candidates from 2"),
        (["tiny", "--pairs", "0"], "--pairs from 1"),
        (["--task", "no-such"], "no-such"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_exit_code_2(loaded, runs, capsys, words, message):
    assert cli.run(["information", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_command_prints_one_document(loaded, runs, capsys):
    options = ["--candidates", "4", "--sentences", "40", "--truth-sentences", "8", "--json"]
    assert cli.run(["information", "tiny", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["run"] == "tiny"
    assert any("cannot show more than 1.39 with 4 candidates" in row["words"] for row in document["rows"])


@pytest.mark.parametrize("width", [80, 46])
def test_the_printed_ledger_holds_every_number_whole(loaded, runs, capsys, monkeypatch, width):
    monkeypatch.setattr(console.out, "width", width)
    options = ["--candidates", "4", "64", "--sentences", "40", "--truth-sentences", "8"]
    assert cli.run(["information", "tiny", *options]) == 0
    text = capsys.readouterr().out
    assert max(map(cell_len, text.splitlines())) <= width
    table = text.partition("mmlm: ")[0]
    for row in loaded.run.document("information")["rows"]:
        for nats in ("nats", "low", "high", "ceiling", "attainable", "truth"):
            assert row[nats] is None or re.search(rf"(?<![\d.]){row[nats]:z.2f}(?!\d)", table), nats
        assert re.search(rf"(?<!\d){row['n']:,}(?!\d)", table)
    assert all(unit in table for unit in ("nats per masked token", "nats per sentence pair"))


def test_estimators_read_the_vectors_of_unseen_translations(loaded, runs, capsys):
    options = ["--method", "gaussian", "--pairs", "1", "--layers", "0", "1", "--meanings", "200", "--json"]
    assert cli.run(["information", "tiny", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["task"], row["layer"]) for row in document["rows"]] == [("vectors", 0), ("vectors", 1)]
    assert all(set(row) >= ESTIMATED for row in document["rows"])
    assert loaded.run.document("estimates")["rows"][0]["n"] == 200
