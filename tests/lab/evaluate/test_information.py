"""The ledger of a tiny run: against slow transcriptions, its ceilings, and the words it uses."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.cells import cell_len

from core.information import bounds
from core.model.encoder import hidden_states, pack
from core.objectives import build_model
from core.objectives.xlco import XLCO
from core.text.batches import unmasked
from core.text.corpus import write_corpus
from lab import cli
from lab.cli import console
from lab.evaluate.information import information_of_run
from lab.evaluate.ledger.contrast import (
    _fit_loss,
    contrast_losses,
    cosine_ceiling,
    fitted_scale,
    trained_temperature,
)
from lab.evaluate.ledger.loaded_run import language_distribution, load_run, masked_tasks, truth_of
from lab.evaluate.ledger.masked import cross_entropies, cross_entropies_apart, masked_examples
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.ledger.translations import EncodedPair, Pools, chosen_pairs, contrast_vectors, unseen
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.starting import start_run
from lab.training import run_training
from lab.world import World
from lab.world.distribution import entropy
from lab.world.ideal import IdealReader
from tests.lab.runs import tiny

KEYS = {
    *("task", "layer", "source", "target", "method", "nats", "low", "high", "kind", "ceiling", "truth", "n"),
    *("candidates", "share", "words", "at_least", "attainable", "attainable_error", "unit", "language_nats"),
    *(
        "share_of_attainable",
        "share_of_ceiling",
        "share_beyond_language",
        "nats_per_sentence",
        "units_per_sentence",
    ),
}
ESTIMATED = {
    "task",
    "layer",
    "source",
    "target",
    "method",
    "nats",
    "low",
    "high",
    "kind",
    "ceiling",
    "truth",
    "n",
    "words",
}
COUNTS = (4, 16, 64)
SIZES = {"sentences": 120, "truth_sentences": 8, "pairs": 2}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def loaded(folder):
    """A trained tiny run on the world, opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        run = run_training(*start_run("tiny", tiny(), None))
        yield load_run(run)


@pytest.fixture(scope="module")
def document(loaded, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        return information_of_run(loaded.run, COUNTS, **SIZES)


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(folder))


def rows_of(document, task):
    return [row for row in document["rows"] if row["task"] == task]


def test_every_row_has_the_keys_of_the_contract(document):
    assert {row["task"] for row in document["rows"]} == {"mmlm", "tlm", "tlm - mmlm", MMLM_OWN, "xlco"}
    assert all(set(row) >= KEYS for row in document["rows"])
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_no_bound_exceeds_its_ceiling_or_what_its_scores_can_show(document):
    for row in document["rows"]:
        assert row["low"] <= row["nats"] <= row["high"]
        if row["kind"] == "lower bound":
            assert row["nats"] <= row["high"] <= row["ceiling"]
            assert row["low"] < row["at_least"] < row["nats"]
        if row["effective_ceiling"] is not None:
            assert row["nats"] <= row["effective_ceiling"] + 1e-6 <= row["ceiling"] + 2e-6


def test_xlco_is_measured_at_every_number_of_candidates_as_trained_and_fitted(document):
    rows = rows_of(document, "xlco")
    assert [row["candidates"] for row in rows] == [4, 4, 16, 16, 64, 64]
    assert {row["method"] for row in rows} == {"infonce", "infonce, temperature fitted"}
    assert [row["ceiling"] for row in rows[::2]] == [math.log(count) for count in COUNTS]
    assert all(row["truth"] == pytest.approx(World.load(("ar", "en")).information_nats) for row in rows)
    assert rows[0]["pairs"] == ["ar-en", "en-ar", "en-zh", "zh-en"]


