"""Claims 15 to 20: mixed pairs, languages, masks, translation pairs, tasks of a step."""

import itertools

import numpy as np
import pytest
import torch

from core.model.encoder import pack
from core.model.infoxlm import language_model
from core.task_settings import MaskedSettings
from tests.core import small
from tests.core.claims.parts import batches, first_gradients
from tests.core.drawing import draw
from tests.core.training import settings


@pytest.fixture(scope="module")
def mixed(text):
    """8,000 mixed examples: the languages and meanings of their pairs, and the rows that are contrasted."""
    encoded = text[0]
    sampler, builder = batches(text, settings(mixup=True))
    examples = []
    for step in range(1, 81):
        drawn = draw(sampler, step, 0, 0, 100, 2)
        batch = builder.build(step, drawn).xlco
        pairs = drawn.xlco.reshape(100, 2, 2)
        examples += zip(pairs, small.rows_of(batch.queries), small.rows_of(batch.keys), strict=True)
    return encoded, examples


def order(encoded, rows, shown) -> int | None:
    """0 or 1 as `shown` joins the first sentence and the second, or the second and the first; None where both fit."""
    fits = [np.array_equal(small.join(encoded, pair, 32), shown) for pair in (rows, rows[::-1])]
    assert any(fits)
    return None if all(fits) else fits.index(True)


def test_15_both_sides_of_a_mixed_example_join_the_same_two_pairs_in_all_eight_ways(mixed):
    encoded, examples = mixed
    meaning, english = np.asarray(encoded.meaning), encoded.languages.index("en")
    modes = []
    for rows, query, key in examples:
        assert (meaning[rows[:, 0]] == meaning[rows[:, 1]]).all()
        # a side keeps its language
        assert (encoded.language[rows[0]] == encoded.language[rows[1]]).all()
        orders = (order(encoded, rows[:, 0], query), order(encoded, rows[:, 1], key))
        if None not in orders:
            modes.append((orders[0], orders[1], bool(encoded.language[rows[0, 0]] == english)))
    assert len(modes) > 7_500
    shares = [modes.count(mode) / len(modes) for mode in itertools.product((0, 1), (0, 1), (False, True))]
    # binomial, n = 8,000: four standard deviations are 0.015
    np.testing.assert_allclose(shares, 1 / 8, atol=0.015)


def test_15_a_mixed_side_has_one_start_two_ends_and_fits(mixed):
    for _, *sides in mixed[1]:
        for row in sides:
            assert ((row == 0).sum(), (row == 2).sum(), row[0], row[-1]) == (1, 2, 0, 2)
            assert len(row) <= 32


def test_15_mixup_can_be_switched_off(text):
    sampler, builder = batches(text, settings(mixup=False))
    drawn = draw(sampler, 1, 0, 0, 50)
    batch = builder.build(1, drawn).xlco
    for index, row in zip(drawn.xlco[:, 0], small.rows_of(batch.queries), strict=True):
        np.testing.assert_array_equal(row, text[0].row(int(index)))


def test_16_the_query_is_english_half_of_the_time_and_so_are_the_keys(mixed):
    encoded, examples = mixed
    language = np.asarray(encoded.language)
    english = np.array([language[rows[0]] == encoded.languages.index("en") for rows, *_ in examples])
    # one direction per example, English on exactly one side; binomial, 3.6 standard deviations are 0.02
    assert (english.sum(1) == 1).all()
    np.testing.assert_allclose(english.mean(0), 0.5, atol=0.02)


@pytest.mark.parametrize("mask_special", [False, True])
def test_17_masking_of_contrasted_text_is_a_switch_and_whether_it_spares_the_start_another(
    text, mask_special
):
    mask_id = text[1].mask_id
    changed, starts, tokens = [], [], []
    for on in (False, True):
        run_settings = settings(mixup=False, mask_inputs=on, mmlm={"mask_special": mask_special})
        sampler, builder = batches(text, run_settings)
        batch = builder.build(1, draw(sampler, 1, 0, 0, 4_000)).xlco
        tokens.append([batch.queries, batch.keys])
    for clean, shown in zip(*tokens, strict=True):
        assert not bool((clean.ids == mask_id).any())
        changed.append((shown.ids == mask_id).double().mean().item())
        at = shown.lengths.cumsum(0) - shown.lengths
        starts.append((shown.ids[at] != 0).double().mean().item())
    ordinary = 1 if mask_special else 1 - 2 * 4_000 / len(tokens[0][0].ids)
    # 80 % of 15 %; of the starts, 90 % of 15 %
    np.testing.assert_allclose(changed, 0.12 * ordinary, atol=0.01)
    np.testing.assert_allclose(starts, 0.135 if mask_special else 0.0, atol=0.02)


