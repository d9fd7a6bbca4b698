"""XLCO in the ledger of a tiny run, against slow transcriptions."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.information import bounds
from core.objectives import build_model
from core.objectives.xlco import XLCO
from core.text.batches import unmasked
from lab.evaluate.ledger.translations import EncodedPair, Pools, chosen_pairs, contrast_vectors, unseen
from lab.evaluate.ledger.xlco import (
    contrast_losses,
    cosine_ceiling,
    num_candidates,
    tightest_scale,
    trained_temperature,
)
from lab.evaluate.temperature import infonce_loss
from lab.study.definitions import STUDIES
from lab.study.grid import plan
from lab.world import World
from tests.lab.evaluate.ledger.rows import EFFORT, rows_of
from tests.lab.runs import tiny

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")


def test_xlco_is_measured_at_every_number_of_candidates_as_trained_and_fitted(document):
    rows = rows_of(document, "xlco")
    assert [row["candidates"] for row in rows] == [4, 4, 16, 16, 64, 64]
    assert {row["method"] for row in rows} == {"infonce", "infonce, temperature fitted"}
    assert [row["ceiling"] for row in rows[::2]] == [math.log(count) for count in EFFORT.candidates]
    assert all(row["truth"] == pytest.approx(World.load(("ar", "en")).information_nats) for row in rows)
    assert rows[0]["pairs"] == ["ar-en", "en-ar", "en-zh", "zh-en"]


def test_what_is_attainable_is_the_ideal_critics_and_the_ideal_readers(document, loaded):
    for row in rows_of(document, "xlco"):
        (ideal,) = loaded.world.attainable_between("ar", "en", [row["candidates"]])
        assert (row["attainable"], row["attainable_error"]) == ideal
        assert row["attainable"] <= min(row["truth"], row["ceiling"]) + 1e-6
    for row in rows_of(document, "mmlm") + rows_of(document, "tlm"):
        assert (row["attainable"], row["attainable_error"]) == (row["truth"], row["truth_error"])


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_opposite_cosines_reach_the_most_that_a_temperature_lets_them_show(temperature):
    ends = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    losses = contrast_losses(EncodedPair("a", "b", 1.0, ends, ends, 0, np.arange(2)), 1.0, 2, temperature)
    assert math.log(2) - losses.loss.mean() == pytest.approx(cosine_ceiling(2, temperature), abs=1e-6)


@pytest.mark.parametrize("count", [3, 8, 40])
def test_contrast_losses_agree_with_infonce_of_explicit_score_matrices(count):
    generator = torch.Generator().manual_seed(count)
    queries, keys = (torch.randn(n, 5, generator=generator) for n in (30, 60))
    pair, fitted, most_queries = EncodedPair("a", "b", 1.0, queries, keys, 10, np.arange(60)), 10, 9
    losses = contrast_losses(pair, 1.0, count, 0.7, most_queries)
    slow = []
    for i in range(max(1, most_queries // count) * min(count, most_queries)):
        begin = fitted + i // count * count if count <= most_queries else fitted
        scores = torch.stack([queries[fitted + i] @ keys[begin + j] / 0.7 for j in range(count)]).double()
        slow.append(float(bounds.infonce(scores[None], positive=torch.tensor([fitted + i - begin]))))
    assert math.log(count) - losses.loss.ravel() == pytest.approx(slow, abs=1e-5)
    assert losses.meanings.tolist() == list(range(fitted, fitted + max(1, most_queries // count) * count))


def test_xlco_reads_meanings_that_the_run_never_saw_told_alike_in_both_languages(loaded):
    texts = unseen(loaded, {"ar": 50, "en": 80}, 0)
    world = loaded.world
    by_text = {text: meaning for meaning, _, text in World.load(("en",)).rows(np.arange(world.num_meanings))}
    meanings = [by_text[text] for text in texts["en"][1]]
    assert not set(meanings) & set(loaded.meanings)
    assert texts["ar"][1] == [world.sentence(meaning, "ar") for meaning in meanings[:50]]


@pytest.mark.parametrize("changed", [{"keys": "momentum", "queue": 64}, {"enabled": False}])
def test_vectors_are_those_that_the_run_contrasts(loaded, changed):
    torch.manual_seed(0)
    model = build_model(loaded.model.language_model, tiny(contrast=changed)).eval()
    contrast = XLCO.of(model) if changed.get("enabled", True) else None
    if contrast is not None:
        for parameter in contrast.key_encoder.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    changed_run = replace(loaded, model=model)
    texts = loaded.run.held_out()["text"].tolist()[:7]
    with torch.no_grad():
        for key in (False, True):
            vectors = contrast_vectors(changed_run, texts, key, "")
            for text, vector in zip(texts, vectors, strict=True):
                alone = unmasked(loaded.tokenizer.encode([text]), 64)
                if contrast is None:
                    (slow,) = model.vectors(alone, [1], "mean")
                    slow = torch.nn.functional.normalize(slow, dim=-1)
                else:
                    slow = (contrast.keys if key else contrast.queries)(model, alone)
                assert vector.numpy() == pytest.approx(slow[0].numpy(), abs=1e-5)


def test_a_fitted_temperature_is_no_worse_than_the_trained_one_where_it_was_fitted(loaded, runs):
    pair_shares = chosen_pairs(loaded.pairs, 1)
    directions = Pools(loaded, pair_shares, (16,), 0).directions
    scale = tightest_scale(directions, 16, trained_temperature(loaded))
    trained = 1 / trained_temperature(loaded)
    stands_for = math.log(15 / (directions[0].fitted - 1))

    def loss(factor: float) -> float:
        parts = [direction.queries[:128] @ direction.keys[: direction.fitted].T for direction in directions]
        return float(np.mean([float(infonce_loss(part * factor, stands_for)) for part in parts]))

    assert loss(scale) <= loss(trained) + 1e-6


def test_candidates_count_the_batch_the_queue_and_the_pair_itself():
    base = plan(STUDIES["candidates"], "toy", 1, None, None).cells[-1].settings
    assert num_candidates(base) == base.examples_of("contrast")
    memory = plan(STUDIES["queue"], "toy", 1, None, None).cells[0].settings
    assert num_candidates(memory) == 1 + memory.contrast.queue
