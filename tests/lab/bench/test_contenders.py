"""Peers of a benchmark take the step that ours takes, or their speed says nothing."""

import pytest
import torch

from lab.bench.case import Case
from lab.bench.contenders import ALL, GROUPED, MASKED, OURS, RANKING, contender, groups
from lab.bench.text import synthetic_text
from lab.bench.training import interleaved

VOCABULARY = 60


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "text"
    synthetic_text(folder, 2_000, VOCABULARY)
    return folder


def case(text, **changes):
    size = {"layers": 3, "hidden": 16, "heads": 2, "vocabulary": VOCABULARY, "queue": 32, "examples": 6}
    return Case(shape="tiny", **size, text=text, **changes)


def first_gradients(case, name):
    training, gradients = case.training(case.settings()), {}
    training.optimizer.register_step_pre_hook(
        lambda *_: gradients.update(
            {n: p.grad.clone() for n, p in training.model.trained() if p.grad is not None}
        )
    )
    contender(name, training)(1)
    return gradients


@pytest.mark.parametrize(
    ("part", "peer"), [("joint", ALL), ("joint", MASKED), ("joint", GROUPED), ("contrast", RANKING)]
)
def test_a_peer_computes_the_gradients_that_ours_computes(text, part, peer):
    if peer == RANKING:
        pytest.importorskip("sentence_transformers")
    part_case = case(text, part=part)
    ours, theirs = first_gradients(part_case, OURS), first_gradients(part_case, peer)
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        # float32 sums in another order
        torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("count", [1, 7, 40])
def test_groups_hold_every_row_once_and_no_row_is_shorter_than_one_of_an_earlier_group(count):
    lengths = torch.randint(3, 30, (count,), generator=torch.Generator().manual_seed(count))
    grouped = groups(lengths)
    assert sorted(torch.cat(grouped).tolist()) == list(range(count))
    assert lengths[torch.cat(grouped)].tolist() == sorted(lengths.tolist())


def test_all_contenders_read_the_same_text_in_each_round(text):
    reports = []
    names = (OURS, ALL, MASKED, GROUPED)
    taken = interleaved(case(text), names, 2, lambda *said: reports.append(said[1:]))
    assert [len(taken[name]) for name in names] == [2, 2, 2, 2]
    for steps in zip(*taken.values(), strict=True):
        assert len({(step.tokens, step.flops) for step in steps}) == 1
    assert steps[0].tokens != taken[OURS][0].tokens
    assert reports == [(done, 12) for done in range(1, 13)]
