"""Lesson 04: how the contrast is set up, and what each choice does to its bound."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from scipy.optimize import brentq

from core.information.bounds import infonce
from lab.evaluate.key_encoder import followed
from lab.evaluate.ledger.xlco import cosine_ceiling
from lab.evaluate.negatives import CANDIDATES, MEANINGS, ceilings, left_out_shows, perfect_scores
from lab.lessons.exercises import Numbers
from lab.lessons.small_studies import value_of
from lab.store.study import StudyFolder

MEANT: Final = 0.9


def candidates_in_words(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Bounds of one model with the fewest and with the most candidates of its ledger, in nats per sentence pair."""
    measured = [row for row in rows if row["task"] == "xlco" and row["method"] != "infonce"]
    least, most = measured[0], measured[-1]
    return [
        f"With {least['candidates']:,} candidates there are {_reached(least)}, with {most['candidates']:,} "
        f"{_reached(most)}. The truth is {most['truth']:.2f} nats: a ceiling as high needs "
        f"{math.exp(most['truth']):,.0f} candidates, and to come near it even the best model needs many times as many.",
        "The model is the same throughout. What rises is what the question lets it show, not what it knows.",
    ]


def _reached(row: Mapping[str, Any]) -> str:
    return (
        f"**at least {row['at_least']:.2f} nats** per pair of sentences (95 % confidence; bound {row['nats']:.2f}, of "
        f"{row['attainable']:.2f} that the ideal critic shows, under the ceiling {row['ceiling']:.2f})"
    )


def temperature_in_words(study: StudyFolder) -> list[str]:
    """What temperature 1 hides in the scores of its run, and what its vectors lack beside those of 0.1."""
    candidates = study.info.base.examples_of("contrast")
    curve = study.curves().query("metric == 'xlco' and arm == 'temperature-1.0'")
    reached = float(curve["value"].iloc[-1])
    blunt, sharp = (value_of(study, f"temperature-{each}", "xlco_trained") for each in (1.0, 0.1))
    limit = ceilings(candidates, [1.0]).loc[1.0, "batch"]
    hidden = "the scores hid the difference" if blunt > reached else "the scores hid nothing"
    lacking = (
        "a fitted temperature does not bring back that difference, so temperature 1 trained worse vectors"
        if sharp > blunt
        else "temperature 1 trained vectors that are no worse"
    )
    return [
        f"At temperature 1 a batch of {candidates} cannot show more than {limit:.2f} nats; training reached "
        f"{reached:.2f}. With a fitted temperature the bound of the same vectors is {blunt:.2f} on held-out text, with "
        f"as many candidates: {hidden}. That of vectors trained at 0.1 is {sharp:.2f}: {lacking}."
    ]


def momentum_in_words(study: StudyFolder) -> list[str]:
    """Share of their way that key encoders go in the steps of a study, and the retrieval of its arms."""
    steps = study.info.base.steps
    way = followed(updates=steps).set_index("momentum").loc[0.9999]
    retrieved = {
        arm: value_of(study, arm, "retrieval")
        for arm in ("fp32-0.99", "fp32-0.9999", "fp16-0.9999", "frozen")
    }
    return [
        f"In {steps:,} updates a key encoder with momentum 0.9999 goes {way['float32']:.1%} of its way in float32 and "
        f"{way['float16']:.1%} in float16; a frozen one goes none. Retrieval: {retrieved['fp32-0.99']:.1%} at momentum "
        f"0.99, {retrieved['fp32-0.9999']:.1%} (float32) and {retrieved['fp16-0.9999']:.1%} (float16) at 0.9999, "
        f"{retrieved['frozen']:.1%} frozen. The fewer the updates, the less precision can matter: in 150,000, as in "
        f"the paper, float32 would go {1 - 0.9999**150_000:.0%} of the way."
    ]


def queue_in_words(study: StudyFolder) -> list[str]:
    """Age of the keys in a short and in a long queue, and the bounds of both runs with as many candidates."""
    pairs = study.info.base.examples_of("contrast")
    short, long = (value_of(study, f"queue-{size}", "xlco") for size in (64, 1_024))
    return [
        f"A queue of 1,024 keys, {pairs} of them new in each step, reaches {1_024 / pairs:.0f} steps back; one of 64 "
        f"keys {64 / pairs:.0f}. Its ceiling in training is {math.log(1_025):.2f} nats instead of "
        f"{math.log(65):.2f}. Read on held-out text with as many candidates as each other, the bound of the long one "
        f"is {long:.2f} nats, that of the short one {short:.2f}."
    ]


def mixup_in_words(study: StudyFolder) -> list[str]:
    """Retrieval of single sentences, trained one pair at a time or two joined."""
    alone, joined = (value_of(study, arm, "retrieval") for arm in ("one-pair", "same-languages"))
    return [
        f"Retrieval of single sentences: {alone:.1%} when pairs are trained one at a time, {joined:.1%} when two are "
        f"joined, a difference of {100 * (joined - alone):+.1f} points. The evaluation reads single sentences, which "
        "these arms with mixup never train."
    ]


def highest_temperature(nats: float = 4.0, candidates: int = 64) -> Numbers:
    """Exercise: up to which temperature can cosines show so many nats with so many candidates?"""
    highest = float(np.asarray(brentq(lambda each: cosine_ceiling(candidates, each) - nats, 0.02, 50.0)))
    return Numbers("xlco.temperature", highest, {"nats": nats, "candidates": candidates, "half": highest / 2})


def updates_to_follow(momentum: float = 0.9999) -> Numbers:
    """Exercise: after how many updates has a key encoder in float32 gone nine tenths of its way?"""
    updates = math.log(1 - MEANT) / math.log(momentum)
    values = {"momentum": momentum, "way": MEANT, "times": 150_000 / updates,
              "tenth": math.log(MEANT) / math.log(momentum), "time_constant": 1 / (1 - momentum)}  # fmt: skip
    return Numbers("xlco.momentum", updates, values)


def age_of_the_oldest_key(queue: int = 131_072, pairs: int = 2_048) -> Numbers:
    """Exercise: how many optimizer steps old is the oldest key of a queue?"""
    return Numbers(
        "xlco.staleness", queue / pairs, {"queue": queue, "pairs": pairs, "difference": queue - pairs}
    )


def left_out(meanings: int = MEANINGS, candidates: int = CANDIDATES) -> Numbers:
    """Exercise: what does a perfect critic show once candidates of the query's meaning are left out?"""
    scores, positive, _ = perfect_scores(meanings, candidates)
    staying = (candidates - 1) * (1 - 1 / meanings)
    values = {"truth": math.log(meanings), "bound": float(infonce(scores, positive)),
              "ceiling": math.log(candidates), "log_of_mean": math.log1p(staying)}  # fmt: skip
    return Numbers("xlco.left_out", left_out_shows(meanings, candidates), values)
