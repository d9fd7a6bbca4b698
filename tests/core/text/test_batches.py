"""Masks, formats and shares of a batch."""

import numpy as np
import pytest

from core.config import ContrastSettings, MaskedSettings, Settings, TextSettings
from core.text.batches import Batches, Chances, cut, joined, masked
from core.text.encoded import EncodedCorpus, Rows, encode_corpus
from core.text.sampling import Sampler, split


def settings(**options):
    contrast = ContrastSettings(**{"layer": 1, **options})
    return Settings(seed=5, text=TextSettings(held_out=50), contrast=contrast)


def batches(encoded, tokenizer, chosen):
    sampler = Sampler(split(encoded, chosen.text, chosen.seed, True), chosen.text, chosen.seed)
    return sampler, Batches(encoded, chosen, tokenizer.mask_id)


def mask(rows, chosen, seed, mask_id):
    """Rows as they are shown, and the positions to be found in each."""
    lengths = np.array([len(row) for row in rows])
    chances = Chances.draw(lengths, mask_id, np.random.default_rng(seed))
    batch = masked(Rows(np.concatenate(rows), lengths), chosen, chances, mask_id)
    positions, ends = batch.positions.numpy(), np.cumsum(lengths)
    where = np.split(positions, np.searchsorted(positions, ends[:-1]))
    return rows_of(batch.sequences), [at - (end - n) for at, end, n in zip(where, ends, lengths, strict=True)]


def rows_of(sequences):
    return [row.numpy() for row in sequences.ids.split(sequences.lengths.tolist())]


def test_masking_takes_15_percent_in_the_shares_80_10_10():
    rng = np.random.default_rng(0)
    rows = [np.array([0, *rng.integers(4, 900, rng.integers(3, 60)), 2], dtype=np.int32) for _ in range(3000)]
    shown, positions = mask(rows, MaskedSettings(), 0, mask_id=1000)
    ordinary = sum(len(row) - 2 for row in rows)
    chosen = sum(len(at) for at in positions)
    assert abs(chosen / ordinary - 0.15) < 0.01
    seen = np.concatenate([row[at] for row, at in zip(shown, positions, strict=True)])
    true = np.concatenate([row[at] for row, at in zip(rows, positions, strict=True)])
    assert abs((seen == 1000).mean() - 0.8) < 0.01
    assert abs((seen == true).mean() - 0.1) < 0.01


def test_only_chosen_positions_change_and_none_of_them_is_special():
    rows = [np.array([0, 10, 3, 12, 13, 2, 14, 2], dtype=np.int32)] * 200
    shown, positions = mask(rows, MaskedSettings(rate=0.5), 1, mask_id=99)
    for before, after, at in zip(rows, shown, positions, strict=True):
        untouched = np.setdiff1d(np.arange(8), at)
        np.testing.assert_array_equal(before[untouched], after[untouched])
        assert set(at.tolist()) <= {1, 2, 3, 4, 6}
        # floor(0.5 * 5 + u), u in [0, 1)
        assert len(at) in (2, 3)


def test_special_tokens_are_masked_like_all_others_when_asked_for():
    rows = [np.array([0, 10, 11, 2], dtype=np.int32)] * 4000
    _, positions = mask(rows, MaskedSettings(rate=0.5, mask_special=True), 2, mask_id=99)
    share = np.bincount(np.concatenate(positions), minlength=4) / len(rows)
    # binomial: four standard deviations are 0.032
    np.testing.assert_allclose(share, 0.5, atol=0.032)


def test_masks_repeat_for_equal_steps_and_differ_between_steps(encoded, tokenizer):
    sampler, made = batches(encoded, tokenizer, settings())
    draw = sampler.draw(1, 16, 16, 16, 2)
    first, again, later = (made.build(step, draw).mmlm for step in (1, 1, 2))
    assert first.positions.tolist() == again.positions.tolist()
    assert first.positions.tolist() != later.positions.tolist()


def test_targets_are_the_tokens_that_stood_there(encoded, tokenizer):
    sampler, made = batches(encoded, tokenizer, settings())
    draw = sampler.draw(1, 32, 0, 0)
    batch = made.build(1, draw).mmlm
    true = np.concatenate([encoded.row(int(i)) for i in draw.mmlm])
    np.testing.assert_array_equal(batch.targets.numpy(), true[batch.positions.numpy()])


