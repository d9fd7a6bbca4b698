"""`lab bench --parts vocabulary`: both contenders take the same loss where all tokens are neighbours."""

import pytest
import torch

from lab.bench import vocabulary
from lab.bench.vocabulary import Loss, LossCase, vocabulary_bench

CASE = LossCase(vocabulary=300, hidden=8, masked=20, neighbours=4)


def gradients(case, contender):
    loss = Loss(case)
    loss.search()
    loss.step(contender)
    return loss.states.grad


def test_the_contenders_agree_when_every_token_is_a_neighbour():
    case = CASE.model_copy(update={"neighbours": 300})
    # sums of some hundred float32 products
    torch.testing.assert_close(gradients(case, "knn"), gradients(case, "full"), atol=1e-6, rtol=1e-5)


def test_a_search_finds_the_neighbours_of_the_targets():
    loss = Loss(CASE)
    assert loss.search() > 0
    token = int(loss.targets[0])
    expected = (loss.weight[token] @ loss.weight.T).topk(4).indices
    assert set(loss.neighbours.table[token].tolist()) == set(expected.tolist())
    assert 0 < loss.share < 1


def test_rows_hold_time_memory_share_and_search_of_each_vocabulary(monkeypatch):
    monkeypatch.setattr(vocabulary, "VOCABULARIES", (300,))
    rows = list(vocabulary_bench(1))
    assert [row["unit"] for row in rows] == [rows[0]["unit"], "MiB", "share", rows[0]["unit"]]
    assert rows[0]["unit"] in ("s", "CPU s")
    assert all(row["ratio"] == pytest.approx(row["theirs"] / row["ours"]) for row in rows[:1])
    assert rows[2]["ratio"] is None
