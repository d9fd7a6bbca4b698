"""The packed encoder against plain transformers on padded batches."""

import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from core.model.encoder import ATTENTION, hidden_states, pack, pool, states_at, truncated
from core.text.batches import Sequences


def encoder(layers=3, seed=0):
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=70, type_vocab_size=1,
    )  # fmt: skip
    config._attn_implementation = "eager"
    plain = XLMRobertaModel(config, add_pooling_layer=False).double()
    packed_config = XLMRobertaConfig.from_dict(config.to_dict())
    packed_config._attn_implementation = ATTENTION
    ours = XLMRobertaModel(packed_config, add_pooling_layer=False).double()
    ours.load_state_dict(plain.state_dict())
    return ours, plain


def sequences(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = [
        torch.cat([torch.tensor([0]), torch.randint(4, 50, (n - 2,), generator=generator), torch.tensor([2])])
        for n in lengths
    ]
    return Sequences(torch.cat(rows), torch.tensor(lengths)), rows


CASES = [[5], [5, 5, 5], [3, 60, 7, 4], [*range(3, 64)], [3] * 20 + [60] * 20 + [10] * 20]


@pytest.mark.parametrize("lengths", CASES)
def test_every_hidden_state_equals_that_of_padded_transformers(lengths):
    ours, plain = encoder()
    packed, rows = sequences(lengths)
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)
    with torch.no_grad():
        theirs = plain(padded, attention_mask=padded != 1, output_hidden_states=True).hidden_states
        states = list(hidden_states(ours, packed, pack(packed.lengths, torch.device("cpu"))))
    assert len(states) == len(theirs) == 4
    for ours_at, theirs_at in zip(states, theirs, strict=True):
        # float64: differences are rounding
        torch.testing.assert_close(ours_at, theirs_at[padded != 1], atol=1e-10, rtol=0)


@pytest.mark.parametrize("lengths", CASES)
def test_gradients_equal_those_of_padded_transformers(lengths):
    ours, plain = encoder()
    packed, rows = sequences(lengths)
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)
    weights = torch.randn(sum(lengths), 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    *_, last = hidden_states(ours, packed, pack(packed.lengths, torch.device("cpu")))
    (last * weights).sum().backward()
    (plain(padded, attention_mask=padded != 1).last_hidden_state[padded != 1] * weights).sum().backward()
    theirs = dict(plain.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad, atol=1e-9, rtol=1e-7)


def test_no_layer_above_the_wanted_one_is_run():
    ours, _ = encoder()
    called = []
    for index, layer in enumerate(ours.encoder.layer):
        layer.register_forward_hook(lambda *_, index=index: called.append(index))
    packed, _ = sequences([4, 9])
    assert len(list(hidden_states(ours, packed, pack(packed.lengths, torch.device("cpu")), 2))) == 3
    assert called == [0, 1]


@pytest.mark.parametrize("last", [0, 1, 2, None])
def test_states_of_some_tokens_equal_those_of_all_with_their_gradients(last):
    ours, _ = encoder()
    packed, _ = sequences([3, 60, 7, 4])
    packing = pack(packed.lengths, torch.device("cpu"))
    tokens = torch.tensor([0, 2, 5, 40, 73])
    weights = torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    results = []
    for some in (True, False):
        ours.zero_grad()
        if some:
            state = states_at(ours, packed, packing, tokens, last)
        else:
            *_, whole = hidden_states(ours, packed, packing, last)
            state = whole[tokens]
        (state * weights).sum().backward()
        gradients = {name: p.grad.clone() for name, p in ours.named_parameters() if p.grad is not None}
        results.append((state.detach(), gradients))
    (partial, my_gradients), (theirs, their_gradients) = results
    torch.testing.assert_close(partial, theirs, atol=1e-10, rtol=0)
    assert my_gradients.keys() == their_gradients.keys()
    for name, gradient in their_gradients.items():
        torch.testing.assert_close(my_gradients[name], gradient, atol=1e-10, rtol=0)


def test_the_feed_forward_of_the_last_layer_sees_only_the_tokens_that_are_wanted():
    ours, _ = encoder()
    seen = []
    for layer in ours.encoder.layer:
        layer.intermediate.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[1]))
    packed, _ = sequences([4, 9])
    states_at(ours, packed, pack(packed.lengths, torch.device("cpu")), torch.tensor([1, 6]))
    assert seen == [13, 13, 2]


def test_pooling_takes_the_first_state_or_the_mean_of_all():
    packed, _ = sequences([3, 5])
    packing = pack(packed.lengths, torch.device("cpu"))
    state = torch.arange(8.0)[:, None]
    assert pool(state, packing, "first")[:, 0].tolist() == [0.0, 3.0]
    assert pool(state, packing, "mean")[:, 0].tolist() == [1.0, 5.0]


def test_attention_never_crosses_sentences():
    ours, _ = encoder()
    packed, _ = sequences([6, 7, 6])
    changed = Sequences(packed.ids.clone(), packed.lengths)
    changed.ids[7] = 4 + (changed.ids[7] - 3) % 40
    with torch.no_grad():
        *_, before = hidden_states(ours, packed, pack(packed.lengths, torch.device("cpu")))
        *_, after = hidden_states(ours, changed, pack(packed.lengths, torch.device("cpu")))
    torch.testing.assert_close(before[:6], after[:6], atol=0, rtol=0)
    torch.testing.assert_close(before[13:], after[13:], atol=0, rtol=0)
    assert not torch.equal(before[6:13], after[6:13])


def test_a_truncated_copy_gives_the_same_states_without_gradients():
    ours, _ = encoder()
    copy = truncated(ours, 2).double()
    packed, _ = sequences([4, 8])
    packing = pack(packed.lengths, torch.device("cpu"))
    with torch.no_grad():
        *_, state = hidden_states(copy, packed, packing)
        *_, theirs = hidden_states(ours, packed, packing, 2)
    torch.testing.assert_close(state, theirs, atol=0, rtol=0)
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    assert len(copy.encoder.layer) == 2