def test_a_translation_pair_has_one_start_and_two_ends(encoded, tokenizer):
    row = joined(encoded.row(0), encoded.row(1), 32)
    assert (row == 0).sum() == 1
    assert row[0] == 0
    assert (row == 2).sum() == 2
    assert row[-1] == 2


@pytest.mark.parametrize("longest", [8, 9, 32])
def test_a_joined_pair_fits_and_keeps_both_ends(longest):
    long = np.array([0, *range(4, 40), 2], dtype=np.int32)
    row = joined(long, long, longest)
    assert len(row) <= longest
    assert (row == 2).sum() == 2
    assert len(cut(long, 5)) == 7


def test_mixup_takes_two_pairs_in_all_orders(encoded, tokenizer):
    chosen = settings(mixup=True)
    sampler, made = batches(encoded, tokenizer, chosen)
    orders = {"query": [], "key": []}
    for step in range(1, 81):
        draw = sampler.draw(step, 0, 0, 100, 2)
        batch = made.build(step, draw).xlco
        assert len(batch.queries.lengths) == 100
        for side, rows, column in (("query", batch.queries, 0), ("key", batch.keys, 1)):
            first = draw.xlco[0::2, column]
            for row, start in zip(rows_of(rows), first, strict=True):
                length = min(len(encoded.row(int(start))), len(row)) - 1
                orders[side].append(bool((row[:length] == encoded.row(int(start))[:length]).all()))
    modes = np.array(orders["query"]) * 2 + np.array(orders["key"])
    # sides are swapped by the sampler, so the released code's eight modes are these four times two; 8,000 draws
    share = np.bincount(modes, minlength=4) / len(modes)
    assert (np.abs(share - 0.25) < 0.03).all()


def test_contrast_inputs_are_clean_unless_masking_is_asked_for(encoded, tokenizer):
    for mask_inputs in (False, True):
        sampler, made = batches(encoded, tokenizer, settings(mask_inputs=mask_inputs))
        ids = made.build(1, sampler.draw(1, 0, 0, 64, 2)).xlco.queries.ids
        assert bool((ids == tokenizer.mask_id).any()) == mask_inputs


def test_shares_of_a_batch_are_the_batch(encoded, tokenizer):
    sampler, made = batches(encoded, tokenizer, settings())
    draw = sampler.draw(1, 17, 17, 17, 2)
    whole = made.build(1, draw)
    parts = [made.build(1, draw, share, 3) for share in range(3)]
    assert sum(part.tokens for part in parts) == whole.tokens
    for task in ("mmlm", "tlm"):
        targets = np.sort(np.concatenate([getattr(part, task).targets.numpy() for part in parts]))
        np.testing.assert_array_equal(targets, np.sort(getattr(whole, task).targets.numpy()))
    rows = [rows_of(part.xlco.queries) for part in parts]
    for index, row in enumerate(rows_of(whole.xlco.queries)):
        np.testing.assert_array_equal(row, rows[index % 3][index // 3])


def test_every_process_reads_the_sentences_of_its_own_share_and_no_others(
    corpus, tokenizer, encoded, tmp_path
):
    class Watched(EncodedCorpus):
        def rows(self, indices, longest):
            read.extend(np.asarray(indices).tolist())
            return super().rows(indices, longest)

    chosen = settings(mask_inputs=True)
    sampler, _ = batches(encoded, tokenizer, chosen)
    encode_corpus(corpus, tokenizer, tmp_path / "e", 32)
    made = Batches(Watched(tmp_path / "e"), chosen, tokenizer.mask_id)
    draw = sampler.draw(1, 17, 17, 17, 2)
    joint = np.concatenate([draw.mmlm, draw.tlm.ravel(), draw.xlco.ravel()]).tolist()
    everything = []
    for share in range(3):
        read: list[int] = []
        made.build(1, draw, share, 3)
        own = [draw.mmlm[share::3], draw.tlm[share::3], draw.xlco.reshape(17, 4)[share::3]]
        assert sorted(read) == sorted(np.concatenate([rows.ravel() for rows in own]).tolist())
        everything += read
    assert sorted(everything) == sorted(joint)
