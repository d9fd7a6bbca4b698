"""Sentences with their vectors: those of a run, or of any encoder, at one hidden state."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import InputError
from core.progress import Progress, no_progress
from core.text.corpus import open_corpus
from lab import store
from lab.evaluate.encoders import Encoder, PackedEncoder, open_encoder
from lab.evaluate.foreign import Prompts, other_reading, own_prompts
from lab.evaluate.trained import trained_model
from lab.store import Run
from lab.text import all_sentences, drawn_meanings


@dataclass(frozen=True)
class SentenceProtocol:
    """How sentences are read: None where the run or checkpoint decides.

    Attributes:
        layer: hidden state, 0 = embeddings, as transformers counts them.
        pooling: of the tokens, `<s>` and `</s>` included: their mean, the first or the last; or "own", by the modules
            of a sentence encoder.
        meanings: so many of each language, drawn at random, are compared with their translations; None for all.
        prompt: read before every sentence; None for the checkpoint's default, which a run has not.

    Raises:
        InputError: no meanings.
    """

    layer: int | None = None
    pooling: str | None = None
    meanings: int | None = 10_000
    prompt: str | None = None

    def __post_init__(self) -> None:
        if self.meanings is not None and self.meanings < 1:
            raise InputError(f"expected --meanings from 1, got {self.meanings}")


@dataclass(frozen=True)
class EncodedSentences:
    """Sentences and their vectors.

    Attributes:
        sentences: columns meaning, language, text.
        vectors: [sentences, width].
        layer, pooling, prompt: how they were read.
        prompts: words about the prompts of the checkpoint; empty for a run.
        reading: difference from the sentence vectors that the checkpoint defines; empty if none.
        trained_on: whether the text has the content that the run was trained on.
    """

    sentences: pd.DataFrame
    vectors: np.ndarray
    layer: int
    pooling: str
    prompt: str
    prompts: str = ""
    reading: str = ""
    trained_on: bool = False


def encode_run(
    run: Run, corpus_folder: Path | None, protocol: SentenceProtocol, progress: Progress = no_progress
) -> EncodedSentences:
    """Sentences that a run is measured on, or of a corpus, with the vectors of its newest checkpoint.

    Raises:
        InputError: the run has no checkpoint yet, or the layer does not exist.
    """
    settings, trained = run.info.settings, trained_model(run)
    encoder = PackedEncoder(trained.model, trained.tokenizer)
    default = settings.evaluation_layer_of(encoder.num_layers), settings.measure.pooling
    corpus = open_corpus(corpus_folder) if corpus_folder else None
    sentences = all_sentences(corpus) if corpus else run.held_out()
    compared, vectors, layer, pooling = _encoded(encoder, sentences, default, protocol, progress)
    trained_on = corpus is not None and corpus.info.sha256 == run.info.corpus_hash
    return EncodedSentences(compared, vectors, layer, pooling, protocol.prompt or "", trained_on=trained_on)


def encode_checkpoint(
    start: str, corpus_folder: Path, protocol: SentenceProtocol, progress: Progress = no_progress
) -> EncodedSentences:
    """Sentences of a corpus with the vectors of a checkpoint, a folder or a hub name.

    Raises:
        InputError: it cannot be opened, or the layer does not exist.
    """
    sentences = all_sentences(open_corpus(corpus_folder))
    opened = open_encoder(start, protocol.layer, protocol.pooling)
    prompts = own_prompts(start) if protocol.prompt is None else Prompts()
    prompt = protocol.prompt or prompts.text
    default = opened.layer, opened.pooling
    compared, vectors, layer, pooling = _encoded(
        opened.encoder, sentences, default, protocol, progress, prompt
    )
    reading = other_reading(start, opened.encoder.num_layers, layer, pooling)
    return EncodedSentences(compared, vectors, layer, pooling, prompt, prompts.words, reading)


def encode_named(
    name: str, corpus_folder: Path | None, protocol: SentenceProtocol, progress: Progress = no_progress
) -> EncodedSentences:
    """Sentences with the vectors of a run, or of a checkpoint that is no run.

    Raises:
        InputError: there is neither, or a checkpoint is named without text.
    """
    if names_run(name):
        return encode_run(store.open_run(name), corpus_folder, protocol, progress)
    return encode_checkpoint(name, text_for(name, corpus_folder), protocol, progress)


def names_run(name: str) -> bool:
    """Whether a name means a run; folders and names with a slash mean a checkpoint, unless a run has that name."""
    return store.is_run(name) or not ("/" in name or Path(name).is_dir())


def text_for(checkpoint: str, corpus_folder: Path | None) -> Path:
    """The corpus that a checkpoint is measured on.

    Raises:
        InputError: none is named.
    """
    if corpus_folder is None:
        raise InputError(f"{checkpoint} is no run, so it holds no text: name some with --corpus FOLDER")
    return corpus_folder


def _encoded(
    encoder: Encoder,
    sentences: pd.DataFrame,
    default: tuple[int, str],
    protocol: SentenceProtocol,
    progress: Progress,
    prompt: str | None = None,
) -> tuple[pd.DataFrame, np.ndarray, int, str]:
    layer = default[0] if protocol.layer is None else protocol.layer
    pooling = protocol.pooling or default[1]
    if not 0 <= layer <= encoder.num_layers:
        raise InputError(f"expected a layer from 0 to {encoder.num_layers}, got {layer}")
    compared = sentences if protocol.meanings is None else drawn_meanings(sentences, protocol.meanings)
    compared = compared.reset_index(drop=True)
    before = (protocol.prompt or "") if prompt is None else prompt
    vectors = encoder.vectors(compared["text"].tolist(), [layer], pooling, before, progress)[layer]
    _check(vectors, compared)
    return compared, vectors, layer, pooling


def _check(vectors: np.ndarray, sentences: pd.DataFrame) -> None:
    """Refuses vectors that have no direction: those of damaged weights, or of a hidden state that is all zeros."""
    directed = np.isfinite(vectors).all(1) & (np.abs(vectors).max(1) > 0)
    if not directed.all():
        text = sentences["text"].iloc[int(np.argmin(directed))]
        raise InputError(
            f"{int((~directed).sum()):,} of {len(vectors):,} sentence vectors are zero or not finite, such as that of "
            f"{text[:40]!r}: the weights are damaged, or the hidden state holds nothing"
        )
