"""Masks, formats and shares of a batch."""

import numpy as np
import pytest

from core.config import Settings, TextSettings
from core.task_settings import ContrastSettings, MaskedSettings
from core.text.batches import MaskedBatch, longest_sentence
from core.text.encoded import EncodedCorpus, Rows, encode_corpus
from core.text.sampling import Sampler
from core.text.split import split
from tests.core.drawing import Builder, draw, tokens
from tests.core.small import join, mask, rows_of


def settings(**options):
    contrast = ContrastSettings(**{"layer": 1, **options})
    return Settings(seed=5, text=TextSettings(held_out=50), contrast=contrast)


def batches(encoded, tokenizer, run_settings):
    sampler = Sampler(
        split(encoded, run_settings.text, run_settings.seed, True), run_settings.text, run_settings.seed
    )
    return sampler, Builder(encoded, run_settings, tokenizer.mask_id)


def test_special_tokens_are_masked_like_all_others_when_asked_for():
    rows = [np.array([0, 10, 11, 2], dtype=np.int32)] * 4000
    _, positions = mask(rows, MaskedSettings(rate=0.5, mask_special=True), 2, mask_id=99)
    share = np.bincount(np.concatenate(positions), minlength=4) / len(rows)
    # binomial: four standard deviations are 0.032
    np.testing.assert_allclose(share, 0.5, atol=0.032)


def test_targets_are_the_tokens_that_stood_there(encoded, tokenizer):
    sampler, builder = batches(encoded, tokenizer, settings())
    drawn = draw(sampler, 1, 32, 0, 0)
    batch = builder.build(1, drawn).mmlm
    true = np.concatenate([encoded.row(int(i)) for i in drawn.mmlm])
    np.testing.assert_array_equal(batch.targets.numpy(), true[batch.positions.numpy()])


def test_a_translation_pair_has_one_start_and_two_ends(encoded, tokenizer):
    row = join(encoded, (0, 1), 32)
    assert (row == 0).sum() == 1
    assert row[0] == 0
    assert (row == 2).sum() == 2
    assert row[-1] == 2


@pytest.mark.parametrize("longest", [8, 9, 32])
def test_a_joined_pair_fits_and_keeps_both_ends(longest):
    long = np.array([0, *range(4, 40), 2], dtype=np.int32)
    sides = Rows.of([long, long], longest_sentence(longest, 2))
    row = sides.joined(2).ids
    assert len(row) <= longest
    assert (row == 2).sum() == 2
    assert sides.lengths.tolist() == [longest_sentence(longest, 2)] * 2


def test_the_rows_of_arrays_are_those_that_the_corpus_reads(encoded):
    rows = np.array([0, 3, 1])
    for longest in (4, 64):
        read, of = encoded.rows(rows, longest), Rows.of([encoded.row(int(i)) for i in rows], longest)
        np.testing.assert_array_equal(of.ids, read.ids)
        np.testing.assert_array_equal(of.lengths, read.lengths)
    assert len(Rows.of([], 4).ids) == 0


def test_the_targets_of_masked_rows_are_the_tokens_that_differ():
    whole = Rows(np.array([0, 7, 8, 2, 0, 9, 2], dtype=np.int32), np.array([4, 3]))
    shown = Rows(np.array([0, 7, 5, 2, 0, 5, 2], dtype=np.int32), whole.lengths)
    batch = MaskedBatch.of(whole, shown)
    assert (batch.positions.tolist(), batch.targets.tolist()) == ([2, 5], [8, 9])
    assert batch.sequences.ids.tolist() == shown.ids.tolist()


def test_shares_of_a_batch_are_the_batch(encoded, tokenizer):
    sampler, builder = batches(encoded, tokenizer, settings())
    drawn = draw(sampler, 1, 17, 17, 17, 2)
    whole = builder.build(1, drawn)
    parts = [builder.build(1, drawn, share, 3) for share in range(3)]
    assert sum(map(tokens, parts)) == tokens(whole)
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

    run_settings = settings(mask_inputs=True)
    sampler, _ = batches(encoded, tokenizer, run_settings)
    encode_corpus(corpus, tokenizer, tmp_path / "e", 32)
    builder = Builder(Watched(tmp_path / "e"), run_settings, tokenizer.mask_id)
    drawn = draw(sampler, 1, 17, 17, 17, 2)
    joint = np.concatenate([drawn.mmlm, drawn.tlm.ravel(), drawn.xlco.ravel()]).tolist()
    everything = []
    for share in range(3):
        read: list[int] = []
        builder.build(1, drawn, share, 3)
        shards = [drawn.mmlm[share::3], drawn.tlm[share::3], drawn.xlco.reshape(17, 4)[share::3]]
        assert sorted(read) == sorted(np.concatenate([rows.ravel() for rows in shards]).tolist())
        everything += read
    assert sorted(everything) == sorted(joint)
