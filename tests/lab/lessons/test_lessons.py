"""Lessons: the check of exercises never raises; runs are trained once; figures suit dark pages."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.information import bounds
from lab.evaluate.best_critic import gaussian_scores, predicted_spread
from lab.evaluate.effort import Effort
from lab.evaluate.ledger.readings import READINGS
from lab.figures.theme import CLEAR, template
from lab.lessons import check, exercises, information, joint, mmlm, real_text, tlm, tour
from lab.lessons.mmlm import disguised
from lab.lessons.scale import Lesson, newest_run
from tests.lab.runs import tiny


def row(task: str, nats: float, truth: float, ceiling: float | None, candidates: int | None = None) -> dict:
    return {"task": task, "nats": nats, "low": nats - 0.1, "high": nats + 0.1, "at_least": nats - 0.08, "truth": truth,
            "ceiling": ceiling, "candidates": candidates, "share": nats / truth}  # fmt: skip


LEDGER = [
    row("mmlm", 5.9, 6.4, 6.6),
    row("tlm", 5.95, 6.5, 6.6),
    row("tlm - mmlm", 0.1, 0.16, None),
    row("xlco", 8.0, 13.0, math.log(4096), 4096),
]
TOKENS = pd.DataFrame({"token": ["a", "red", "lamp"], "uncertainty": [0.0, 1.9, 2.3]})
READINGS = pd.DataFrame(
    {"run": ["one"] * 3, "reading": list(READINGS), "nats": [1.0, 0.5, 3.0], "error": [0.1] * 3}
)
EXERCISES = [
    (information.highest_infonce(64), math.log(64), 6.0),
    (information.candidates_needed(5), math.exp(5), 32),
    (information.spread_of_nwj(6, 128), math.exp(6) / 128, (math.exp(6) / 128) ** 2),
    (information.lower_bounds(), {"infonce", "mlcpc", "nwj", "jensen_shannon"}, {"smile"}),
    (tour.candidates_for_the_truth(LEDGER), math.exp(13), 2**13),
    (tour.visible_share(LEDGER), math.log(4096) / 13, 8 / 13),
    (mmlm.bound_from_loss(LEDGER), 5.9, 6.6),
    (mmlm.least_loss(LEDGER), 0.2, 0.0),
    (mmlm.open_token(TOKENS), 3, 2),
    (tlm.added_in_truth(LEDGER), 0.16, 6.5),
    (tlm.share_reached(LEDGER), 0.1 / 0.16, 5.95 / 6.5),
    (tlm.cost_beside_wrong(READINGS, "one"), 2.5, 2.0),
    (joint.holm_correction([0.02, 0.01]), [0.02, 0.02], [0.04, 0.02]),
]


@pytest.mark.parametrize(("exercise", "answer", "mistake"), EXERCISES)
def test_an_exercise_knows_the_answer_and_a_common_mistake(exercise, answer, mistake):
    assert check(answer, exercise).passed
    assert check(mistake, exercise).startswith("wrong: ")
    assert check(..., exercise).startswith("not yet: ")


@pytest.mark.parametrize("exercise", [exercise for exercise, *_ in EXERCISES])
@pytest.mark.parametrize(
    "junk", ["", "many", [1, 2, 3], {}, {""}, float("nan"), float("inf"), object(), np.zeros(3), [[]], -1e300]
)
def test_a_check_never_raises(exercise, junk):
    verdict = check(junk, exercise)
    assert verdict.startswith("wrong: ")
    assert len(verdict) > 20


def test_a_mistake_is_named_only_where_its_own_number_came():
    # what is right within 2 % of a million would take 13 for 8,192 if it were measured in candidates
    needed, visible = tour.candidates_for_the_truth(LEDGER), tour.visible_share(LEDGER)
    assert "that is log N" in check(13, needed)
    assert "2 to that power" in check(8_200, needed)
    assert "solve log N" in check(100, needed)
    assert "not a percentage" in check(64, visible)


def test_a_number_of_a_token_may_be_numpys():
    assert check(TOKENS["uncertainty"].to_numpy().argmax() + 1, mmlm.open_token(TOKENS)).passed


def test_every_exercise_has_its_words_and_all_words_an_exercise():
    """The words that no exercise of a lesson asks for are dead; those of an exercise that has none raise there."""
    sources = "".join(path.read_text() for path in Path(exercises.__file__).parent.glob("*.py"))
    words = tomllib.loads(Path(exercises.__file__).with_name("exercises.toml").read_text())
    keys = [f"{lesson}.{name}" for lesson, table in words.items() for name in table]
    assert len(keys) > 25
    assert all(f'"{key}"' in sources for key in keys)


def test_a_number_may_come_as_any_kind_of_number():
    exercise = real_text.highest_ceiling([{"task": "xlco", "candidates": 2}])
    for value in ("0.6931", np.float32(0.6931), torch.tensor(0.6931)):
        assert check(value, exercise).passed
    assert repr(check(math.log(2), exercise)).startswith("right: log(2) = 0.693 nats")


@pytest.mark.parametrize("nats", [1.0, 4.0])
def test_the_best_critic_of_gaussians_is_unbiased(nats):
    scores = [gaussian_scores(nats, 64, seed=seed) for seed in range(300)]
    positives = np.array([float(each.diagonal().mean()) for each in scores])
    assert abs(positives.mean() - nats) < 4 * positives.std() / math.sqrt(300)


def test_the_predicted_spread_of_nwj_is_that_of_many_batches():
    # 3 nats and 64 pairs: far enough below log n for the tail to be in the sample
    values = [float(bounds.nwj(gaussian_scores(3.0, 64, seed=seed))) for seed in range(400)]
    assert np.std(values) == pytest.approx(predicted_spread(3.0, 64), rel=0.35)


def test_a_disguise_keeps_words_apart_and_shares_no_sign():
    text = "María compró diez camisas."
    hidden = disguised(text)
    assert [len(word) for word in hidden.split(" ")] == [len(word) for word in text.split(" ")]
    assert set(text) & set(hidden) == {" "}
    assert len(set(hidden)) == len(set(text))


def test_a_run_is_trained_once_and_found_again_by_its_settings(capsys):
    lesson = Lesson("smoke", tiny(), Effort((4, 16), 1, 50, 5))
    run = lesson.trained("once")
    assert lesson.trained("another-name").name == run.name
    reseeded = lesson.trained("once", seed=5)
    assert (run.name, reseeded.name) == ("once-smoke-1", "once-smoke-2")
    assert newest_run(tiny(seed=6)) is None
    assert "Reopened" in capsys.readouterr().out


def test_figures_have_no_background_of_their_own():
    assert template().layout.paper_bgcolor == template().layout.plot_bgcolor == CLEAR
