"""What a wrong translation costs a masked token."""

import numpy as np
import pytest
import torch

from core.model.encoder import hidden_states, pack
from core.text.batches import unmasked
from lab.evaluate.ledger.masked_text import language_distribution, masked_examples
from lab.evaluate.ledger.wrong_translation import wrong_translations

SENTENCES = 24


def losses_beside(loaded, whole, shown):
    """Cross-entropy of the hidden tokens of two joined sides, one position at a time."""
    true, visible = (np.concatenate([sides[0], sides[1][1:]]) for sides in (whole, shown))
    sequences = unmasked([visible], 64)
    with torch.no_grad():
        *_, state = hidden_states(
            loaded.model.encoder, sequences, pack(sequences.lengths, torch.device("cpu"))
        )
        logits = loaded.model.language_model.lm_head(state).double()
    hidden = np.flatnonzero(true != visible)
    return -sum(float(logits[at].log_softmax(0)[int(true[at])]) for at in hidden), len(hidden)


def test_the_cost_is_the_loss_beside_another_meaning_less_that_beside_the_same_one(loaded):
    pairs = masked_examples(loaded, language_distribution(loaded, "tlm"), SENTENCES, 3)
    cost, tokens = 0.0, 0
    for at, pair in enumerate(pairs):
        later = [*pairs[at + 1 :], *pairs[:at]]
        partners = [
            partner
            for partner in later
            if partner.languages == pair.languages and partner.meaning != pair.meaning
        ]
        if not partners:
            continue
        partner = partners[0]
        right, hidden = losses_beside(loaded, pair.whole, pair.shown)
        left, _ = losses_beside(loaded, [pair.whole[0], partner.shown[1]], [pair.shown[0], partner.shown[1]])
        second, _ = losses_beside(
            loaded, [partner.shown[0], pair.whole[1]], [partner.shown[0], pair.shown[1]]
        )
        cost, tokens = cost + left + second - right, tokens + hidden
    reading = wrong_translations(loaded, SENTENCES, 3)
    assert reading.counts.sum() == tokens > 0
    assert reading.mean == pytest.approx(cost / tokens, abs=1e-4)


def test_nothing_is_measured_where_no_translation_is_wrong(loaded):
    assert wrong_translations(loaded, 1, 3) is None