def test_18_masking_takes_15_percent_in_the_shares_80_10_10():
    rng = np.random.default_rng(0)
    rows = [np.array([0, *rng.integers(4, 900, rng.integers(3, 60)), 2], dtype=np.int32) for _ in range(3000)]
    shown, positions = small.mask(rows, MaskedSettings(), 0, mask_id=1000)
    ordinary = sum(len(row) - 2 for row in rows)
    num_masked = sum(len(at) for at in positions)
    assert abs(num_masked / ordinary - 0.15) < 0.01
    seen = np.concatenate([row[at] for row, at in zip(shown, positions, strict=True)])
    true = np.concatenate([row[at] for row, at in zip(rows, positions, strict=True)])
    assert abs((seen == 1000).mean() - 0.8) < 0.01
    assert abs((seen == true).mean() - 0.1) < 0.01


def test_18_only_chosen_positions_change_and_none_of_them_is_special():
    rows = [np.array([0, 10, 3, 12, 13, 2, 14, 2], dtype=np.int32)] * 200
    shown, positions = small.mask(rows, MaskedSettings(rate=0.5), 1, mask_id=99)
    for before, after, at in zip(rows, shown, positions, strict=True):
        untouched = np.setdiff1d(np.arange(8), at)
        np.testing.assert_array_equal(before[untouched], after[untouched])
        assert set(at.tolist()) <= {1, 2, 3, 4, 6}
        # floor(0.5 * 5 + u), u in [0, 1)
        assert len(at) in (2, 3)


def test_18_masks_repeat_for_equal_steps_and_differ_between_steps(text):
    sampler, builder = batches(text, settings())
    drawn = draw(sampler, 1, 16, 16, 16)
    batch, again, later = (builder.build(step, drawn).mmlm for step in (1, 1, 2))
    assert batch.positions.tolist() == again.positions.tolist()
    assert batch.positions.tolist() != later.positions.tolist()


def test_19_a_translation_pair_is_one_input_with_one_start_positions_that_run_on_and_masks_in_both_halves(
    text,
):
    encoded, tokenizer = text
    sampler, builder = batches(text, settings())
    drawn = draw(sampler, 1, 0, 400, 0)
    batch = builder.build(1, drawn).tlm
    rows, packing = small.rows_of(batch.sequences), pack(batch.sequences.lengths, torch.device("cpu"))
    halves = {"first": 0, "second": 0}
    starts = packing.starts.numpy()
    for number, (pair, row) in enumerate(zip(drawn.tlm, rows, strict=True)):
        expected = small.join(encoded, pair, 32)
        same = row == expected
        assert len(row) == len(expected)
        assert ((row == 0).sum(), row[0], row[-1]) == (1, 0, 2)
        inside = (batch.positions.numpy() >= starts[number]) & (
            batch.positions.numpy() < starts[number] + len(row)
        )
        at = batch.positions.numpy()[inside] - starts[number]
        assert set(np.flatnonzero(~same)) <= set(at)
        border = int(np.flatnonzero(expected == 2)[0])
        halves["first"] += int((at < border).sum())
        halves["second"] += int((at > border).sum())
        # XLM-R counts from 2
        begin = starts[number]
        assert packing.positions[begin : begin + len(row)].tolist() == list(range(2, 2 + len(row)))
    assert min(halves.values()) > 0.4 * sum(halves.values())
    # both orders occur, and no embedding tells languages or halves apart
    assert len({bool(encoded.language[a] < encoded.language[b]) for a, b in drawn.tlm}) == 2
    model = language_model(settings().model, tokenizer.size, 1)
    assert model.config.type_vocab_size == 1


@pytest.mark.parametrize("reduction", ["mean", "token-sum"])
def test_20_every_step_has_equally_many_examples_and_the_gradient_of_three_separate_losses(text, reduction):
    run_settings = settings(batch={"reduction": reduction})
    assert [run_settings.examples_of(section) for section in run_settings.tasks] == [8, 8, 8]
    joint, counts = first_gradients(text, run_settings)
    separate = {name: torch.zeros_like(gradient) for name, gradient in joint.items()}
    for task in counts:
        off = {name: {"enabled": False} for name in ("mmlm", "tlm") if name != task}
        alone = settings(batch={"reduction": reduction}, enabled=task == "xlco", **off)
        gradients, counted = first_gradients(text, alone)
        assert counted == {task: counts[task]}
        # each alone is a mean; of one sum over one count it is the share of its count
        share = 1.0 if reduction == "mean" else counts[task] / sum(counts.values())
        for name, gradient in gradients.items():
            separate[name] += share * gradient
    for name, gradient in joint.items():
        torch.testing.assert_close(gradient, separate[name], atol=1e-6, rtol=1e-4)
