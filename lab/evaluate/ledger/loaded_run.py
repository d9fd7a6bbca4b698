"""What the ledger measures: a run with its newest checkpoint, what its tasks see of the text, and the truth of that."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from core.config import TextSettings
from core.model.infoxlm import InfoXLM
from core.objectives.mmlm import MMLM
from core.objectives.tlm import TLM
from core.text.corpus import Corpus
from core.text.tokenizer import Tokenizer
from lab import store
from lab.evaluate.trained import trained_model
from lab.evaluate.vectors import model_device
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.store import Run
from lab.text import corpus_of, encoded, sampler, token_nats
from lab.world import World
from lab.world.ideal import IdealReader, LanguageDistribution
from lab.world.truth import RATE, ExactInformation, pair_truths, sides_of, truth

TRUTH_SENTENCES = 1_000
BATCH = 256
"""Sentences that the model reads at once."""
Progress = Callable[[str, int, int], None]


def no_progress(phase: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class LoadedRun:
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
    language_nats: Mapping[str, float]
    """I(token; language) of the corpus by task."""
    meanings: np.ndarray
    """All meanings of the corpus, trained on or held out."""
    progress: Progress

    @property
    def skewed(self) -> bool:
        """Whether the world draws some meanings more often than others."""
        return self.world is not None and self.world.settings["distribution"] != "uniform"


def load_run(run: Run, progress: Progress = no_progress, text: TextSettings | None = None) -> LoadedRun:
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
    reads = {MMLM.key: MMLM.reads} | ({TLM.key: TLM.reads} if pairs else {})
    nats = {task: token_nats(ids, drawing, tokenizer.size, kind) for task, kind in reads.items()}
    return LoadedRun(
        run,
        trained.step,
        trained.model.to(model_device()),
        tokenizer,
        world_of(corpus),
        {tag: float(share) for tag, share in zip(tags, drawing.language_p, strict=True)},
        pairs,
        {task: entropy for task, (entropy, _) in nats.items()},
        {task: language for task, (_, language) in nats.items()},
        ids.index.meanings,
        progress,
    )


def world_of(corpus: Corpus) -> World | None:
    """The world that wrote a corpus, or None for other text."""
    described = dict(corpus.info.world or {})
    for known in ("entropy_nats", "information_nats"):
        described.pop(known, None)
    return World.load(**described) if described else None


def masked_tasks(loaded: LoadedRun) -> list[str]:
    """Keys of the masked tasks that the text allows, in the order of the ledger.

    Where there are translations, MMLM reads the sentences of TLM with TLM's masks, so that their difference is one of
    the same tokens. Where pairs see languages in other proportions than sentences do, MMLM is also measured as
    `MMLM_OWN`.
    """
    if not loaded.pairs:
        return ["mmlm"]
    of_sentences, of_pairs = (language_distribution(loaded, task) for task in (MMLM_OWN, "mmlm"))
    same = of_sentences.keys() == of_pairs.keys() and all(
        math.isclose(of_sentences[tag], of_pairs[tag], abs_tol=1e-9) for tag in of_sentences
    )
    return ["mmlm", "tlm", ADDED] if same else ["mmlm", "tlm", ADDED, MMLM_OWN]


def language_distribution(loaded: LoadedRun, task: str) -> LanguageDistribution:
    """How often a task sees each language, or each ordered pair."""
    if task in ("tlm", ADDED):
        return loaded.pairs
    if task == MMLM_OWN or not loaded.pairs:
        return {(tag,): share for tag, share in loaded.languages.items()}
    return sides_of(loaded.pairs)


def truth_of(
    loaded: LoadedRun, sentences: int = TRUTH_SENTENCES, seed: int = 0
) -> dict[str, ExactInformation]:
    """What is attainable in MMLM and TLM; empty for real text.

    Computed once for all runs that read the same text in the same proportions, and kept in each run's folder.
    """
    world, run = loaded.world, loaded.run
    if world is None:
        return {}
    tasks = masked_tasks(loaded)
    key = [world.digest, loaded.tokenizer.digest, tasks, sentences, RATE, seed]
    kept = run.document("truth")
    if kept is None or kept["key"] != key:
        shares = [sorted(language_distribution(loaded, task).items()) for task in tasks]
        digest = hashlib.sha256(json.dumps([key, shares]).encode()).hexdigest()[:16]
        shared = store.cache_folder() / f"truth-{digest}.json"
        if not shared.is_file():
            loaded.progress("computing the truth, once per text", 0, 1)
            exact = _truths(loaded, IdealReader(world, loaded.tokenizer), sentences, seed)
            document = {"key": key, "tasks": {task: asdict(exact[task]) for task in tasks}}
            store.replace(shared, json.dumps(document).encode())
            loaded.progress("computing the truth, once per text", 1, 1)
        kept = json.loads(shared.read_bytes())
        run.write_document("truth", kept)
    return {task: ExactInformation(**values) for task, values in kept["tasks"].items()}


def _truths(loaded: LoadedRun, reader: IdealReader, sentences: int, seed: int) -> dict[str, ExactInformation]:
    alone = truth(reader, language_distribution(loaded, MMLM_OWN), sentences, RATE, seed)
    if not loaded.pairs:
        return {"mmlm": alone}
    mmlm, tlm, added = pair_truths(reader, loaded.pairs, sentences, RATE, seed)
    return {"mmlm": mmlm, "tlm": tlm, ADDED: added, MMLM_OWN: alone}
