"""The ideal critic's InfoNCE agrees with listing all candidates, and with simulations by the exact ratio."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from core.information import bounds
from lab.world import World, critic
from tests.lab.world.test_information import TINY, _joint, dials


def listed(joint: np.ndarray) -> float:
    """Expected InfoNCE of the exact ratio with two candidates, by adding up all of them; equal ratios are one."""
    marginal, total = joint.sum(0), 0.0
    for row in joint:
        ratio, at = np.unique(row / (row.sum() * marginal), return_inverse=True)
        pair, marginals = np.bincount(at, row), np.bincount(at, marginal)
        possible = pair > 0
        shown = np.log(2 * ratio[possible, None] / (ratio[possible, None] + ratio))
        total += (pair[possible, None] * marginals * shown).sum()
    return total


@settings(deadline=None, max_examples=12)
@given(**dials)
def test_with_two_candidates_it_is_what_adding_up_all_of_them_gives(**dials):
    world = World.load(("en", "ru"), size="small", relations=TINY, **dials)
    for pair in (("en", "ru"), ("ru", "en")):
        (bound,) = world.attainable_between(*pair, [2])
        assert bound.nats == pytest.approx(listed(_joint(world, *pair)), abs=1e-6)
        assert bound.error == 0


def simulated(world: World, candidates: int, repeats: int, seed: int) -> tuple[float, float]:
    """InfoNCE of the exact ratio on drawn pairs and drawn candidates, and its standard error."""
    noise, rng = world.settings["noise"], np.random.default_rng(seed)
    fact = _joint(World.load(**world.settings | {"facts": 1, "noise": 0.0}), "en", "ru")
    wrong = rng.random(repeats) < noise
    ratio = np.ones((repeats, candidates))
    for _ in range(world.num_facts):
        x, y = np.divmod(rng.choice(fact.size, repeats, p=fact.ravel()), fact.shape[1])
        every = rng.choice(fact.shape[1], (repeats, candidates), p=fact.sum(0))
        every[~wrong, 0] = y[~wrong]
        ratio *= fact[x[:, None], every] / (fact.sum(1)[x][:, None] * fact.sum(0)[every])
    scores = torch.from_numpy(np.log(np.maximum((1 - noise) * ratio + noise, 1e-300)))
    terms = bounds.infonce(scores, positive=torch.zeros(repeats, dtype=torch.long)).terms.numpy()
    return float(terms.mean()), float(terms.std()) / math.sqrt(repeats)


@pytest.mark.parametrize("candidates", [4, 200])
@pytest.mark.parametrize(
    "dials",
    [{}, {"noise": 0.2}, {"noise": 0.8}, {"distribution": "zipf", "ambiguity": 0.5, "noise": 0.1}],
    ids=["plain", "noise 0.2", "noise 0.8", "all dials"],
)
@pytest.mark.parametrize("facts", [1, 2])
def test_it_is_what_a_simulation_with_the_exact_ratio_gives_within_its_error(dials, candidates, facts):
    relations = TINY if facts == 1 else ("sleep",)
    world = World.load(("en", "ru"), size="small", relations=relations, facts=facts, **dials)
    mean, error = simulated(world, candidates, 8_000, seed=candidates)
    (bound,) = world.attainable_between("en", "ru", [candidates])
    # up to five queries with an accident that none of those drawn had
    rare = 5 * math.log(candidates) / 8_000
    assert abs(bound.nats - mean) <= 4 * math.hypot(error, bound.error) + rare


@pytest.mark.parametrize(
    ("noise", "candidates", "nats"),
    [(0.0, 131_072, 11.70), (0.0, 1_071_648, 13.31), (0.2, 1_024, 5.56), (0.2, 131_072, 9.30),
     (0.4, 1_024, 4.16), (0.8, 64, 0.83), (0.8, 1_024, 1.38)],
)  # fmt: skip
def test_in_the_full_world_it_is_what_20_000_simulated_queries_found(noise, candidates, nats):
    world = World.load(("en", "fr"), noise=noise)
    (bound,) = world.attainable_between("en", "fr", [candidates])
    # a share `noise` of the queries shows nothing, the others log N: that is the spread of a query
    spread = math.sqrt(noise * (1 - noise)) * math.log(candidates)
    assert abs(bound.nats - nats) <= 3 * spread / math.sqrt(20_000) + 0.005


@settings(deadline=None, max_examples=20)
@given(**dials)
def test_more_candidates_show_more_and_never_more_than_there_is_or_than_their_log(**dials):
    world = World.load(("en", "zh"), size="small", relations=TINY, **dials)
    counts = (2, 8, 100, 10_000)
    values = [each.nats for each in world.attainable_between("en", "zh", counts)]
    assert all(less <= more + 1e-6 for less, more in pairwise(values))
    most = world.information_between("en", "zh")
    assert all(nats <= min(most, math.log(count)) + 1e-6 for nats, count in zip(values, counts, strict=True))


@pytest.mark.parametrize("facts", [1, 2])
def test_where_there_are_too_many_kinds_to_list_a_draw_agrees_within_its_error(facts, monkeypatch):
    world = World.load(("en", "ru"), size="small", relations=TINY, facts=facts, distribution="zipf",
                       ambiguity=0.7, noise=0.1)  # fmt: skip
    counts = (4, 64, 1_024)
    every = world.attainable_between("en", "ru", counts)
    monkeypatch.setattr(critic, "MOST_LISTED", 0)
    some = world.attainable_between("en", "ru", counts)
    for exact, drawn in zip(every, some, strict=True):
        assert exact.error == 0 < drawn.error < 0.1
        assert abs(exact.nats - drawn.nats) <= 4 * drawn.error
