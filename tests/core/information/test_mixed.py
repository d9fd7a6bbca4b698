"""Labels beside numbers: neighbours within labels, orders of codes, predictors of labels, functions without noise."""

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif

from core.information import estimate
from core.information.estimators.gaussian import normal_scores
from core.information.estimators.mixed import mixed_terms
from core.information.estimators.variables import Variable
from core.information.truth.labels import bands, digits
from core.information.truth.mixed import classes, function, gated, rounded
from tests import oracles


def side(labels: np.ndarray, *columns: np.ndarray) -> Variable:
    return Variable(labels.astype(np.int64), np.stack([*columns, labels * 0.0], axis=1)[:, : len(columns)])


@pytest.mark.parametrize("neighbours", [1, 3])
def test_neighbours_within_labels_agree_with_their_slow_transcription(neighbours: int) -> None:
    rng = np.random.default_rng(0)
    labels, partners = rng.integers(0, 3, (2, 60))
    # scores of ranks keep the order of distances on a grid of ranks, so the oracle reads the same numbers
    numbers, second_numbers = (rng.permutation(60) / 60.0 for _ in range(2))
    x, y = side(labels, numbers), side(partners)
    terms, known = mixed_terms(x, y, neighbours)
    scores = normal_scores(x.numbers)
    slow = oracles.mixed_information(
        [(int(a), list(p)) for a, p in zip(labels, scores, strict=True)],
        [(int(b), []) for b in partners],
        neighbours,
    )
    assert terms[known].mean() == pytest.approx(slow, rel=1e-10)
    x, y = side(labels, numbers), side(np.zeros(60), second_numbers)
    terms, known = mixed_terms(x, y, neighbours)
    both = (normal_scores(part.numbers) for part in (x, y))
    slow = oracles.mixed_information(
        *([(int(a), list(p)) for a, p in zip(part, values, strict=True)]
          for part, values in zip((labels, np.zeros(60)), both, strict=True)),
        neighbours,
    )  # fmt: skip
    assert terms[known].mean() == pytest.approx(slow, rel=1e-10)


def test_a_label_beside_a_number_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 400)
    y = 2 * label + rng.standard_normal(400)
    peer = mutual_info_classif(normal_scores(y[:, None]), label, n_neighbors=3, random_state=0)[0]
    terms, _ = mixed_terms(side(label), side(np.zeros(400), y))
    assert terms.mean() == pytest.approx(peer, abs=1e-5)


def test_a_label_reads_the_same_however_it_is_written() -> None:
    x, y = classes(4, 3.0).sample(2000, seed=106)
    whole = x[:, 0].astype(int)
    plain, hot, renamed = (estimate(values, y) for values in (x, np.eye(4)[whole], (whole * 7) % 4))
    assert plain.nats == hot.nats == renamed.nats
    assert plain.low < classes(4, 3.0).nats < plain.high
    assert any("one-hot" in note for note in hot.warnings)


def test_labels_and_numbers_on_both_sides_read_their_gate_and_their_numbers() -> None:
    known = gated(0.7, 0.8, together=True)
    reading = estimate(*known.sample(2000, seed=0))
    assert reading.low < known.nats < reading.high
    assert reading.high - reading.low < 0.3
    assert any("values that come back in 30%" in note for note in reading.warnings)


@pytest.mark.parametrize("known", [rounded(0.75, 0.05), bands(100, 0.05)], ids=lambda known: known.name)
def test_the_order_of_numbers_of_few_values_is_used_where_it_tells(known) -> None:
    x, y = known.sample(1000, seed=0)
    numbers = estimate(x, y)
    code = np.random.default_rng(0).permutation(1000)
    names = estimate(code[x.astype(int) % 1000], code[y.astype(int) % 1000])
    assert "order tells" in numbers.reason
    assert "order tells" not in names.reason
    assert numbers.low < known.nats < numbers.high
    assert names.low < known.nats < names.high
    assert numbers.high - numbers.low < 0.5 * (names.high - names.low)


@pytest.mark.parametrize(
    "of_x",
    [np.positive, np.square, lambda x: np.sin(3 * x), lambda x: np.hstack([x, np.cos(x)])],
    ids=["same", "square", "sine", "circle"],
)
def test_a_function_without_noise_is_at_least(of_x) -> None:
    reading = estimate(*function("any", of_x).sample(2000, seed=105))
    assert reading.kind == "lower bound"
    assert any("larger without limit" in note for note in reading.warnings)
    assert reading.nats > 3
    assert "function without noise" in reading.reason or "near what" in reading.reason


def test_a_function_of_two_numbers_without_noise_is_at_least() -> None:
    x = np.random.default_rng(0).standard_normal((2000, 2))
    reading = estimate(x, x[:, 0] * x[:, 1])
    assert reading.kind == "lower bound"
    assert "function without noise" in reading.reason


def test_a_little_noise_is_no_function() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(2000)
    reading = estimate(x, x**2 + 0.1 * rng.standard_normal(2000))
    assert reading.kind == "estimate"


def test_a_function_cut_to_its_ends_is_at_least() -> None:
    known = function("clip", lambda x: x.clip(-1, 1))
    assert estimate(*known.sample(1000, seed=0)).kind == "lower bound"


def test_labels_too_many_to_count_only_bound() -> None:
    known = digits(4)
    reading = estimate(*known.sample(400, seed=0))
    assert reading.kind == "lower bound"
    assert reading.low < known.nats
    assert reading.ceiling == pytest.approx(known.nats, abs=0.1)


@pytest.mark.parametrize("dims", [10, 40])
def test_a_label_beside_many_numbers_is_bounded_by_what_predictors_show(dims: int) -> None:
    known = classes(4, 4.0, dims)
    reading = estimate(*known.sample(600, seed=0))
    assert reading.kind == "lower bound"
    # equal covariances are the true model, whose means 480 samples tell well in 40 columns too
    assert 0.9 * known.nats < reading.nats
    assert reading.low < known.nats
