"""A run opened for the ledger: its newest checkpoint, and its text as it sampled it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.config import TextSettings
from core.model.infoxlm import InfoXLM
from core.progress import Progress, no_progress
from core.text.encoded import EncodedCorpus
from core.text.sampling import Reads, Sampler
from core.text.tokenizer import Tokenizer
from lab.evaluate.ledger.reading import Reading
from lab.evaluate.trained import trained_model
from lab.evaluate.vectors import model_device
from lab.store import Run
from lab.text import corpus_of, encoded, sampler, token_nats, world_of
from lab.world import World

BATCH = 256
"""Sentences that the model reads at once."""


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
    corpus: EncodedCorpus
    sampler: Sampler
    progress: Progress
    readings: dict[tuple[str, int, int], Reading] = field(default_factory=dict, init=False)
    """Masked text that several rows are of, so that the model reads it once: by task, sentences and seed."""

    @property
    def meanings(self) -> np.ndarray:
        """All meanings of the corpus, trained on or held out."""
        return self.corpus.index.meanings

    @property
    def skewed(self) -> bool:
        """Whether the world draws some meanings more often than others."""
        return self.world is not None and self.world.settings["distribution"] != "uniform"

    @property
    def evaluation_layer(self) -> int:
        """The hidden state that evaluations read."""
        return self.model.settings.evaluation_layer_of(self.num_layers)

    @property
    def num_layers(self) -> int:
        """Layers of the encoder."""
        return self.model.encoder.config.num_hidden_layers

    def token_nats(self, reads: Reads) -> tuple[float, float]:
        """H(token) and I(token; language) of the corpus in nats, read as a task reads it."""
        return token_nats(self.corpus, self.sampler, self.tokenizer.size, reads)


def load_run(run: Run, progress: Progress = no_progress, text: TextSettings | None = None) -> LoadedRun:
    """Opens the run's checkpoint and what its sampler draws from.

    Args:
        run: with a checkpoint.
        progress: reports the reading of the corpus, and later what the ledger reads.
        text: proportions in which languages and pairs are read; default: the run's own.

    Raises:
        InputError: no checkpoint yet, or the corpus is gone or has changed.
    """
    info, trained = run.info, trained_model(run)
    settings = info.settings
    corpus = corpus_of(run)
    ids = encoded(corpus, trained.tokenizer, settings.model.max_tokens, progress)
    drawing = sampler(ids, settings.text if text is None else text, settings.seed, needs_pairs=False)
    tags = corpus.languages
    pairs: dict[tuple[str, str], float] = {}
    for languages, share in zip(drawing.split.pairs.languages, drawing.pair_p, strict=True):
        source, target = (tags[language] for language in languages)
        pairs[source, target] = pairs[target, source] = float(share) / 2
    return LoadedRun(
        run,
        trained.step,
        trained.model.to(model_device()),
        trained.tokenizer,
        world_of(corpus),
        {tag: float(share) for tag, share in zip(tags, drawing.language_p, strict=True)},
        pairs,
        ids,
        drawing,
        progress,
    )
