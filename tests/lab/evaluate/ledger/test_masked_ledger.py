"""MMLM and TLM in the ledger of a tiny run, against slow transcriptions."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.model.encoder import hidden_states, pack
from core.text.batches import unmasked
from lab.evaluate.ledger.masked import cross_entropies, cross_entropies_apart
from lab.evaluate.ledger.masked_text import language_distribution, masked_examples
from lab.evaluate.ledger.masked_truth import masked_tasks, masked_truths
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.world.distribution import entropy
from lab.world.ideal import IdealReader
from tests.lab.evaluate.ledger.rows import EFFORT, rows_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")


def test_what_the_language_tells_of_a_token_is_that_of_the_worlds_own_frequencies(document, loaded):
    counts = IdealReader(loaded.world, loaded.tokenizer).frequencies.counts
    for task in ("mmlm", MMLM_OWN):
        shares = {tag: share for (tag,), share in language_distribution(loaded, task).items()}
        mixed = sum(share * counts[tag] for tag, share in shares.items())
        inside = sum(
            share * counts[tag].sum() * entropy(counts[tag] / counts[tag].sum())
            for tag, share in shares.items()
        )
        language_nats = entropy(mixed / mixed.sum()) - inside / mixed.sum()
        # the corpus is a sample of a few hundred sentences of each language
        assert rows_of(document, task)[0]["language_nats"] == pytest.approx(language_nats, abs=0.05)
    assert rows_of(document, ADDED)[0]["language_nats"] is None


def test_the_cross_entropy_agrees_with_one_sentence_and_one_token_at_a_time(loaded):
    model = loaded.model
    for task in (MMLM_OWN, "tlm"):
        examples = masked_examples(loaded, language_distribution(loaded, task), 6, 0)
        sums, counts = cross_entropies(loaded, examples, task)
        for example, total, count in zip(examples, sums, counts, strict=True):
            whole, shown = (
                sides[0] if len(sides) == 1 else np.concatenate([sides[0], sides[1][1:]])
                for sides in (example.whole, example.shown)
            )
            sequences = unmasked([shown], 64)
            with torch.no_grad():
                *_, state = hidden_states(
                    model.encoder, sequences, pack(sequences.lengths, torch.device("cpu"))
                )
                logits = model.language_model.lm_head(state).double()
            wanted, seen = 0.0, 0
            for position, (true, visible) in enumerate(zip(whole, shown, strict=True)):
                if true != visible:
                    wanted -= float(logits[position].log_softmax(0)[int(true)])
                    seen += 1
            assert (total, count) == (pytest.approx(wanted, abs=1e-4), seen)


def test_masks_follow_the_rule_of_the_ledger(loaded):
    examples = masked_examples(loaded, language_distribution(loaded, MMLM_OWN), 300, 0)
    held_out = set(loaded.run.held_out()["meaning"])
    hidden = 0
    for example in examples:
        (whole,), (shown,) = example.whole, example.shown
        changed = whole != shown
        assert set(shown[changed]) <= {loaded.tokenizer.mask_id}
        assert not changed[[0, -1]].any()
        assert example.meaning in held_out
        hidden += changed.sum()
    ordinary = sum(len(example.whole[0]) - 2 for example in examples)
    # floor(0.15 n + u) has mean 0.15 n and variance at most 1/4 a sentence
    assert abs(hidden - 0.15 * ordinary) < 4 * 0.5 * math.sqrt(len(examples))


@pytest.mark.parametrize("task", ["mmlm", "tlm", MMLM_OWN])
def test_a_masked_bound_is_the_entropy_of_its_own_tokens_less_their_mean_cross_entropy(
    loaded, document, runs, task
):
    truth = masked_truths(loaded, EFFORT.truth_sentences)
    shares = language_distribution(loaded, "tlm" if task == "mmlm" else task)
    examples = masked_examples(loaded, shares, EFFORT.sentences, 0)
    read = cross_entropies_apart if task == "mmlm" else cross_entropies
    sums, counts = read(loaded, examples, task)
    row = rows_of(document, task)[0]
    assert row["nats"] == pytest.approx(truth[task].token_entropy_nats - sums.sum() / counts.sum())
    assert row["ceiling"] == truth[task].token_entropy_nats
    assert row["truth"] == truth[task].information_nats
    assert row["n"] == counts.sum()


def test_mmlm_reads_the_tokens_of_tlm_each_side_without_the_other(loaded):
    examples = masked_examples(loaded, loaded.pairs, 8, 0)
    apart, counts = cross_entropies_apart(loaded, examples, "mmlm")
    _, together = cross_entropies(loaded, examples, "tlm")
    assert counts.tolist() == together.tolist()
    for example, total in zip(examples, apart, strict=True):
        sides = [replace(example, whole=[whole], shown=[shown])
                 for whole, shown in zip(example.whole, example.shown, strict=True)
                 if (whole != shown).any()]  # fmt: skip
        slow = cross_entropies(loaded, sides, "mmlm")[0].sum() if sides else 0.0
        assert total == pytest.approx(slow, abs=1e-4)


def test_tlm_less_mmlm_is_a_difference_on_the_same_tokens_in_the_model_and_in_truth(document):
    mmlm, tlm, added = (rows_of(document, task)[0] for task in ("mmlm", "tlm", ADDED))
    assert (mmlm["n"], mmlm["ceiling"]) == (tlm["n"], tlm["ceiling"])
    assert added["nats"] == pytest.approx(tlm["nats"] - mmlm["nats"])
    assert added["truth"] == pytest.approx(tlm["truth"] - mmlm["truth"])
    assert added["truth"] > 0
    # the same masks: the error of the difference is not that of two independent truths
    assert added["truth_error"] < math.hypot(mmlm["truth_error"], tlm["truth_error"])


def test_mmlm_of_its_own_sentences_is_a_row_only_where_languages_come_in_other_proportions(loaded):
    assert masked_tasks(loaded) == ["mmlm", "tlm", ADDED, MMLM_OWN]
    alike = replace(
        loaded, languages={tag: share for (tag,), share in language_distribution(loaded, "mmlm").items()}
    )
    assert masked_tasks(alike) == ["mmlm", "tlm", ADDED]
    alone = replace(loaded, pairs={})
    assert masked_tasks(alone) == ["mmlm"]
    assert language_distribution(alone, "mmlm") == language_distribution(loaded, MMLM_OWN)


def test_what_a_translation_adds_compares_the_same_languages(loaded):
    both, alone = (language_distribution(loaded, task) for task in ("tlm", "mmlm"))
    assert sum(alone.values()) == pytest.approx(1.0)
    assert alone[("en",)] == pytest.approx(0.5)
    assert set(both) == {("ar", "en"), ("en", "ar"), ("zh", "en"), ("en", "zh")}


def test_the_truth_is_computed_once_and_kept_in_the_run(loaded, document, runs):
    truth = loaded.run.document("truth")
    truth["tasks"]["mmlm"]["tokens"] = -7
    loaded.run.write_document("truth", truth)
    assert masked_truths(loaded, EFFORT.truth_sentences)["mmlm"].tokens == -7
