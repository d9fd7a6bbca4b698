"""MMLM and TLM in the ledger: H(token) less the cross-entropy of the masked tokens of held-out sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from core.errors import InputError
from core.model.heads import token_losses
from core.text.batches import cut, joined, masked_batch
from lab.evaluate.estimates import Row
from lab.evaluate.ledger.rows import RESAMPLES, ledger_row
from lab.evaluate.ledger.subject import BATCH, Subject, shares_of
from lab.world.ideal import Shares
from lab.world.truth import RATE, Truth, mask

SENTENCES = 2_000


def masked_row(
    subject: Subject, task: str, truths: Mapping[str, Truth], sentences: int = SENTENCES, seed: int = 0
) -> Row:
    """H(token) - cross-entropy of the masked tokens of held-out text: at least so much the context tells of them.

    The interval is a bootstrap over meanings, all sentences of one together, widened by the error of H(token)
    where that is sampled.
    """
    examples = masked_examples(subject, shares_of(subject, task), sentences, seed)
    sums, counts = cross_entropies(subject, examples, task)
    known = truths.get(task)
    entropy = (
        known.token_entropy_nats if known else subject.token_entropies["mmlm" if task == "mmlm" else "tlm"]
    )
    error = known.token_entropy_error if known else 0.0
    meanings = np.array([example.meaning for example in examples])
    value = entropy - sums.sum() / counts.sum()
    low, high = (entropy - end for end in reversed(_ratio_interval(sums, counts, meanings, seed)))
    low, high = value - math.hypot(value - low, 1.96 * error), value + math.hypot(high - value, 1.96 * error)
    return ledger_row(
        task, value, low, high, entropy,
        truth=known.information_nats if known else None,
        truth_error=known.information_error if known else None,
        method="H(token) - cross-entropy",
        layer=subject.model.encoder.config.num_hidden_layers,
        n=int(counts.sum()),
    )  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A sentence or a pair as the model reads it: whole, and as shown."""

    meaning: int
    whole: np.ndarray
    shown: np.ndarray


def masked_examples(subject: Subject, shares: Shares, sentences: int, seed: int) -> list[Example]:
    """Held-out sentences masked by the ledger's rule (`lab.world.truth`): every chosen token shows `<mask>`."""
    rng = np.random.default_rng([seed, 1])
    longest = subject.model.settings.model.max_tokens
    table = held_out(subject, seed)
    ids = {
        str(tag): dict(
            zip(part["meaning"], subject.tokenizer.encode(part["text"].tolist(), longest), strict=True)
        )
        for tag, part in table.groupby("language")
    }
    shared = {tags: sorted(set.intersection(*(set(ids.get(tag, {})) for tag in tags))) for tags in shares}
    kept = {tags: share for tags, share in shares.items() if shared[tags]}
    if not kept:
        raise InputError(f"run {subject.run.name} holds out no text to measure on: train with more meanings")
    p = np.array(list(kept.values()))
    examples: list[Example] = []
    for choice in rng.choice(len(kept), sentences, p=p / p.sum()):
        tags = list(kept)[choice]
        meaning = shared[tags][int(rng.integers(len(shared[tags])))]
        content = longest - 2 if len(tags) == 1 else (longest - 3) // 2
        sides = [cut(ids[tag][meaning], content) for tag in tags]
        shown = mask(sides, subject.tokenizer.mask_id, RATE, rng)
        whole, visible = (
            (one[0] if len(one) == 1 else joined(one[0], one[1], longest)) for one in (sides, shown)
        )
        examples.append(Example(int(meaning), whole, visible))
    return examples


def held_out(subject: Subject, seed: int = 0) -> pd.DataFrame:
    """Sentences to read: those the run holds out, or fresh ones where a world's meanings are not alike.

    A skewed world's corpus holds each meaning once, so its held-out sentences do not follow the world's law;
    independent draws do, and the truth is that law's.
    """
    if subject.world is None or not subject.skewed:
        return subject.run.held_out()
    meanings = subject.world.draw(SENTENCES, seed + 1, without_replacement=False)
    table = pd.DataFrame(subject.world.rows(meanings, seed + 1), columns=["meaning", "language", "text"])
    return table.assign(meaning=np.repeat(np.arange(SENTENCES), len(subject.world.languages)))


@torch.no_grad()
def cross_entropies(
    subject: Subject, examples: Sequence[Example], task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Per example the sum of the cross-entropies of its masked tokens in nats, and how many there are."""
    model, device = subject.model, next(subject.model.parameters()).device
    sums, counts = np.zeros(len(examples)), np.zeros(len(examples), dtype=np.int64)
    order = np.argsort([len(example.whole) for example in examples], kind="stable")
    for begin in range(0, len(order), BATCH):
        part = order[begin : begin + BATCH]
        rows = [examples[i].whole for i in part]
        positions = [np.flatnonzero(examples[i].whole != examples[i].shown) for i in part]
        counts[part] = [len(at) for at in positions]
        batch = masked_batch(rows, [examples[i].shown for i in part], positions).to(device)
        states = model.masked_states(batch.sequences, batch.positions)
        losses = token_losses(model.language_model.lm_head, states, batch.targets).double().cpu().numpy()
        np.add.at(sums, np.repeat(part, counts[part]), losses)
        subject.progress(f"reading {task}", begin + len(part), len(order))
    if not counts.sum():
        raise InputError(f"no token was masked in {len(examples)} sentences: raise --sentences")
    return sums, counts


def _ratio_interval(
    sums: np.ndarray, counts: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """95 % bootstrap over groups of sum of sums over sum of counts."""
    _, inverse = np.unique(groups, return_inverse=True)
    size = int(inverse.max()) + 1
    weights = np.random.default_rng([seed, 2]).multinomial(size, np.full(size, 1 / size), RESAMPLES)
    above, below = (weights @ np.bincount(inverse, values, minlength=size) for values in (sums, counts))
    low, high = np.quantile(above / np.maximum(below, 1), [0.025, 0.975])
    return float(low), float(high)


def added_row(mmlm: Row, tlm: Row) -> Row:
    """What the translation adds: TLM minus MMLM on the same languages. A difference of two bounds is no bound."""
    value = tlm["nats"] - mmlm["nats"]
    known = tlm["truth"] is not None
    below = math.hypot(tlm["nats"] - tlm["low"], mmlm["high"] - mmlm["nats"])
    above = math.hypot(tlm["high"] - tlm["nats"], mmlm["nats"] - mmlm["low"])
    return ledger_row(
        "tlm - mmlm", value, value - below, value + above, None,
        kind="estimate",
        truth=tlm["truth"] - mmlm["truth"] if known else None,
        truth_error=math.hypot(tlm["truth_error"], mmlm["truth_error"]) if known else None,
        method="difference of the bounds",
        layer=tlm["layer"],
        n=tlm["n"],
    )  # fmt: skip
