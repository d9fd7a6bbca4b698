"""Estimates as tidy rows: on pairs of languages, on known distributions, and what they sum up to."""

import json

import numpy as np
import pytest

from core.errors import InputError
from core.information import Estimate, estimate
from lab import cli
from lab.evaluate.estimates import (
    estimate_pairs,
    estimate_task,
    estimate_tasks,
    holds,
    paired,
    row_of,
    summary,
)

KEYS = {
    *("task", "layer", "source", "target", "method", "nats", "low", "high", "kind", "ceiling", "truth", "n"),
    *("seconds", "warnings", "reason", "words"),
}
PAIR = "1v1-normal-0.75"


def languages(meanings: int = 150) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Vectors of three languages: en and fr share what a meaning is, zh has nothing to do with either."""
    rng = np.random.default_rng(0)
    meaning = rng.standard_normal((meanings, 2))
    order = rng.permutation(meanings)
    return {
        "en": (np.arange(meanings), meaning + 0.5 * rng.standard_normal((meanings, 2))),
        "fr": (order, (meaning + 0.5 * rng.standard_normal((meanings, 2)))[order]),
        "zh": (np.arange(meanings), rng.standard_normal((meanings, 2))),
    }


def row(nats: float, truth: float = 1.0, half: float = 0.1, **changes) -> dict:
    known = {"task": "t", "truth": truth, "seed": 0} | changes.pop("known", {})
    result = Estimate(nats, nats - half, nats + half, **({"kind": "estimate", "ceiling": None} | changes),
                    method="auto", n=50, seconds=2.0)  # fmt: skip
    return row_of(result, **known)


def test_a_row_has_every_key_of_the_contract_and_is_json():
    record = row_of(estimate(*np.random.default_rng(0).standard_normal((2, 60, 1)), method="gaussian"))
    assert set(record) == KEYS
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_translations_are_paired_by_meaning_whatever_their_order():
    x, y = paired((np.array([5, 3, 9]), np.eye(3)), (np.array([9, 7, 3]), 2 * np.eye(3)))
    assert x.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert y.tolist() == [[0, 0, 2], [2, 0, 0]]


def test_a_meaning_told_twice_in_one_language_stands_in_one_row():
    x, y = paired((np.array([4, 4, 6]), np.arange(3.0)[:, None]), (np.array([6, 4]), np.ones((2, 1))))
    assert len(x) == len(y) == 2
    assert x[:, 0].tolist() == [0, 2]


def test_languages_that_share_their_meaning_inform_and_others_do_not():
    rows = estimate_pairs(languages(), layer=3, method="gaussian", truth=9.0)
    assert [(each["source"], each["target"]) for each in rows] == [("en", "fr"), ("en", "zh"), ("fr", "zh")]
    # two coordinates of correlation 0.8 carry 1.02 nats; the standard error at 150 is 0.1
    assert rows[0]["nats"] == pytest.approx(1.02, abs=0.3)
    assert max(abs(each["nats"]) for each in rows[1:]) < 0.1
    assert {(each["task"], each["layer"], each["truth"], each["n"]) for each in rows} == {
        ("vectors", 3, 9.0, 150)
    }


def test_chosen_pairs_are_asked_in_the_given_direction_and_progress_is_told():
    reports = []
    rows = estimate_pairs(
        languages(), 0, "gaussian", pairs=[("fr", "en")], progress=lambda phase, *at: reports.append(at)
    )
    assert [(each["source"], each["target"]) for each in rows] == [("fr", "en")]
    assert reports == [(1, 1)]


def test_too_few_shared_meanings_are_refused_with_both_languages_named():
    few = {tag: (meanings[:60], vectors[:60]) for tag, (meanings, vectors) in languages().items()}
    with pytest.raises(InputError, match="en and zh share 60 meanings"):
        estimate_pairs(few, 0, pairs=[("en", "zh")])


def test_the_same_task_and_seed_give_the_same_row_and_another_seed_another():
    given, repeated, reseeded = (estimate_task(PAIR, "gaussian", 200, seed) for seed in (1, 1, 2))
    assert given | {"seconds": 0} == repeated | {"seconds": 0}
    assert given["nats"] != reseeded["nats"]
    assert given["truth"] == pytest.approx(0.413, abs=1e-3)


def test_every_cell_gives_one_row_and_a_refusal_says_why():
    rows = estimate_tasks([PAIR, "channel-4-0.2"], ["gaussian", "discrete"], (100, 200), (0, 1))
    assert len(rows) == 2 * 2 * 2 * 2
    refused = [each for each in rows if each["nats"] is None]
    assert {(each["task"], each["method"]) for each in refused} == {(PAIR, "discrete")}
    assert all(each["words"].startswith("refused: counting needs") for each in refused)
    assert all(set(each) == KEYS | {"seed"} for each in rows)


def test_rows_are_kept_as_they_are_made_and_not_made_again(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = estimate_tasks([PAIR], ["gaussian"], (100,), (0, 1), file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == rows
    marked = lines[0] | {"nats": 77.0}
    file.write_text(json.dumps(marked) + "\n")
    again = estimate_tasks([PAIR], ["gaussian"], (100,), (0, 1), file)
    assert again[0] == marked
    assert again[1] | {"seconds": 0} == rows[1] | {"seconds": 0}
    assert len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("nats", "kind", "expected"),
    [(1.05, "estimate", True), (1.2, "estimate", False), (0.8, "estimate", False), (0.2, "lower bound", True),
     (1.2, "lower bound", False)],
)  # fmt: skip
def test_an_interval_holds_the_truth_or_as_a_lower_bound_does_not_begin_above_it(nats, kind, expected):
    assert holds(row(nats, kind=kind)) is expected


def test_a_summary_agrees_with_a_count_by_hand():
    refused = row(1.0, known={"task": "other"}) | {"nats": None}
    counted, refusal = summary([row(1.05), row(0.8), row(1.2, kind="lower bound"), refused])
    assert (counted["trials"], counted["coverage"], counted["bounds"]) == (
        3,
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    assert (counted["bias"], counted["error"]) == (pytest.approx(0.05 / 3), pytest.approx(0.45 / 3))
    assert (counted["worst"], counted["width"], counted["seconds"]) == (
        pytest.approx(0.2),
        pytest.approx(0.2),
        2.0,
    )
    assert counted["spread"] == pytest.approx(np.std([0.05, -0.2, 0.2], ddof=1))
    assert (refusal["task"], refusal["trials"], refusal["coverage"]) == ("other", 0, None)


def call(capsys, *words) -> tuple[int, str, str]:
    code = cli.run(["information", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_estimates_a_known_distribution_beside_its_truth(capsys):
    code, out, _ = call(capsys, "--task", PAIR, "--method", "gaussian", "--n", 200, "--json")
    document = json.loads(out)
    assert (code, document["run"], len(document["rows"])) == (0, None, 1)
    assert set(document["rows"][0]) >= KEYS
    assert document["rows"][0]["low"] < document["rows"][0]["truth"] < document["rows"][0]["high"]


def test_the_command_shows_words_for_one_estimate_and_a_refusal_among_them(capsys):
    code, out, _ = call(capsys, "--task", PAIR, "--n", 100, "--method", "ksg", "--method", "discrete")
    assert code == 0
    assert "95 % interval" in " ".join(out.split())
    assert "refused" in out


def test_groups_of_tasks_draw_figures(capsys, tmp_path):
    words = ("--task", "further", "--method", "gaussian", "--n", 60, 120, "--seeds", 20)
    code, out, _ = call(
        capsys, *words, "--out", tmp_path / "rows.jsonl", "--figures", tmp_path / "drawn", "--json"
    )
    document = json.loads(out)
    assert code == 0
    assert len(document["summary"]) == 2 * 9
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2 * 9 * 20
    drawn = {path.name for path in (tmp_path / "drawn").glob("*.html")}
    assert drawn == {"estimate-against-truth.html", "errors-by-size.html", "coverage.html"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task", "nope"), "twelve, further, unseen, embeddings, types, independent labels"),
        (("--task", PAIR, "--method", "nope"), "expected a method of all, auto"),
        (("--task", PAIR, "--seeds", 0), "--seeds and --n from 1, got 0 seeds"),
        (("--task", PAIR, "--n", 0), "--seeds and --n from 1"),
        (
            ("no-run", "--method", "auto", "--method", "ksg"),
            "expected one --method for a run, got auto and ksg",
        ),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(capsys, words, message):
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
