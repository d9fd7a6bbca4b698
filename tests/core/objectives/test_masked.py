"""MMLM and TLM."""

import copy
import math

import pytest
import torch
from transformers import XLMRobertaForMaskedLM

from core.model import heads
from core.objectives.masked import masked_outcome
from core.text.batches import MaskedBatch
from tests.core.small import model, sequences, settings


def masked_batch():
    rows = sequences([6, 9, 5], 3)
    positions = torch.tensor([1, 4, 8, 10, 17])
    targets = rows.ids[positions].clone()
    rows.ids[positions] = 39
    return MaskedBatch(rows, positions, targets)


def test_the_loss_equals_that_of_transformers_with_labels():
    infoxlm, batch = model(settings()), masked_batch()
    plain = copy.deepcopy(infoxlm.language_model.config)
    plain._attn_implementation = "eager"
    theirs = XLMRobertaForMaskedLM(plain)
    theirs.load_state_dict(infoxlm.language_model.state_dict())
    labels = torch.full_like(batch.sequences.ids, -100)
    labels[batch.positions] = batch.targets
    lengths = batch.sequences.lengths.tolist()
    ids, wanted = (
        torch.nn.utils.rnn.pad_sequence(list(flat.split(lengths)), batch_first=True, padding_value=fill)
        for flat, fill in ((batch.sequences.ids, 1), (labels, -100))
    )
    expected = theirs(ids, attention_mask=ids != 1, labels=wanted).loss
    assert masked_outcome(infoxlm, batch, 3.0).loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_bound_is_the_entropy_minus_the_loss_and_cannot_exceed_the_entropy():
    infoxlm, batch = model(settings()), masked_batch()
    outcome = masked_outcome(infoxlm, batch, 2.5)
    assert outcome.count == 5
    assert outcome.ceiling_nats == pytest.approx(2.5)
    assert outcome.bound_nats == pytest.approx(2.5 - outcome.loss.item())
    assert outcome.bound_nats < outcome.ceiling_nats


def test_chunked_logits_give_the_same_loss_and_gradients(monkeypatch):
    def run():
        infoxlm, batch = model(settings()), masked_batch()
        loss = masked_outcome(infoxlm, batch, 3.0).loss
        loss.backward()
        return loss.detach(), {name: p.grad for name, p in infoxlm.named_parameters() if p.grad is not None}

    whole, gradients = run()
    monkeypatch.setattr(heads, "CHUNK_LOGITS", 80)
    chunked, again = run()
    torch.testing.assert_close(whole, chunked)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, again[name], atol=1e-6, rtol=1e-5)


def test_logits_exist_for_masked_positions_only():
    infoxlm, batch = model(settings()), masked_batch()
    shapes = []
    infoxlm.language_model.lm_head.layer_norm.register_forward_hook(
        lambda module, inputs, output: shapes.append(tuple(output.shape))
    )
    masked_outcome(infoxlm, batch, 3.0)
    assert shapes == [(5, 16)]


def test_an_untrained_model_knows_about_log_vocabulary_too_little():
    infoxlm, batch = model(settings()), masked_batch()
    # fresh XLM-R weights of standard deviation 0.02 give nearly uniform logits
    assert masked_outcome(infoxlm, batch, 3.0).loss.item() == pytest.approx(math.log(40), abs=0.2)
