"""Claims 1 to 9: vocabulary, encoder, key encoder, layer and head."""

import pytest
import torch

from core.model.encoder import hidden_states, pack
from core.model.heads import contrast_head
from core.model.memory import momentum_update
from core.model.pretrained import open_language_model
from core.objectives.xlco import XLCO
from core.processes import Shard
from core.text.pretrained import open_tokenizer
from core.train import train
from tests.core import small
from tests.core.claims.parts import filled, padded, plain_transformers, tall, weights
from tests.core.training import losses, settings, training


def test_01_special_tokens_have_the_ids_of_xlm_r(text):
    tokenizer = text[1]
    assert tokenizer.tokens([0, 1, 2, 3, tokenizer.size - 1]) == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    assert tokenizer.mask_id == tokenizer.size - 1


def test_01_the_released_tokenizer_cuts_text_as_published():
    tokenizer = open_tokenizer(weights("PARALLAX_XLMR_BASE"))
    assert tokenizer.encode(["Hello world!"])[0].tolist() == [0, 35378, 8999, 38, 2]
    assert (tokenizer.size, tokenizer.mask_id) == (250_002, 250_001)


@pytest.mark.parametrize("start", ["tiny", "PARALLAX_XLMR_BASE", "PARALLAX_INFOXLM_BASE"])
def test_02_hidden_states_and_logits_are_those_of_transformers(start):
    ours = tall(12).language_model if start == "tiny" else open_language_model(weights(start))
    theirs, batch = plain_transformers(ours), small.sequences([5, 30, 9], 1)
    ids = padded(batch)
    with torch.no_grad():
        expected = theirs(ids, attention_mask=ids != 1, output_hidden_states=True)
        states = list(hidden_states(ours.roberta, batch, pack(batch.lengths, torch.device("cpu"))))
        logits = ours.lm_head(states[-1])
    assert len(states) == len(expected.hidden_states) == 13
    for state, their_state in zip(states, expected.hidden_states, strict=True):
        torch.testing.assert_close(state, their_state[ids != 1], atol=1e-4, rtol=0)
    torch.testing.assert_close(logits, expected.logits[ids != 1], atol=1e-4, rtol=0)


def test_03_the_key_encoder_starts_as_the_query_encoder_bit_for_bit():
    infoxlm = tall(12, momentum_precision="float32")
    query_parameters = dict(infoxlm.encoder.named_parameters())
    copied = dict(XLCO.of(infoxlm).key_encoder.named_parameters())
    assert any("layer.7." in name for name in copied)
    for name, parameter in copied.items():
        assert torch.equal(parameter, query_parameters[name]), name
    assert torch.equal(XLCO.of(infoxlm).head.weight, XLCO.of(infoxlm).key_head.weight)


def test_03_the_head_starts_with_a_standard_deviation_of_0_02():
    head = contrast_head(768)
    # 590,000 weights: the standard error is 0.1 %
    assert head.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert abs(head.weight.mean().item()) < 1e-4


def test_04_no_gradient_reaches_the_key_encoder_and_no_optimizer_holds_it(text):
    trainer = training(text, settings(momentum=1.0))
    slow = {name: p for name, p in trainer.model.named_parameters() if ".key_" in name}
    before = {name: parameter.clone() for name, parameter in slow.items()}
    held = {id(parameter) for group in trainer.optimizer.param_groups for parameter in group["params"]}
    losses(trainer)
    assert slow
    for name, parameter in slow.items():
        assert parameter.grad is None
        assert id(parameter) not in held
        # momentum 1 freezes it: nothing else moves it
        assert torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("momentum", [0.9, 0.999, 0.9999])
def test_05_after_n_updates_momentum_has_gone_1_minus_m_to_the_n_of_the_way(momentum):
    slow, fast = torch.zeros(4), torch.ones(4)
    for _ in range(200):
        momentum_update([slow], [fast], momentum)
    torch.testing.assert_close(slow, torch.full((4,), 1 - momentum**200), atol=1e-5, rtol=0)


