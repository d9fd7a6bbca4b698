"""What the ledger measures: a run with its newest checkpoint, what its tasks see of the text, and the truth of that."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from core.config import TextSettings
from core.model.infoxlm import InfoXLM
from core.text.corpus import Corpus
from core.text.tokenizer import Tokenizer
from lab import store
from lab.evaluate.trained import trained_model
from lab.evaluate.vectors import model_device
from lab.store import Run
from lab.text import corpus_of, encoded, entropies, sampler
from lab.world import World
from lab.world.ideal import IdealReader, Shares
from lab.world.truth import RATE, Truth, truth

TRUTH_SENTENCES = 1_000
BATCH = 256
"""Sentences that the model reads at once."""
ALONE: Final = "mmlm of the languages of tlm"
"""What a translation adds is told for like and like; pairs may see some languages more often than sentences do."""
Progress = Callable[[str, int, int], None]


def silent(phase: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class Subject:
    """A run opened for the ledger: its newest checkpoint, and its text as it sampled it."""

    run: Run
    step: int
    model: InfoXLM
    tokenizer: Tokenizer
    world: World | None
    languages: Mapping[str, float]
    """Probability of each language of a sentence."""
    pairs: Mapping[tuple[str, str], float]
    """Probability of each directed pair of languages."""
    token_entropies: Mapping[str, float]
    """H(token) of the corpus by task."""
    meanings: np.ndarray
    """All meanings of the corpus, trained on or held out."""
    progress: Progress

    @property
    def skewed(self) -> bool:
        """Whether the world draws some meanings more often than others."""
        return self.world is not None and self.world.settings["distribution"] != "uniform"


def open_subject(run: Run, progress: Progress = silent, text: TextSettings | None = None) -> Subject:
    """The run's checkpoint and what its sampler draws from.

    With `text`, languages and pairs are read in other proportions than the run's own.

    Raises:
        InputError: no checkpoint yet, or the corpus is gone or has changed.
    """
    info, trained = run.info, trained_model(run)
    settings = info.settings
    text = settings.text if text is None else text
    corpus = corpus_of(run)
    tokenizer = trained.tokenizer
    ids = encoded(
        corpus,
        tokenizer,
        settings.model.max_tokens,
        lambda done, of: progress("reading the corpus", done, of),
    )
    drawing = sampler(ids, text, settings.seed, needs_pairs=False)
    tags = corpus.languages
    pairs: dict[tuple[str, str], float] = {}
    for languages, share in zip(drawing.split.pairs.languages, drawing.pair_p, strict=True):
        source, target = (tags[language] for language in languages)
        pairs[source, target] = pairs[target, source] = float(share) / 2
    return Subject(
        run,
        trained.step,
        trained.model.to(model_device()),
        tokenizer,
        world_of(corpus),
        {tag: float(share) for tag, share in zip(tags, drawing.language_p, strict=True)},
        pairs,
        entropies(ids, drawing, tokenizer.size),
        ids.index.meanings,
        progress,
    )


def world_of(corpus: Corpus) -> World | None:
    """The world that wrote a corpus, or None for other text."""
    described = dict(corpus.info.world or {})
    for known in ("entropy_nats", "information_nats"):
        described.pop(known, None)
    return World.load(**described) if described else None


def masked_tasks(subject: Subject) -> list[str]:
    """Those that the text allows: a corpus without translations has no TLM."""
    return ["mmlm", "tlm"] if subject.pairs else ["mmlm"]


def all_tasks(subject: Subject) -> list[str]:
    """Those, and MMLM as TLM meets the languages."""
    return [*masked_tasks(subject), *([ALONE] if subject.pairs else [])]


def shares_of(subject: Subject, task: str) -> Shares:
    """How often a task sees each language, or each ordered pair."""
    if task == "tlm":
        return subject.pairs
    if task == "mmlm":
        return {(tag,): share for tag, share in subject.languages.items()}
    sides: dict[tuple[str, ...], float] = {}
    for pair, share in subject.pairs.items():
        for tag in pair:
            sides[(tag,)] = sides.get((tag,), 0.0) + share / 2
    return sides


def truth_of(subject: Subject, sentences: int = TRUTH_SENTENCES, seed: int = 0) -> dict[str, Truth]:
    """What is attainable in MMLM and TLM; empty for real text.

    Computed once for all runs that read the same text in the same proportions, and kept in each run's folder.
    """
    world, run = subject.world, subject.run
    if world is None:
        return {}
    tasks = all_tasks(subject)
    key = [world.digest, subject.tokenizer.digest, tasks, sentences, RATE, seed]
    kept = run.document("truth")
    if kept is None or kept["key"] != key:
        shares = [sorted(shares_of(subject, task).items()) for task in tasks]
        digest = hashlib.sha256(json.dumps([key, shares]).encode()).hexdigest()[:16]
        shared = store.cache_folder() / f"truth-{digest}.json"
        if not shared.is_file():
            subject.progress("computing the truth, once per text", 0, 1)
            reader = IdealReader(world, subject.tokenizer)
            found = {task: truth(reader, shares_of(subject, task), sentences, RATE, seed) for task in tasks}
            made = {"key": key, "tasks": {task: asdict(one) for task, one in found.items()}}
            store.replace(shared, json.dumps(made).encode())
            subject.progress("computing the truth, once per text", 1, 1)
        kept = json.loads(shared.read_bytes())
        run.write_document("truth", kept)
    return {task: Truth(**values) for task, values in kept["tasks"].items()}
