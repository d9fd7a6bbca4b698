"""Lesson 02: what a context knows of a masked token, and what tokens shared between languages do."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.model.infoxlm import language_model
from core.objectives import build_model
from core.text.corpus import write_corpus
from lab import store
from lab.evaluate.intervals import binomial_interval
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.masked import masked_reading
from lab.evaluate.ledger.masked_text import Example, language_distribution, masked_examples
from lab.evaluate.means import translation_accuracy
from lab.evaluate.pools import LanguageVectors
from lab.evaluate.retrieval import sides_of
from lab.evaluate.vectors import encode
from lab.figures.ledger import tightest
from lab.figures.tasks import MMLM_OWN
from lab.lessons.exercises import Choice, Numbers
from lab.lessons.reading import Readers
from lab.lessons.scale import Lesson
from lab.projection import unit
from lab.store import Run
from lab.world import World
from lab.world.distribution import entropy
from lab.world.facts import Facts

CERTAIN: Final = 0.05
"""Nats of uncertainty below which a token is as good as known from its context."""
PRIVATE: Final = 0xA000
"""Where the letters of the disguise begin: a script that no language of the world uses."""
MMLM_ONLY: Final[dict[str, Any]] = {
    "tlm": {"enabled": False},
    "contrast": {"enabled": False},
    "mmlm": {"weight": 1.0, "examples": 96},
    "measure": {"layer": 1},
    "steps": 500,
}
SMOKE: Final[dict[str, Any]] = {
    "mmlm": {"weight": 1.0, "examples": 16},
    "optimizer": {"warmup": 2},
    "steps": 24,
}


def sentence(readers: Readers, tag: str = "en", seed: int = 7) -> pd.DataFrame:
    """Each token of one sentence, masked in turn: columns token, surprisal, exact, reached, uncertainty, loss (nats).

    `surprisal` is -log p(token); `exact` is what of it the rest of the sentence takes away, log p(token | rest) less
    log p(token); `reached` is the same by the model.
    """
    meaning = int(readers.world.draw(1, seed)[0])
    ids = readers.encode([readers.text(meaning, tag)])[0]
    mask = readers.loaded.tokenizer.mask_id
    shown = [np.where(np.arange(len(ids)) == at, mask, ids) for at in range(1, len(ids) - 1)]
    shares = language_distribution(readers.loaded, MMLM_OWN)
    losses = np.concatenate(readers.losses([Example(meaning, (tag,), [ids], [row]) for row in shown]))
    rows = []
    for at, (row, loss) in enumerate(zip(shown, losses, strict=True), start=1):
        ((posterior,),) = readers.ideal.posteriors([row], shares)
        surprisal = -math.log(readers.token_shares[ids[at]])
        uncertainty = abs(entropy(np.array(list(posterior.values()))))
        exact = surprisal + math.log(posterior[int(ids[at])])
        written = readers.loaded.tokenizer.tokens([ids[at]])[0].removeprefix("▁") or "▁"
        rows.append((written, surprisal, exact, surprisal - loss, uncertainty, loss))
    return pd.DataFrame(rows, columns=["token", "surprisal", "exact", "reached", "uncertainty", "loss"])


def by_certainty(lesson: Lesson, readers: Readers) -> pd.DataFrame:
    """Masked tokens of held-out sentences by what their context leaves open, in nats per token.

    Columns share (of the tokens), exact (mean uncertainty that is left) and model (mean cross-entropy).
    """
    shares = language_distribution(readers.loaded, MMLM_OWN)
    examples = masked_examples(readers.loaded, shares, lesson.effort.sentences // 4, 0)
    examples = [example for example in examples if example.hides(0)]
    exact = np.concatenate([readers.uncertainty(example.shown, shares) for example in examples])
    model = np.concatenate(readers.losses(examples))
    table = pd.DataFrame({"exact": np.abs(exact), "model": model})
    kind = np.where(table["exact"] < CERTAIN, "the context decides it", "the context leaves a choice")
    grouped = table.groupby(kind)
    means = grouped.mean()
    return means.assign(share=grouped.size() / len(table))[["share", "exact", "model"]]


def overlap(readers: Readers) -> pd.DataFrame:
    """Share of tokens that two languages have in common: the sum over tokens of the smaller of the two frequencies."""
    counts = readers.ideal.frequencies.counts
    tags = sorted(counts)
    p = np.stack([counts[tag] / counts[tag].sum() for tag in tags])
    common = np.minimum(p[:, None], p[None]).sum(2)
    return pd.DataFrame(common, index=tags, columns=tags)


def disguised(text: str) -> str:
    """The text with every sign but the space replaced by one of another script: the same words, no sign in common.

    >>> disguised("a b") == chr(PRIVATE + ord("a")) + " " + chr(PRIVATE + ord("b"))
    True
    """
    return "".join(sign if sign == " " else chr(PRIVATE + ord(sign)) for sign in text)


def anchors(lesson: Lesson, disguise: bool) -> Path:
    """A corpus of English and Spanish, where Spanish may be disguised: written once, then found again.

    Both corpora tell the same facts and have the same structure; only the tokens in common are gone.
    """
    settings = lesson.settings.world
    world = World.load(("en", "es"))
    meanings = world.draw(settings.meanings, lesson.settings.seed)
    folder = store.cache_folder() / f"anchors-{'none' if disguise else 'shared'}-{settings.meanings}"
    if not folder.is_dir():
        rows = (
            (meaning, tag, disguised(text) if disguise and tag == "es" else text)
            for meaning, tag, text in world.rows(meanings, lesson.settings.seed)
        )
        write_corpus(rows, folder, source="the built-in world", licence="MIT")
    return folder


def anchored_run(lesson: Lesson, disguise: bool) -> Run:
    """A run on English and Spanish with MMLM as its only task."""
    name = "no-anchors" if disguise else "anchors"
    changes = MMLM_ONLY if lesson.conclusive else MMLM_ONLY | SMOKE
    return lesson.trained(name, anchors(lesson, disguise), **changes)


def anchored_rows(label: str, run: Run) -> list[dict[str, Any]]:
    """A run of the experiment before and after training: what retrieval finds among all held-out sentences.

    `same_meaning` is top-1 retrieval, mean over both directions, with its 95 % interval; `same_relation` the share of
    sentences found that tell at least the same relation (who bought what; who travelled where), with the interval of
    as many independent questions as there are meanings; `mmlm_loss` the held-out cross-entropy in nats, known after
    training.
    """
    loaded = load_run(run)
    mmlm_loss = masked_reading(loaded, MMLM_OWN, 1_000).mean
    fresh = build_model(
        language_model(run.info.settings.model, loaded.tokenizer.size, run.info.settings.seed),
        run.info.settings,
    )
    rows = []
    for when, model in (("before training", fresh), ("after", loaded.model)):
        layer, sentences = run.info.settings.evaluation_layer, run.held_out()
        vectors = encode(model, loaded.tokenizer, sentences["text"].tolist(), [layer])[layer]
        sides = sides_of(sentences, vectors)
        mean = translation_accuracy(sides)
        loss = mmlm_loss if model is loaded.model else float("nan")
        coarse = _same_relation(*sides.values())
        meanings = sentences["meaning"].nunique()
        coarse_low, coarse_high = binomial_interval(coarse * meanings, meanings)
        rows.append({"tokens": label, "when": when, "same_meaning": mean.value, "low": mean.low, "high": mean.high,
                     "same_relation": coarse, "relation_low": float(coarse_low), "relation_high": float(coarse_high),
                     "mmlm_loss": loss})  # fmt: skip
    return rows


def guessing(run: Run) -> dict[str, Any]:
    """Shares that guessing finds among the held-out sentences: the same meaning, and the same relation."""
    meanings = run.held_out()["meaning"].unique()
    counts = np.bincount(Facts.load().unpack(meanings)[0])
    same = float(((counts / counts.sum()) ** 2).sum())
    return {"tokens": "guessing", "when": "", "same_meaning": 1 / len(meanings), "same_relation": same}


def _same_relation(source: LanguageVectors, target: LanguageVectors) -> float:
    """Share of sentences whose nearest one in the other language tells the same relation, mean over both directions."""
    facts = Facts.load()
    shares = []
    for queries, index in ((source, target), (target, source)):
        relations = facts.unpack(queries.meanings)[0]
        best = (unit(queries.vectors) @ unit(index.vectors).T).argmax(1)
        shares.append(float((facts.unpack(index.meanings[best])[0] == relations).mean()))
    return sum(shares) / 2


def conclusion(
    rows: Iterable[Mapping[str, Any]], certainty: pd.DataFrame, anchored: pd.DataFrame
) -> list[str]:
    """Conclusion of the lesson, in sentences with numbers."""
    row = tightest(rows)["mmlm"]
    left = "the context leaves a choice"
    after = anchored[anchored["when"] == "after"].set_index("tokens")
    before = anchored[anchored["when"] == "before training"].set_index("tokens")
    guess = anchored[anchored["tokens"] == "guessing"].iloc[0]
    sentences = [
        f"**MMLM**: {row['words']}. The model reached {row['share']:.0%} of the truth, and beyond the language "
        f"{row['share_beyond_language']:.0%}.",
    ]
    if left in certainty.index:
        choice = certainty.loc[left]
        sentences.append(
            f"The context leaves a choice for {choice['share']:.0%} of the tokens. There {choice['exact']:.2f} nats "
            f"stay open even to the ideal reader; the model is left {choice['model']:.2f}."
        )
    for tokens in ("shared", "disguised"):
        end, start = after.loc[tokens], before.loc[tokens]
        sentences.append(
            f"Tokens {tokens}: the nearest sentence tells the same relation in {start['same_relation']:.0%} before "
            f"training, **{end['same_relation']:.0%}** [{end['relation_low']:.0%}, {end['relation_high']:.0%}] after; "
            f"guessing finds {guess['same_relation']:.0%}. It is the translation in "
            f"{start['same_meaning']:.1%}, then **{end['same_meaning']:.1%}** [{end['low']:.1%}, {end['high']:.1%}]; "
            f"guessing {guess['same_meaning']:.1%}."
        )
    shared, hidden = after.loc["shared"], after.loc["disguised"]
    chance = max(guess["same_relation"], before.loc["disguised", "same_relation"])
    alone = (
        "still aligns relations beyond guessing, against prediction 3: structure alone ties the languages"
        if hidden["relation_low"] > chance
        else "aligns nothing that this run can show, as prediction 3 has it"
    )
    sentences.append(f"{_difference(shared, hidden)}. Without shared tokens, training {alone}.")
    return sentences


def _difference(shared: pd.Series, disguised: pd.Series) -> str:
    """Shared less disguised in relations found, with the interval that those of both give (Newcombe 1998)."""
    keys = ("same_relation", "relation_low", "relation_high")
    mean, low, high = (float(shared[key]) for key in keys)
    without, without_low, without_high = (float(disguised[key]) for key in keys)
    value = mean - without
    down = math.hypot(mean - low, without_high - without)
    up = math.hypot(high - mean, without - without_low)
    verdict = "higher" if value > down else "lower" if value < -up else "not told apart"
    return (
        f"Tokens shared less tokens disguised: {100 * value:+.0f} [{100 * (value - down):+.0f}, "
        f"{100 * (value + up):+.0f}] points of relations, **{verdict}** (one run of each, one seed)"
    )


def bound_from_loss(rows: Iterable[Mapping[str, Any]]) -> Numbers:
    """Exercise: what is MMLM's bound, from a cross-entropy?"""
    row = tightest(rows)["mmlm"]
    return Numbers("mmlm.bound", row["nats"], {**row, "loss": row["ceiling"] - row["nats"]})


def least_loss(rows: Iterable[Mapping[str, Any]]) -> Numbers:
    """Exercise: which cross-entropy can no model go below?"""
    row = tightest(rows)["mmlm"]
    return Numbers(
        "mmlm.floor", row["ceiling"] - row["truth"], {"zero": 0.0, "loss": row["ceiling"] - row["nats"]}
    )


def open_token(tokens: pd.DataFrame) -> Choice:
    """Exercise: which token of `sentence` does its context tell least of? Numbers count from 1."""
    most = float(tokens["uncertainty"].max())
    rows = [{**row, "most": most} for row in tokens.to_dict("records")]
    right = {at for at, row in enumerate(rows, start=1) if row["uncertainty"] >= most - 0.01}
    return Choice("mmlm.open_token", dict(enumerate(rows, start=1)), right)
