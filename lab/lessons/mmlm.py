"""Lesson 02: what a context knows of a masked token, and what tokens shared between languages do."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.text.corpus import write_corpus
from lab import store
from lab.evaluate.ledger.ideal_reader import Readers
from lab.figures.ledger import tightest
from lab.figures.tasks import MMLM_OWN
from lab.lessons.exercises import Choice, Numbers
from lab.lessons.scale import Lesson
from lab.store import Run
from lab.world import World

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


def own_row(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The ledger's row of MMLM on its own sentences; that on TLM's sentences where both are the same."""
    rows_by_task = tightest(rows)
    return rows_by_task.get(MMLM_OWN, rows_by_task["mmlm"])


def parts(row: Mapping[str, Any]) -> pd.DataFrame:
    """H(token) of a row of the ledger in four parts, in nats per masked token and as shares; they add up.

    A context tells its language, so I(context; token) = I(language; token) + I(context; token given the language).
    """
    language = row["language_nats"]
    nats = {
        "the language": language,
        "the context beyond its language, shown by the run": row["nats"] - language,
        "the context beyond its language, not shown": row["truth"] - row["nats"],
        "left open by the context": row["ceiling"] - row["truth"],
    }
    table = pd.DataFrame({"nats": nats})
    return table.assign(share=table["nats"] / row["ceiling"])


def vocabulary_for_entropy(row: Mapping[str, Any], readers: Readers) -> Numbers:
    """Exercise: by how many nats does log |V| less a perfect model's loss exceed the information?"""
    log_size = math.log(readers.loaded.tokenizer.size)
    excess = log_size - row["ceiling"]
    values = {"log_size": log_size, "formula": excess + row["nats"], "perfect": excess + row["truth"],
              "no_loss": log_size - row["truth"]}  # fmt: skip
    return Numbers("mmlm.vocabulary", excess, {**row, **values})