def test_05_the_key_encoder_moves_once_per_optimizer_step_and_after_it(text):
    trainer = training(text, settings(steps=2, momentum=0.75, batch={"accumulate": 4}))
    slow, fast = XLCO.of(trainer.model).key_head.weight, XLCO.of(trainer.model).head.weight
    expected = slow.detach().clone()
    for _ in train(trainer):
        expected = 0.75 * expected + 0.25 * fast.detach()
        torch.testing.assert_close(slow, expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize(("precision", "low", "high"), [("float16", 0.0, 0.1), ("float32", 0.63, 0.634)])
def test_06_in_float16_a_momentum_of_0_9999_stands_still_and_by_default_it_does_not(precision, low, high):
    generator = torch.Generator().manual_seed(0)
    start = 0.04 * torch.randn(4000, generator=generator)
    way = 0.3 * 0.04 * torch.randn(4000, generator=generator)
    slow, fast = start.half().float() if precision == "float16" else start.clone(), start + way
    before = slow.clone()
    for _ in range(10_000):
        momentum_update([slow], [fast], 0.9999, precision)
    gone = ((slow - before) @ way / (way @ way)).item()
    # the exact share is 1 - 0.9999 ** 10,000 = 0.632
    assert low <= gone < high


def test_06_weights_of_the_float16_copy_are_float16_numbers(text):
    trainer = training(text, settings(steps=2, momentum=0.9, momentum_precision="float16"))
    losses(trainer)
    for name, parameter in trainer.model.named_parameters():
        if ".key_" in name:
            assert torch.equal(parameter, parameter.half().float()), name


@pytest.mark.parametrize(("layers", "layer"), [(12, 8), (24, 12)])
def test_07_contrast_reads_the_first_token_of_layer_8_of_12_and_12_of_24(layers, layer):
    infoxlm = tall(layers, head=False, momentum_precision="float32")
    batch = small.sequences([6, 11, 4], 2)
    ids = padded(batch)
    with torch.no_grad():
        states = plain_transformers(infoxlm.language_model)(
            ids, attention_mask=ids != 1, output_hidden_states=True
        ).hidden_states
        queries, keys = XLCO.of(infoxlm).queries(infoxlm, batch), XLCO.of(infoxlm).keys(infoxlm, batch)
    torch.testing.assert_close(queries, states[layer][:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(keys, queries, atol=1e-6, rtol=0)
    for wrong in (layer - 1, layer + 1):
        assert (queries - states[wrong][:, 0]).abs().max() > 0.1


def test_08_contrast_sends_no_gradient_above_its_layer_to_the_lm_head_or_to_the_key_encoder():
    infoxlm = filled(tall(12))
    XLCO.of(infoxlm).outcome(infoxlm, small.pairs(), Shard(4)).loss.backward()
    words = infoxlm.encoder.embeddings.word_embeddings.weight
    above = tuple(f"layer.{index}." for index in range(8, 12))
    for name, parameter in infoxlm.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        # the vocabulary matrix is tied to the embeddings, which contrast does reach
        free = any(part in name for part in above) or ("lm_head" in name and parameter is not words)
        assert reached == (not free and ".key_" not in name), name


def test_09_the_head_is_one_linear_map_without_bias_on_both_sides():
    infoxlm, batch = small.model(small.settings()), small.sequences([5, 8, 6], 3)
    bare = small.model(small.settings(head=False))
    with torch.no_grad():
        XLCO.of(infoxlm).key_head.weight.mul_(2)
        ours, plain = XLCO.of(infoxlm), XLCO.of(bare)
        expected = plain.queries(bare, batch) @ ours.head.weight.T
        torch.testing.assert_close(ours.queries(infoxlm, batch), expected)
    assert XLCO.of(infoxlm).head.bias is None
    assert XLCO.of(infoxlm).head.weight.shape == (16, 16)
