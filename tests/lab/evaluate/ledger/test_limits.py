"""Limits of the ledger's rows: how often they cover, from nothing known to the ceiling."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, gamma
from torch import Tensor

from lab.evaluate.ledger.leaving import FEWEST_GROUPS, Losses, left_out, mean_loss
from lab.evaluate.ledger.limits import loss_limits
from lab.evaluate.ledger.reading import Reading, difference_limits

GUESS = 6.5
"""H(token) of the masked tokens drawn here."""


def enough(trials: int) -> float:
    """As few covered would be seen once in ten thousand times if 95 % were covered."""
    return float(binom.ppf(1e-4, trials, 0.95)) / trials


@pytest.mark.parametrize(
    ("mean", "variance", "added"), [(2.0, 0.3, 0.1), (0.01, 1e-4, 0.02), (0.0, 0.0, 0.02)]
)
def test_the_limits_are_quantiles_of_the_gamma_distribution_before_and_after_a_loss_is_added(
    mean, variance, added
):
    low, high, most = loss_limits(mean, variance, added)
    raised, widened = mean + added, variance + added**2
    expected = [0.0 if mean == 0 else gamma(mean**2 / variance, scale=variance / mean).ppf(0.025),
                *gamma(raised**2 / widened, scale=widened / raised).ppf([0.975, 0.95])]  # fmt: skip
    assert (low, high, most) == pytest.approx(expected)


@given(st.floats(0, 50), st.floats(0, 1), st.floats(1e-6, 1))
def test_limits_lie_around_the_mean_and_above_0(mean, relative, added):
    # losses are not negative, so that the variance of their mean cannot exceed its square
    low, high, most = loss_limits(mean, relative * mean**2, added)
    assert 0 <= low <= mean * (1 + 1e-9) + 1e-12
    assert low <= most <= high
    assert mean < high


def draws(law: str, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the same tokens in two readings, MMLM's and TLM's, whose means are those of `MEANS`."""
    if law == "at the ceiling":
        wrong = rng.random(shape) < 0.01
        return np.where(wrong, 5.0, 0.01), np.where(wrong & (rng.random(shape) < 0.5), 5.0, 0.01)
    if law == "the translation decides":
        return rng.gamma(0.3, 3.0, shape), np.where(rng.random(shape) < 0.02, 4.0, 0.01)
    if law == "half way":
        alone = rng.gamma(0.5, 3.0, shape)
        return alone, alone * rng.beta(2, 1, shape)
    return rng.gamma(2.0, 3.25, shape), rng.gamma(2.0, 3.4, shape)


MEANS = {
    "at the ceiling": (0.0599, 0.03495),
    "the translation decides": (0.9, 0.0898),
    "half way": (1.5, 1.0),
    "nothing known": (6.5, 6.8),
}


@pytest.mark.parametrize("law", MEANS)
@pytest.mark.parametrize("sentences", [20, 100, 1_000])
def test_masked_bounds_and_their_difference_are_covered_up_to_the_ceiling_and_with_few_sentences(
    law, sentences
):
    rng, trials = np.random.default_rng([len(law), sentences]), 400
    mmlm_mean, tlm_mean = MEANS[law]
    covered = np.zeros(5)
    for _ in range(trials):
        counts = np.maximum(rng.integers(0, 5, sentences), np.arange(sentences) == 0)
        is_masked = np.arange(4) < counts[:, None]
        # in three of ten sentences all tokens are as hard as the first
        alike = rng.random((sentences, 1)) < 0.3
        sums = [
            (np.where(alike, losses[:, :1], losses) * is_masked).sum(1)
            for losses in draws(law, (sentences, 4), rng)
        ]
        mmlm, tlm = (Reading(np.arange(sentences), losses, counts) for losses in sums)
        of_mmlm, of_tlm = mmlm.limits(GUESS), tlm.limits(GUESS)
        low, high = difference_limits(mmlm, tlm, GUESS)
        covered += [
            of_mmlm.low <= mmlm_mean <= of_mmlm.high, of_tlm.low <= tlm_mean <= of_tlm.high,
            mmlm_mean <= of_mmlm.most, tlm_mean <= of_tlm.most, low <= mmlm_mean - tlm_mean <= high,
        ]  # fmt: skip
    assert (covered / trials >= enough(trials)).all()


def test_a_model_that_is_always_right_proves_no_more_than_its_sentences_can():
    perfect = Reading(np.arange(100), np.zeros(100), np.ones(100))
    limits = perfect.limits(GUESS)
    # one token in a hundred that only its frequency tells, times the 3.69 of an exponential's 97.5 %
    assert (float(limits.low), float(limits.high)) == (0.0, pytest.approx(GUESS / 100 * -math.log(0.025)))