def test_at_least_is_said_of_the_confidence_limit_and_never_of_the_value_measured():
    row = ledger_row(
        "xlco", 4.1, 4.0, 4.2, math.log(128), at_least=4.02, candidates=128, truth=13.9, truth_error=0.0,
        attainable=4.8, attainable_error=0.01, unit="nats per sentence pair",
    )  # fmt: skip
    assert row["words"] == (
        "at least 4.02 nats per sentence pair (95 % confidence); bound 4.10 [4.00, 4.20]; cannot show more than 4.85 "
        "with 128 candidates, the ideal critic 4.80 ± 0.01 (standard error); the truth is 13.90"
    )
    nothing = ledger_row("mmlm", 0.1, -0.2, 0.3, 5.0, at_least=-0.1)
    assert "at least" not in nothing["words"]
    assert "shows nothing with 95 % confidence: the bound is 0.10 [-0.20, 0.30]" in nothing["words"]
    assert "the truth is not known" in nothing["words"]


def test_what_the_translation_adds_is_named_an_estimate_that_may_exceed_the_truth():
    row = ledger_row(ADDED, 0.5, 0.4, 0.6, None, kind="estimate", truth=0.4, truth_error=0.02)
    assert "at least" not in row["words"]
    assert "an estimate of I(translation; token | context), which may exceed the truth" in row["words"]
    assert "the truth is 0.40 ± 0.02 (standard error)" in row["words"]


def test_scores_that_a_temperature_caps_say_so():
    row = ledger_row(
        "xlco", 1.5, 1.4, 1.6, math.log(4096), candidates=4096, temperature=1.0,
        effective_ceiling=cosine_ceiling(4096, 1.0),
    )  # fmt: skip
    assert "its cosines at temperature 1 not more than 2.00" in row["words"]


def test_shares_are_those_of_the_truth_of_what_is_attainable_and_of_the_ceiling():
    row = ledger_row("xlco", 2.0, 1.9, 2.1, 4.0, truth=8.0, candidates=55, attainable=2.5)
    assert (row["share"], row["share_of_attainable"], row["share_of_ceiling"]) == (0.25, 0.8, 0.5)
    masked = ledger_row("mmlm", 6.05, 6.0, 6.1, 7.25, truth=6.46, language_nats=2.36, units_per_sentence=1.5)
    assert masked["share_beyond_language"] == pytest.approx((6.05 - 2.36) / (6.46 - 2.36))
    assert masked["nats_per_sentence"] == pytest.approx(1.5 * 6.05)
    other = ledger_row("xlco", 2.0, 1.9, 2.1, 4.0, candidates=55)
    assert (other["share"], other["share_of_attainable"], other["share_of_ceiling"]) == (None, None, 0.5)


def test_what_is_attainable_is_the_ideal_critics_and_the_ideal_readers(document, loaded):
    for row in rows_of(document, "xlco"):
        (ideal,) = loaded.world.attainable_between("ar", "en", [row["candidates"]])
        assert (row["attainable"], row["attainable_error"]) == ideal
        assert row["attainable"] <= min(row["truth"], row["ceiling"]) + 1e-6
    for row in rows_of(document, "mmlm") + rows_of(document, "tlm"):
        assert (row["attainable"], row["attainable_error"]) == (row["truth"], row["truth_error"])


def test_each_row_names_its_unit_and_how_many_a_sentence_has(document, loaded):
    assert {row["task"]: row["unit"] for row in document["rows"]} == {
        **dict.fromkeys(("mmlm", "tlm", ADDED, MMLM_OWN), "nats per masked token"), "xlco": "nats per sentence pair",
    }  # fmt: skip
    for task, sides in (("tlm", 2), ("mmlm", 2), (MMLM_OWN, 1)):
        row = rows_of(document, task)[0]
        assert row["units_per_sentence"] == row["n"] / (sides * SIZES["sentences"])
    assert rows_of(document, "xlco")[0]["nats_per_sentence"] == rows_of(document, "xlco")[0]["nats"]


