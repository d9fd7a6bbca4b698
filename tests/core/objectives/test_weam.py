"""Word exchange: against a transcription by loops, the links of a batch, what it owns, and what is refused."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from core.checkpoint import load, save
from core.config import Settings
from core.errors import InputError
from core.model.encoder import hidden_states, pack
from core.objectives import tasks_of
from core.objectives.weam import WEAM
from core.processes import Shard
from core.task_settings import ExchangeSettings
from core.text.batches import RowReader
from core.text.encoded import EncodedCorpus
from core.train import train
from tests import oracles
from tests.core.training import settings, training, write_text

OFF = {"enabled": False}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text"))


def trainer_of(text, steps=2, **weam):
    return training(
        text, settings(steps, mmlm=OFF, tlm=OFF, **OFF, weam={"enabled": True, "rate": 0.4, **weam})
    )


def task_of(trainer) -> WEAM:
    (task,) = tasks_of(trainer.model).values()
    return task


def rows_of(trainer, step=1) -> np.ndarray:
    return trainer.sampler.draw_rows(step, WEAM.stream, WEAM.reads, 8)


def slow_links(corpus: EncodedCorpus, task: WEAM, rows: np.ndarray) -> dict[int, dict[int, float]]:
    """Links of a batch whose sentences are not cut: position in the ids to positions with their posteriors."""
    links, begin = {}, 0
    for pair in rows[:, 0]:
        lengths = [len(corpus.row(int(row))) for row in pair]
        halves = (begin + 1, begin + lengths[0])
        token_links = task.table.of(pair[None])
        for side, token, linked, posterior in zip(
            token_links.side, token_links.token, token_links.linked, token_links.posterior, strict=True
        ):
            row_of_token = links.setdefault(int(halves[side] + token), {})
            row_of_token[int(halves[1 - side] + linked)] = float(posterior)
        begin += sum(lengths) - 1
    return links


def head_of(head) -> dict[str, list]:
    return {
        "dense": head.dense.weight.tolist(), "dense_bias": head.dense.bias.tolist(),
        "norm": head.layer_norm.weight.tolist(), "norm_bias": head.layer_norm.bias.tolist(),
        "epsilon": [head.layer_norm.eps], "decoder": head.decoder.weight.tolist(),
        "decoder_bias": head.decoder.bias.tolist(),
    }  # fmt: skip


@pytest.mark.parametrize("mass", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("head", ["shared", "separate"])
def test_the_losses_are_those_of_loops_over_tokens_in_double_precision(text, mass, head):
    trainer = trainer_of(text, mass=mass, head=head)
    trainer.model.double()
    task, rows = task_of(trainer), rows_of(trainer)
    rng = np.random.default_rng(5)
    (masked,) = trainer.reader.masked(rows.reshape(len(rows), -1), task.exchange, rng)
    (batch,) = task.batches(rows, trainer.reader, np.random.default_rng(5))
    # in double precision, since the batch holds weights in float32
    sums = torch.zeros(batch.count, dtype=torch.float64).index_add(0, batch.owners, batch.weights.double())
    batch = type(batch)(**{**vars(batch), "weights": batch.weights.double() / sums[batch.owners]})
    packing = pack(masked.sequences.lengths, torch.device("cpu"))
    *_, states = hidden_states(trainer.model.encoder, masked.sequences, packing)
    targets = dict(zip(masked.positions.tolist(), masked.targets.tolist(), strict=True))
    links = {
        token: {j: float(np.float32(a / sum(row.values()))) for j, a in row.items()}
        for token, row in slow_links(trainer.corpus, task, rows).items()
        if sum(row.values()) > mass
    }
    vocabulary_head = task.own_head or trainer.model.language_model.lm_head
    expected = oracles.word_exchange(states.tolist(), links, targets, 0.0, head_of(vocabulary_head))
    assert batch.count == len(expected) > 5
    assert task.losses(trainer.model, batch).tolist() == pytest.approx(expected, abs=1e-10)


def test_tokens_are_predicted_where_their_links_have_enough_mass_and_no_others(text):
    trainer = trainer_of(text, mass=0.99)
    task, rows = task_of(trainer), rows_of(trainer)
    (masked,) = trainer.reader.masked(rows.reshape(len(rows), -1), task.exchange, np.random.default_rng(5))
    (batch,) = task.batches(rows, trainer.reader, np.random.default_rng(5))
    links = slow_links(trainer.corpus, task, rows)
    expected = [at for at in masked.positions.tolist() if sum(links.get(at, {}).values()) > 0.99]
    assert batch.positions.tolist() == expected
    assert 0 < len(expected) < masked.count
    of_token = [set(batch.linked[batch.owners == number].tolist()) for number in range(batch.count)]
    assert of_token == [set(links[at]) for at in expected]


@pytest.mark.parametrize("prior", ["aligner", "uniform", "shuffled"])
def test_every_prior_predicts_the_same_tokens_from_the_other_half_with_weights_that_sum_to_one(text, prior):
    reference, trainer = trainer_of(text), trainer_of(text, prior=prior)
    rows = rows_of(trainer)
    (expected,) = task_of(reference).batches(rows, reference.reader, np.random.default_rng(5))
    (batch,) = task_of(trainer).batches(rows, trainer.reader, np.random.default_rng(5))
    assert torch.equal(batch.positions, expected.positions)
    assert torch.equal(batch.targets, expected.targets)
    sums = torch.zeros(batch.count).index_add(0, batch.owners, batch.weights)
    torch.testing.assert_close(sums, torch.ones(batch.count))
    ends = batch.sequences.lengths.cumsum(0)
    owner = torch.searchsorted(ends, batch.positions, right=True)
    assert torch.equal(torch.searchsorted(ends, batch.linked, right=True), owner[batch.owners])
    assert (batch.sequences.ids[batch.linked] > 2).all()
    if prior == "shuffled":
        links = list(zip(batch.owners.tolist(), batch.linked.tolist(), strict=True))
        assert len(
            set(links) & set(zip(expected.owners.tolist(), expected.linked.tolist(), strict=True))
        ) < 0.2 * len(links)
    if prior == "uniform":
        halves = [
            int((batch.sequences.ids[batch.linked[batch.owners == number]] > 2).sum())
            for number in range(batch.count)
        ]
        assert min(halves) >= 1
        assert len(batch.linked) > len(expected.linked)


def test_swapping_the_sides_of_pairs_moves_the_predicted_tokens_with_them(text):
    trainer = trainer_of(text, mask_share=1.0, random_share=0.0, rate=1.0)
    task, rows = task_of(trainer), rows_of(trainer)
    forward, backward = (
        task.batches(order, trainer.reader, np.random.default_rng(5))[0] for order in (rows, rows[..., ::-1])
    )
    # with a rate of 1 all ordinary tokens are masked, whatever is drawn
    assert sorted(forward.targets.tolist()) == sorted(backward.targets.tolist())
    assert sorted(forward.weights.tolist()) == sorted(backward.weights.tolist())


def test_sentences_that_are_cut_keep_the_links_of_what_is_left(text):
    trainer = trainer_of(text, rate=1.0)
    task, rows = task_of(trainer), rows_of(trainer)
    reader = RowReader(trainer.corpus, 12, trainer.mask_id)
    (batch,) = task.batches(rows, reader, np.random.default_rng(5))
    (whole,) = task.batches(rows, trainer.reader, np.random.default_rng(5))
    assert 0 < batch.count < whole.count
    assert (batch.sequences.ids[batch.linked] > 2).all()


def test_two_shards_together_are_the_whole_batch(text):
    trainer = trainer_of(text, prior="shuffled")
    task, rows = task_of(trainer), rows_of(trainer)
    (whole,) = task.batches(rows, trainer.reader, np.random.default_rng(5))
    losses = []
    for shard in (0, 1):
        reader = RowReader(trainer.corpus, trainer.reader.max_tokens, trainer.mask_id, [shard], 2)
        (part,) = task.batches(rows, reader, np.random.default_rng(5))
        losses.append(task.outcome(trainer.model, part, Shard(8)))
    joint = task.outcome(trainer.model, whole, Shard(8))
    assert joint.count == sum(part.count for part in losses)
    assert joint.loss_sum.item() == pytest.approx(sum(part.loss_sum.item() for part in losses), rel=1e-5)


def test_a_batch_without_predicted_tokens_has_the_loss_zero_and_gradients_of_zero(text):
    trainer = trainer_of(text, mass=1.0)
    task = task_of(trainer)
    (batch,) = task.batches(rows_of(trainer), trainer.reader, np.random.default_rng(5))
    assert batch.count == 0
    outcome = task.outcome(trainer.model, batch, Shard(8))
    outcome.loss_sum.backward()
    assert outcome.loss_sum.item() == 0
    assert all(not p.grad.any() for _, p in trainer.model.trained() if p.grad is not None)


def test_the_ceiling_is_the_entropy_of_the_tokens_that_are_predicted(text):
    trainer = trainer_of(text)
    task, corpus, counts = task_of(trainer), trainer.corpus, Counter()
    translations = task.table.translations
    for number, (begin, end) in enumerate(zip(translations.bounds, translations.bounds[1:], strict=False)):
        rows = np.asarray(translations.rows[begin:end])
        joined = np.concatenate([np.append(corpus.row(int(a)), corpus.row(int(b))[1:]) for a, b in rows])
        for token, row in slow_links(corpus, task, rows[:, None]).items():
            if sum(row.values()) > task.exchange.mass:
                counts[int(joined[token])] += trainer.sampler.pair_p[number] / (end - begin)
    shares = np.array(list(counts.values())) / sum(counts.values())
    assert task.target_entropy_nats == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-9)
    assert task.target_entropy_nats < math.log(trainer.model.encoder.config.vocab_size)


def test_a_copied_text_is_read_off_its_copy_and_nothing_is_under_links_that_lead_elsewhere(tmp_path):
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice([*"abcdefghijklmnop"], 6)) for _ in range(300)]
    text = write_text(tmp_path, [(at, tag, words[at]) for at in range(300) for tag in ("en", "fr")])
    losses = {}
    for prior in ("aligner", "shuffled"):
        trainer = trainer_of(text, steps=90, prior=prior, mask_share=1.0, random_share=0.0, rate=0.2)
        losses[prior] = [step.losses["weam"] for step in train(trainer)][-1]
    # a letter in five is hidden in the copy too, and then costs log 16 = 2.77
    assert losses["aligner"] < 1.1
    assert losses["shuffled"] > 2.2


def test_a_task_without_links_is_refused_in_one_line(text):
    trainer = trainer_of(text)
    task = WEAM(trainer.settings, trainer.model.language_model)
    with pytest.raises(InputError, match=r"no links between the tokens of this text: .*lab train"):
        task.batches(rows_of(trainer), trainer.reader, np.random.default_rng(5))


def test_a_head_of_its_own_is_all_that_it_owns_and_the_shared_head_is_trained(text):
    shared, separate = task_of(trainer_of(text)), task_of(trainer_of(text, head="separate"))
    assert not shared.state_dict()
    trainer = trainer_of(text, head="separate")
    next(train(trainer))
    names = [name for name, _ in trainer.model.trained() if name.startswith("weam.")]
    assert {name.split(".")[1] for name in names} == {"own_head"}
    assert len(separate.state_dict()) == len(names) == 6
    moved = {
        name: trainer.optimizer.state[p]
        for name, p in trainer.model.trained()
        if p in trainer.optimizer.state
    }
    assert set(names) <= moved.keys()
    assert not any("lm_head.dense" in name for name in moved)
    trainer = trainer_of(text)
    next(train(trainer))
    moved = [name for name, p in trainer.model.trained() if p in trainer.optimizer.state]
    assert any("lm_head.dense" in name for name in moved)


@pytest.mark.parametrize("head", ["shared", "separate"])
def test_a_run_goes_on_from_a_checkpoint_to_the_numbers_of_one_that_was_not_stopped(text, head, tmp_path):
    whole = [step.losses for step in train(trainer_of(text, steps=4, head=head))]
    stopped = trainer_of(text, steps=4, head=head)
    steps = train(stopped)
    next(steps), next(steps)
    save(stopped, text[1], tmp_path, 0.0)
    again = trainer_of(text, steps=4, head=head)
    load(again, tmp_path)
    assert [step.losses for step in train(again)] == whole[2:]


def test_a_weight_of_zero_is_an_error():
    with pytest.raises(ValidationError, match="greater than 0"):
        Settings(weam=ExchangeSettings.model_validate({"enabled": True, "weight": 0}))