def gaussian_pairs(
    nats: float, dims: int, shape: tuple[int, ...], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Queries and keys whose inner products are the exact log ratio of correlated Gaussians, up to what is the query's.

    The best critic there is: correlation r with nats = -dims / 2 log(1 - r^2).
    """
    squared = -math.expm1(-2 * nats / dims)
    x, noise = torch.randn(2, *shape, dims, generator=generator, dtype=torch.float64)
    y = math.sqrt(squared) * x + math.sqrt(1 - squared) * noise
    scale = 1 / (1 - squared)
    keys = torch.cat(
        [math.sqrt(squared) * scale * y, -0.5 * squared * scale * (y**2).sum(-1, keepdim=True)], -1
    )
    return torch.cat([x, torch.ones(*shape, 1, dtype=torch.float64)], -1), keys


def measured(queries: Tensor, keys: Tensor, share: float = 1.0, meanings: np.ndarray | None = None) -> Losses:
    """The contrast losses of groups, [groups, count, dims]; what leaving out changes only where it is read."""
    groups, count, _ = keys.shape
    scores = queries @ keys.transpose(1, 2)
    loss = (scores.logsumexp(2) - scores.diagonal(dim1=1, dim2=2)).numpy()
    change = np.zeros((groups, count))
    if groups < FEWEST_GROUPS or meanings is not None:
        change = np.stack([left_out(q, k) / groups for q, k in zip(queries, keys, strict=True)])
    used = np.arange(groups * count) if meanings is None else meanings
    return Losses(share, loss, used, np.ones(groups * count, dtype=bool), change.ravel())


COVERED = [*((32, 16, nats) for nats in (0.05, 1.0, 5.0, 9.0, 13.0)), (4, 64, 9.0),
           *((1, 256, nats) for nats in (0.05, 5.0, 9.0, 13.0))]  # fmt: skip


@pytest.mark.parametrize(("groups", "count", "nats"), COVERED)
def test_xlco_is_covered_from_nothing_to_the_ceiling_though_queries_share_candidates(groups, count, nats):
    trials = 200
    generator = torch.Generator().manual_seed(round(10 * nats) + count)
    mean_losses = [
        mean_loss([measured(*gaussian_pairs(nats, 10, (groups, count), generator))], math.log(count))
        for _ in range(trials)
    ]
    means = np.array([each.mean for each in mean_losses])
    low, high, most = loss_limits(
        means, [each.variance for each in mean_losses], [each.added for each in mean_losses]
    )
    # the mean over all trials stands for the truth; its own error widens each interval by 1 / sqrt(trials)
    truth, slack = means.mean(), 3 * means.std() / math.sqrt(trials)
    assert ((low <= truth + slack) & (truth - slack <= high)).mean() >= enough(trials)
    assert (truth - slack <= most).mean() >= enough(trials)


@pytest.mark.parametrize(("rows", "count"), [(5, 5), (3, 7), (1, 4)])
def test_leaving_a_meaning_out_is_measuring_without_its_row_and_column(rows, count):
    generator = torch.Generator().manual_seed(count)
    queries, keys = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (rows, count))
    scores = (queries @ keys.T).tolist()

    def mean(gone: int | None) -> float:
        losses = []
        for i in range(rows):
            if i == gone:
                continue
            others = [math.exp(scores[i][j] - scores[i][i]) for j in range(count) if j not in (i, gone)]
            losses.append(math.log1p((count - 1) * sum(others) / len(others)))
        return sum(losses) / max(1, len(losses))

    slow = [mean(gone) - mean(None) for gone in range(count)]
    assert left_out(queries, keys) == pytest.approx(slow)


def test_a_single_candidate_that_outweighs_all_others_is_left_out_exactly():
    queries = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    keys = torch.tensor([[0.0, 0.0], [60.0, 0.0], [1.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    without = math.log1p(3 * (math.exp(1) + math.exp(2)) / 2)
    assert left_out(queries, keys)[1] == pytest.approx(without - math.log1p(sum(map(math.exp, (60, 1, 2)))))


def test_directions_that_share_their_meanings_count_them_once():
    generator = torch.Generator().manual_seed(3)
    direction = measured(*gaussian_pairs(3.0, 10, (1, 64), generator))
    half = [
        Losses(0.5, direction.loss, direction.meanings, direction.is_query, direction.change)
        for _ in range(2)
    ]
    twice, once = (mean_loss(losses, math.log(64)) for losses in (half, [direction]))
    assert (twice.mean, twice.variance, twice.added) == pytest.approx((once.mean, once.variance, once.added))
    apart = Losses(0.5, direction.loss, direction.meanings + 64, direction.is_query, direction.change)
    assert mean_loss([half[0], apart], math.log(64)).variance == pytest.approx(once.variance / 2)


def test_many_groups_tell_the_variance_by_their_spread_unless_directions_group_other_meanings():
    generator = torch.Generator().manual_seed(4)
    queries, keys = gaussian_pairs(3.0, 10, (FEWEST_GROUPS, 8), generator)
    direction = measured(queries, keys, 0.5)
    means = direction.loss.mean(1)
    assert mean_loss([direction, direction], math.log(8)).variance == pytest.approx(
        means.var(ddof=1) / FEWEST_GROUPS
    )
    shifted = measured(queries, keys, 0.5, np.roll(direction.meanings, 3))
    combined = mean_loss([direction, shifted], math.log(8))
    assert combined.variance == pytest.approx(float((combined.change**2).sum()))