def test_what_the_language_tells_of_a_token_is_that_of_the_worlds_own_frequencies(document, loaded):
    counts = IdealReader(loaded.world, loaded.tokenizer).frequencies.counts
    for task in ("mmlm", MMLM_OWN):
        shares = {tag: share for (tag,), share in language_distribution(loaded, task).items()}
        mixed = sum(share * counts[tag] for tag, share in shares.items())
        inside = sum(
            share * counts[tag].sum() * entropy(counts[tag] / counts[tag].sum())
            for tag, share in shares.items()
        )
        told = entropy(mixed / mixed.sum()) - inside / mixed.sum()
        # the corpus is a sample of a few hundred sentences of each language
        assert rows_of(document, task)[0]["language_nats"] == pytest.approx(told, abs=0.05)
    assert rows_of(document, ADDED)[0]["language_nats"] is None


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_opposite_cosines_reach_the_most_that_a_temperature_lets_them_show(temperature):
    ends = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    losses = contrast_losses(EncodedPair("a", "b", 1.0, ends, ends, 0, np.arange(2)), 1.0, 2, temperature)
    assert math.log(2) - losses.loss.mean() == pytest.approx(cosine_ceiling(2, temperature), abs=1e-6)


@pytest.mark.parametrize("count", [3, 8, 40])
def test_contrast_losses_agree_with_infonce_of_explicit_score_matrices(count):
    generator = torch.Generator().manual_seed(count)
    queries, keys = (torch.randn(n, 5, generator=generator) for n in (30, 60))
    one, fitted, asked = EncodedPair("a", "b", 1.0, queries, keys, 10, np.arange(60)), 10, 9
    losses = contrast_losses(one, 1.0, count, 0.7, asked)
    slow = []
    for i in range(max(1, asked // count) * min(count, asked)):
        begin = fitted + i // count * count if count <= asked else fitted
        scores = torch.stack([queries[fitted + i] @ keys[begin + j] / 0.7 for j in range(count)]).double()
        slow.append(float(bounds.infonce(scores[None], positive=torch.tensor([fitted + i - begin]))))
    assert math.log(count) - losses.loss.ravel() == pytest.approx(slow, abs=1e-5)
    assert losses.meanings.tolist() == list(range(fitted, fitted + max(1, asked // count) * count))


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
    loaded, document, here, task
):
    truth = truth_of(loaded, SIZES["truth_sentences"])
    shares = language_distribution(loaded, "tlm" if task == "mmlm" else task)
    examples = masked_examples(loaded, shares, SIZES["sentences"], 0)
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
        sides = [replace(example, whole=[one], shown=[other])
                 for one, other in zip(example.whole, example.shown, strict=True) if (one != other).any()]  # fmt: skip
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


def test_the_truth_is_computed_once_and_kept_in_the_run(loaded, document, here):
    kept = loaded.run.document("truth")
    kept["tasks"]["mmlm"]["tokens"] = -7
    loaded.run.write_document("truth", kept)
    assert truth_of(loaded, SIZES["truth_sentences"])["mmlm"].tokens == -7


def test_the_rows_are_kept_as_document_and_as_scores(loaded, document):
    assert loaded.run.document("information") == document
    kept = loaded.run.scores()
    kept = kept[kept["task"] == "information"]
    assert len(kept) == len(document["rows"])
    assert set(kept["unit"]) == {"nats per masked token", "nats per sentence pair"}


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
    other = replace(loaded, model=model)
    texts = loaded.run.held_out()["text"].tolist()[:7]
    with torch.no_grad():
        for key in (False, True):
            found = contrast_vectors(other, texts, key, "")
            for text, vector in zip(texts, found, strict=True):
                alone = unmasked(loaded.tokenizer.encode([text]), 64)
                if contrast is None:
                    (slow,) = model.vectors(alone, [1], "mean")
                    slow = torch.nn.functional.normalize(slow, dim=-1)
                else:
                    slow = (contrast.keys if key else contrast.queries)(model, alone)
                assert vector.numpy() == pytest.approx(slow[0].numpy(), abs=1e-5)


def test_a_fitted_temperature_is_no_worse_than_the_trained_one_where_it_was_fitted(loaded, here):
    chosen = chosen_pairs(loaded.pairs, 1)
    directions = Pools(loaded, chosen, (16,), 0).directions
    scale = fitted_scale(loaded, directions, 16)
    trained = 1 / trained_temperature(loaded)
    stands_for = math.log(15 / (directions[0].fitted - 1))

    def loss(factor: float) -> float:
        parts = [one.queries[:128] @ one.keys[: one.fitted].T for one in directions]
        return float(np.mean([float(_fit_loss(part * factor, stands_for)) for part in parts]))

    assert loss(scale) <= loss(trained) + 1e-6


def test_text_that_no_world_wrote_has_bounds_but_no_truth(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "runs"))
    world = World.load(("ar", "en"))
    corpus = tmp_path / "corpus"
    write_corpus(world.rows(world.draw(300, 5), 5), corpus, source="a test", licence="none")
    run = run_training(*start_run("real", tiny(steps=2, measure={"checkpoint_every": 2}), corpus))
    rows = information_of_run(run, (4, 16, 4096), **SIZES)["rows"]
    assert all(
        row[key] is None for row in rows for key in ("truth", "share", "attainable", "share_of_attainable")
    )
    assert all(row["share_of_ceiling"] is not None for row in rows if row["ceiling"])
    assert all(row["language_nats"] > 0 for row in rows if row["task"] in ("mmlm", "tlm"))
    assert all("the truth is not known" in row["words"] for row in rows)
    assert {row["candidates"] for row in rows} == {None, 4, 16}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "expected a run or --task"),
        (["nowhere"], "'nowhere'"),
        (["tiny", "--candidates", "1"], "numbers of candidates from 2"),
        (["tiny", "--pairs", "0"], "--pairs from 1"),
        (["--task", "no-such"], "no-such"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_exit_code_2(loaded, here, capsys, words, told):
    assert cli.run(["information", *words]) == 2
    assert told in capsys.readouterr().err


def test_the_command_prints_one_document(loaded, here, capsys):
    options = ["--candidates", "4", "--sentences", "40", "--truth-sentences", "8", "--json"]
    assert cli.run(["information", "tiny", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["run"] == "tiny"
    assert any("cannot show more than 1.39 with 4 candidates" in row["words"] for row in document["rows"])


@pytest.mark.parametrize("width", [80, 46])
def test_the_printed_ledger_holds_every_number_whole(loaded, here, capsys, monkeypatch, width):
    monkeypatch.setattr(console.out, "width", width)
    options = ["--candidates", "4", "64", "--sentences", "40", "--truth-sentences", "8"]
    assert cli.run(["information", "tiny", *options]) == 0
    text = capsys.readouterr().out
    assert max(map(cell_len, text.splitlines())) <= width
    table = text.partition("mmlm: ")[0]
    for row in loaded.run.document("information")["rows"]:
        for nats in ("nats", "low", "high", "ceiling", "attainable", "truth"):
            assert row[nats] is None or re.search(rf"(?<![\d.]){row[nats]:z.2f}(?!\d)", table), nats
        assert re.search(rf"(?<!\d){row['n']:,}(?!\d)", table)
    assert all(unit in table for unit in ("nats per masked token", "nats per sentence pair"))


def test_estimators_read_the_vectors_of_unseen_translations(loaded, here, capsys):
    options = ["--method", "gaussian", "--pairs", "1", "--layers", "0", "1", "--meanings", "200", "--json"]
    assert cli.run(["information", "tiny", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["task"], row["layer"]) for row in document["rows"]] == [("vectors", 0), ("vectors", 1)]
    assert all(set(row) >= ESTIMATED for row in document["rows"])
    assert loaded.run.document("estimates")["rows"][0]["n"] == 200
