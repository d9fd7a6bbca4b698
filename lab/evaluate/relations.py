"""Retrieval of sentences that tell the same relation, before and after training."""

from typing import Any

import numpy as np

from core.model.infoxlm import language_model
from core.objectives import build_model
from lab.evaluate.intervals import binomial_interval
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.masked import masked_reading
from lab.evaluate.means import translation_accuracy
from lab.evaluate.pools import LanguageVectors
from lab.evaluate.retrieval import sides_of
from lab.evaluate.vectors import encode
from lab.figures.tasks import MMLM_OWN
from lab.projection import unit
from lab.store import Run
from lab.world.facts import Facts


def relation_rows(label: str, run: Run) -> list[dict[str, Any]]:
    """Retrieval among the held-out sentences of two languages, before training and after it.

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
