"""Model FLOPs against those that torch counts in plain transformers."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

from core.config import ModelSettings, Settings
from core.task_settings import ContrastSettings
from core.text.batches import MaskedBatch, PairBatch, Sequences
from lab.bench.flops import model_flops

LAYERS, HIDDEN, WIDE, VOCABULARY, LENGTH, ROWS = 3, 16, 24, 50, 7, 4


def settings(**contrast):
    model = ModelSettings(layers=LAYERS, hidden=HIDDEN, heads=2, feedforward=WIDE)
    return Settings(model=model, contrast=ContrastSettings(**{"layer": 2, "queue": 9, **contrast}))


def rows():
    return Sequences(torch.randint(4, VOCABULARY, (ROWS * LENGTH,)), torch.full((ROWS,), LENGTH))


def masked(positions):
    part = MaskedBatch(rows(), positions, positions)
    return model_flops([part], settings(), VOCABULARY)


def counted(**changes):
    """FLOPs that torch counts in the forward pass of plain transformers, on as many rows of equal length."""
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, num_attention_heads=2, intermediate_size=WIDE, **changes
    )
    config._attn_implementation = "eager"
    model = XLMRobertaForMaskedLM(config)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(rows().ids.view(ROWS, LENGTH))
    return counter.get_total_flops()


def test_where_every_token_is_masked_the_step_costs_three_forward_passes_of_transformers():
    assert masked(torch.arange(ROWS * LENGTH)) == 3 * counted(num_hidden_layers=LAYERS)


def test_a_token_that_is_not_masked_costs_neither_head_nor_last_layer_but_for_its_key_and_value():
    some = torch.tensor([0, 5, 20])
    layer = 4 * HIDDEN**2 + 4 * HIDDEN * WIDE + 4 * HIDDEN * LENGTH
    head = 2 * HIDDEN**2 + 2 * HIDDEN * VOCABULARY
    saved = (ROWS * LENGTH - len(some)) * (layer + head)
    assert masked(some) == 3 * (counted(num_hidden_layers=LAYERS) - saved)


@pytest.mark.parametrize("keys", ["momentum", "query"])
def test_of_contrast_over_all_tokens_the_layers_below_it_count_and_the_scores(keys):
    contrast_settings = settings(pooling="mean", head=False, in_batch=True, keys=keys)
    batch = [PairBatch(rows(), rows(), torch.arange(ROWS))]
    head = ROWS * LENGTH * (2 * HIDDEN**2 + 2 * HIDDEN * VOCABULARY)
    encoder = counted(num_hidden_layers=2) - head
    near, queued = 2 * ROWS * ROWS * HIDDEN, 2 * ROWS * 9 * HIDDEN
    # without a gradient of the keys: scores and their way back to the queries
    passes, ways = (6, 3) if keys == "query" else (4, 2)
    assert model_flops(batch, contrast_settings, VOCABULARY) == passes * encoder + ways * near + 2 * queued
