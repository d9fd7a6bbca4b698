"""Who did what to whom: is a sentence nearer to its translation than to that of the fact with the two people exchanged?

Both say nearly the same words, so a bag of words scores 1/2. Every hidden state of a run is read, and the baselines
that need no network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import InputError
from core.progress import Progress, no_progress
from lab.evaluate.baselines import BASELINES, DIMENSIONS, Text, encode_baseline, training_sentences
from lab.evaluate.intervals import share_interval
from lab.evaluate.labels import relations_of
from lab.evaluate.trained import trained_model
from lab.evaluate.vectors import encode, model_device
from lab.store import Run
from lab.text import corpus_of, world_of
from lab.world import World
from lab.world.facts import role_relations

CHANCE: Final = 0.5
TIE: Final = 1e-6
"""Cosines that differ by less are equal: equal bags give equal vectors up to rounding."""
TRUE, EXCHANGED = 0, 1


@dataclass(frozen=True)
class Questions:
    """Role facts and their exchanges, told in every language of a world.

    Attributes:
        languages: of the world.
        relations: what each fact tells, [facts].
        sentences: columns meaning, language, text; by language the facts, then their exchanges.
    """

    languages: tuple[str, ...]
    relations: np.ndarray
    sentences: pd.DataFrame

    @classmethod
    def of(cls, world: World, meanings: np.ndarray, seed: int = 0) -> "Questions":
        """The role facts among some meanings; a fact and its exchange are told in the same wording.

        Raises:
            InputError: there are none.
        """
        exchanged = world.exchanged(meanings)
        facts, twins = meanings[exchanged != meanings], exchanged[exchanged != meanings]
        if not len(facts):
            raise InputError(
                "this run holds out no role facts, so there is nobody to exchange: train on a world that tells them, "
                f"--world.relations {' '.join(role_relations())}"
            )
        rng = np.random.default_rng(seed)
        tables = []
        for tag in world.languages:
            wording = rng.random((len(facts), world.num_facts))
            for numbers in (facts, twins):
                texts = world.texts(numbers, tag, wording)
                tables.append(pd.DataFrame({"meaning": numbers, "language": tag, "text": texts}))
        return cls(world.languages, relations_of(world, facts), pd.concat(tables, ignore_index=True))

    @classmethod
    def of_held_out(cls, world: World | None, held_out: pd.DataFrame) -> "Questions | None":
        """The role facts among held-out sentences; None for text of no world, of one language, or without any."""
        if world is None or len(world.languages) < 2:
            return None
        meanings = held_out["meaning"].unique()
        return None if (world.exchanged(meanings) == meanings).all() else cls.of(world, meanings)

    @property
    def facts(self) -> np.ndarray:
        """The meanings that are asked for, [facts]."""
        return self.sentences["meaning"].to_numpy()[: len(self.relations)]

    def by_fact(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Totals and weights, [facts]: sum(totals) / sum(weights) is the mean over relations of their accuracies."""
        _, at, counts = np.unique(self.relations, return_inverse=True, return_counts=True)
        weights = 1 / counts[at]
        return weights * np.nanmean(self.answers(vectors), axis=(0, 1)), weights

    def answers(self, vectors: np.ndarray) -> np.ndarray:
        """Score of each question, [languages, languages, facts]: queries in the first, candidates in the second.

        1 where the translation is nearer by cosine than its exchange, 1/2 where both are equally near, else 0; NaN
        where both languages are one. `vectors` are those of the sentences, [sentences, dimensions].
        """
        count = len(self.languages)
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        unit = unit.reshape(count, 2, len(self.relations), -1)
        scores = np.full((count, count, len(self.relations)), np.nan)
        for source in range(count):
            for target in set(range(count)) - {source}:
                cosines = (unit[source, TRUE] * unit[target]).sum(-1)
                margin = cosines[TRUE] - cosines[EXCHANGED]
                scores[source, target] = np.where(np.abs(margin) < TIE, CHANCE, margin > 0)
        return scores

    def rows(self, vectors: np.ndarray) -> Iterator[dict[str, Any]]:
        """Accuracy of vectors, of all directions and relations and of each alone; 95 % intervals over facts."""
        scores = self.answers(vectors)
        every = np.ones(len(self.relations), dtype=bool)
        yield _row(scores, every)
        for relation in dict.fromkeys(self.relations):
            yield _row(scores, self.relations == relation, relation=str(relation))
        for source, target in zip(*np.nonzero(~np.isnan(scores[:, :, 0])), strict=True):
            yield _row(
                scores[source, target][None, None],
                every,
                source=self.languages[source],
                target=self.languages[target],
            )


def _row(
    scores: np.ndarray,
    facts: np.ndarray,
    relation: str | None = None,
    source: str | None = None,
    target: str | None = None,
) -> dict[str, Any]:
    totals = np.nanmean(scores[:, :, facts], axis=(0, 1))
    low, high = share_interval(totals)
    return {
        "relation": relation,
        "source": source,
        "target": target,
        "accuracy": float(totals.mean()),
        "low": float(low),
        "high": float(high),
        "chance": CHANCE,
        "n": int(facts.sum()),
    }


def evaluate_roles(
    run: Run,
    dimensions: int = DIMENSIONS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Accuracy with which hidden states of a run, and baselines, tell translations from those of exchanged facts.

    The facts are those that the run holds out; their exchanges may be among those that it is trained on.

    Args:
        run: trained on a world that tells role facts.
        dimensions: of the baselines that reduce.
        seed: of the wordings, where the world has paraphrases.
        progress: called with sentences encoded and in all.

    Raises:
        InputError: no checkpoint, text that no world wrote, or no role facts held out.
    """
    corpus = corpus_of(run)
    world = world_of(corpus)
    if world is None:
        raise InputError(f"no world wrote {corpus.folder}, so nobody knows whom its sentences can exchange")
    held_out = run.held_out()["meaning"].unique()
    questions = Questions.of(world, held_out, seed)
    trained = trained_model(run)
    model = trained.model.to(model_device())
    layers, pooling = range(model.encoder.config.num_hidden_layers + 1), run.info.settings.measure.pooling
    texts = questions.sentences["text"].tolist()
    states = encode(model, trained.tokenizer, texts, list(layers), pooling, progress)
    read = [(f"layer {layer}", states[layer]) for layer in layers]
    text = Text.of(questions.sentences, training_sentences(corpus, held_out), trained.tokenizer)
    read += [(name, encode_baseline(name, text, dimensions)[0]) for name in BASELINES]
    return {
        "run": run.name,
        "task": "roles",
        "pooling": pooling,
        "dimensions": dimensions,
        "facts": len(questions.relations),
        "rows": [{"vectors": name, **row} for name, vectors in read for row in questions.rows(vectors)],
    }
